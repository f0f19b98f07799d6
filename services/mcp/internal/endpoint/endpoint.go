// Package endpoint serves MCP over Streamable HTTP at /mcp: one URL for clients of every revision, stateless, so that any replica answers any
// request. The protocol is the SDK's; who may call, what is shown and what a call does are decided here.
package endpoint

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/propagation"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/mcp/internal/call"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// MaxBody is the limit of a request: a file of 3 MiB in base64, and what surrounds it.
const MaxBody = 6 << 20

// Procedure is the name of the endpoint in logs, metrics and rules.
const Procedure = "/sando.mcp.v1.McpEndpoint/Post"

// Options are what an [Endpoint] needs.
type Options struct {
	Log           *slog.Logger
	Telemetry     telemetry.Telemetry
	Errors        *rpcerr.Table
	Authenticator access.Authenticator
	Watch         access.Watch
	// Tools are all tools there are.
	Tools []*tool.Tool
	// Pipeline carries out calls.
	Pipeline *call.Pipeline
	// Seen is told which client used which server.
	Seen Seen
	// Ring seals what clients carry from one request to the next: sessions, and questions to the user.
	Ring *sealed.Ring
	// AskTimeout is how long a call waits for its user's answer, where the client is asked on the stream of the call.
	AskTimeout time.Duration
	// Relay hands a sealed answer of a user to every replica, of which one waits for it; see [Endpoint.Answered].
	Relay func(ctx context.Context, answer string) error
	// Origins are browser origins that may call every server, besides those of its environment.
	Origins []string
	// PageSize is how many tools one page of tools/list holds.
	PageSize int
	// Version is the version of the software, shown to clients.
	Version string
	// Extend adds to the SDK's servers what is none of our tools. Only the conformance suite needs it, whose fixtures must pass the same stack.
	Extend func(*mcp.Server)
}

// Seen notes the use of servers. It must not block.
type Seen interface {
	// Used says that a server was used, and by which client where that is known.
	Used(server *internalauthv1.McpServer, client string)
	// Client is the last client known to use a server, or empty.
	Client(server *internalauthv1.McpServer) string
}

// An Endpoint is the MCP endpoint. It may be used concurrently.
type Endpoint struct {
	o       Options
	servers *servers
	sdk     http.Handler
	// waiting are the calls that wait for their users.
	waiting waiting
	// buffers keeps those of answers.
	buffers sync.Pool
	// propagator reads the trace of a call from its _meta.
	propagator propagation.TextMapPropagator
	// sdkOnly leaves every request to the SDK, to compare.
	sdkOnly bool
	// serverMeta names the server in results of the stateless revisions.
	serverMeta []byte
}

// New makes an endpoint.
func New(o Options) (*Endpoint, error) {
	e := &Endpoint{o: o, propagator: o.Telemetry.Propagator, waiting: waiting{calls: make(map[string]chan verdict)}}
	var err error
	if e.serverMeta, err = serverMeta(e.implementation()); err != nil {
		return nil, err
	}
	e.servers = newServers(o.Tools, e.build)
	e.sdk = mcp.NewStreamableHTTPHandler(
		func(r *http.Request) *mcp.Server { return visitFrom(r.Context()).server.sdk },
		&mcp.StreamableHTTPOptions{
			Stateless:           true,
			JSONResponse:        true,
			MaxRequestBodyBytes: MaxBody,
			// Requests are told apart by their token and their Origin; a Host that is not the listener's own is normal behind a proxy.
			DisableLocalhostProtection:   true,
			PropagateRequestCancellation: true,
		})
	return e, nil
}

// Usage is what the cache of servers does: look-ups with and without an answer, and servers held.
func (e *Endpoint) Usage() (hits, misses, entries int64) { return e.servers.usage() }

// Handler serves the endpoint: /mcp with the token as bearer, /mcp/{token} with the token in the path.
func (e *Endpoint) Handler() (http.Handler, error) {
	rule := access.Rule{Service: "mcp", Kinds: []string{access.KindMCP}, Deferred: true}
	h, err := e.guarded(Procedure, rule, e.server, e.serve)
	if err != nil {
		return nil, err
	}
	return hideToken(h), nil
}

// guarded runs a handler behind the chain that every call passes.
func (e *Endpoint) guarded(
	procedure string, rule access.Rule, admit func(context.Context, *connect.CallInfo) (*access.Caller, error),
	serve func(context.Context, http.ResponseWriter, *http.Request) error,
) (http.Handler, error) {
	chain, err := interceptor.Chain(
		interceptor.Recover(e.o.Log),
		interceptor.RequestID(),
		interceptor.Telemetry(e.o.Telemetry),
		interceptor.Log(e.o.Log),
		interceptor.Deadline(access.DefaultDeadline, 0),
		e.authenticate(admit),
		access.Authorise(map[string]access.Rule{procedure: rule}, e.o.Watch),
		interceptor.Validate(),
		interceptor.Errors(e.o.Errors, e.o.Log),
	)
	if err != nil {
		return nil, err
	}
	spec := connect.Spec{Procedure: procedure, StreamType: connect.StreamTypeBidi}
	return gateway.NewStreams(e.o.Errors, chain).Handler(spec, serve), nil
}

// serve answers a request of an agent to its server.
func (e *Endpoint) serve(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	caller, _ := access.FromContext(ctx)
	if err := e.admitOrigin(w, r, caller); err != nil {
		return err
	}
	server, err := e.servers.of(caller.MCP, caller.Grant)
	if err != nil {
		return err
	}
	interceptor.Note(ctx, slog.String("mcp_server_id", caller.MCP.GetId()))
	return e.answer(ctx, w, r, &visit{server: server, record: caller.MCP})
}

// answer lets the short way or the SDK answer a request.
func (e *Endpoint) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit) error {
	// Proxies must not collect answers.
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		return rpcerr.New(rpcerr.MethodNotAllowed, "this endpoint keeps nothing between two requests, so it takes POST only")
	}
	v.session, v.streams = e.session(r.Header, v), readsStreams(r.Header)
	lenientAccept(r)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f := e.unread(err)
		f.note(ctx)
		f.write(w, nil)
		return nil
	}
	if !e.fast(ctx, w, r, v, body) {
		e.slow(ctx, w, r, v, body)
	}
	return nil
}

// slow answers what is not ordinary, faults of JSON-RPC among it.
func (e *Endpoint) slow(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit, body []byte) {
	value, f := parsed(r.Header, body)
	if f == nil && value.Kind() != '[' {
		e.one(ctx, w, r, v, value)
		return
	}
	var all []jsontext.Value
	if f == nil {
		all, f = messages(value, r.Header.Get(headerVersion))
	}
	if f != nil {
		f.note(ctx)
		f.write(w, nil)
		return
	}
	e.batch(ctx, w, r, v, all)
}

// one answers one message: the short way, the SDK, or with what is wrong about it.
func (e *Endpoint) one(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit, body jsontext.Value) {
	if e.fast(ctx, w, r, v, body) {
		return
	}
	m, f := open(body, r.Header.Get(headerVersion))
	switch {
	case f != nil:
		f.note(ctx)
		f.write(w, m.ID)
		return
	case m.ignored():
		w.WriteHeader(http.StatusAccepted)
		return
	case e.heard(ctx, w, m):
		return
	}
	sent, stand := m.replaced(body)
	asked := r.WithContext(context.WithValue(ctx, visitKey{}, v))
	asked.Body = io.NopCloser(bytes.NewReader(sent))
	t := &translator{ResponseWriter: w, id: m.ID, stand: stand}
	e.sdk.ServeHTTP(t, asked)
	if v.begun != nil {
		e.begin(w.Header(), v)
	}
	t.finish()
}

// begin gives the client the session that it has begun. Without one it is served all the same.
func (e *Endpoint) begin(h http.Header, v *visit) {
	if v.record == nil || v.begun.version < batchVersion {
		return // the first revision knows no sessions
	}
	if id, err := e.sessionID(*v.begun, v.record.GetId()); err == nil {
		h.Set(headerSession, id)
	}
}

// visit is one request to a server.
type visit struct {
	server *server
	record *internalauthv1.McpServer
	// session is what the client said of itself when it began; streams says that it reads streams.
	session session
	streams bool
	// begun is the session that this request begins; nil for none.
	begun *session
}

type visitKey struct{}

// visitFrom is the visit that a context belongs to; serve puts it there.
func visitFrom(ctx context.Context) *visit {
	v, _ := ctx.Value(visitKey{}).(*visit)
	return v
}

// readsStreams says whether a client takes events.
func readsStreams(h http.Header) bool {
	return strings.Contains(strings.Join(h.Values("Accept"), ","), "text/event-stream")
}

// lenientAccept lets in clients that name no content type, or only JSON, which is what they get.
func lenientAccept(r *http.Request) {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" || strings.Contains(accept, "*/*") || strings.Contains(accept, "application/json") {
		r.Header.Set("Accept", "application/json, text/event-stream")
	}
}
