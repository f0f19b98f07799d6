package endpoint

import (
	"context"
	stdjson "encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/propagation"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/services/mcp/internal/call"
)

// The two methods that agents call all day are answered here, ahead of the SDK, when nothing about the request is out of the ordinary. Whatever
// is, goes to the SDK, which so decides every question of the protocol. A test holds the answers of both to each other.

// handshakeVersions are the revisions that begin with initialize, the newest first.
func handshakeVersions() []string {
	return []string{"2025-11-25", "2025-06-18", batchVersion, "2024-11-05"}
}

// handshakes says whether a revision begins with initialize; a request may leave its version out.
func handshakes(version string) bool {
	return version == "" || slices.Contains(handshakeVersions(), version)
}

const (
	methodListTools = "tools/list"
	headerVersion   = "Mcp-Protocol-Version"
	headerMethod    = "Mcp-Method"
	headerName      = "Mcp-Name"
)

// message is a request of JSON-RPC. Decoding refuses members given twice.
type message struct {
	Version string         `json:"jsonrpc"`
	ID      jsontext.Value `json:"id"`
	Method  string         `json:"method"`
	Params  jsontext.Value `json:"params"`
}

// params are the parameters of both methods.
type params struct {
	Meta      *meta          `json:"_meta"`
	Cursor    string         `json:"cursor"`
	Name      string         `json:"name"`
	Arguments jsontext.Value `json:"arguments"`
	// Responses and State belong to a call that was asked a question.
	Responses jsontext.Value `json:"inputResponses"`
	State     string         `json:"requestState"`
}

// meta is what a request says about itself.
type meta struct {
	Version      *string        `json:"io.modelcontextprotocol/protocolVersion"`
	Client       jsontext.Value `json:"io.modelcontextprotocol/clientInfo"`
	Capabilities jsontext.Value `json:"io.modelcontextprotocol/clientCapabilities"`
	Traceparent  string         `json:"traceparent"`
	Tracestate   string         `json:"tracestate"`
}

// request is an ordinary request.
type request struct {
	message
	params
	// client is what the client calls itself.
	client string
	// stateless says that it is of a revision without a handshake.
	stateless bool
}

// ordinary reads a request that can be answered here; false leaves it to the SDK.
func ordinary(r *http.Request, body []byte) (*request, bool) {
	if !holdsJSON(r.Header) || !acceptsJSON(r) || r.Header.Get("Last-Event-Id") != "" {
		return nil, false
	}
	q := &request{}
	if err := json.Unmarshal(body, &q.message); err != nil || q.message.Version != "2.0" || !plainID(q.ID) {
		return nil, false
	}
	switch {
	case q.Method != methodListTools && q.Method != methodCallTool:
		return nil, false
	case q.Params == nil && q.Method == methodCallTool:
		return nil, false
	case q.Params != nil:
		if err := json.Unmarshal(q.Params, &q.params); err != nil || q.Params.Kind() != '{' {
			return nil, false
		}
	}
	if q.Cursor != "" || q.Responses != nil || q.State != "" {
		return nil, false
	}
	return q, q.agrees(r.Header) && q.introduces()
}

// introduces reads the client's name, where the request tells it.
func (q *request) introduces() bool {
	if q.Meta == nil || q.Meta.Client == nil {
		return true
	}
	var info mcp.Implementation
	if q.Meta.Client.Kind() != '{' || stdjson.Unmarshal(q.Meta.Client, &info) != nil {
		return false
	}
	q.client = implementationText(&info)
	return true
}

// agrees says whether the headers say the same as the body, as the revision demands.
func (q *request) agrees(h http.Header) bool {
	version := h.Get(headerVersion)
	if version != statelessVersion {
		return handshakes(version) && (q.Meta == nil || q.Meta.Version == nil)
	}
	q.stateless = true
	return q.Meta != nil && q.Meta.Version != nil && *q.Meta.Version == version && capabilities(q.Meta.Capabilities) &&
		h.Get(headerMethod) == q.Method && (q.Method == methodListTools || h.Get(headerName) == q.Name)
}

// capabilities says whether a client's capabilities can be read; what is wrong with others the SDK says.
func capabilities(raw jsontext.Value) bool {
	switch {
	case string(raw) == "{}":
		return true
	case raw.Kind() != '{':
		return false
	}
	var caps mcp.ClientCapabilities
	return stdjson.Unmarshal(raw, &caps) == nil
}

// plainID takes strings and numbers, which are given back as they came.
func plainID(id jsontext.Value) bool { return id.Kind() == '"' || id.Kind() == '0' }

func holdsJSON(h http.Header) bool {
	if h.Get("Content-Type") == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/json"
}

func acceptsJSON(r *http.Request) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	return strings.Contains(accept, "application/json") && strings.Contains(accept, "text/event-stream")
}

// fast answers an ordinary request; false leaves it to the SDK.
func (e *Endpoint) fast(ctx context.Context, w http.ResponseWriter, r *http.Request, v *visit, body []byte) bool {
	q, ok := ordinary(r, body)
	if !ok || e.sdkOnly {
		return false
	}
	if q.Method == methodListTools {
		list, err := v.server.listed(ctx, e.sdk, v, q.stateless)
		if err != nil {
			return false
		}
		e.note(ctx, v, q)
		writeJSON(w, http.StatusOK, appendHead(nil, q.ID, `"result":`), list, []byte("}"))
		return true
	}
	t, ok := v.server.set.Listed(q.Name)
	asks := ok && v.server.set.MayAsk(t)
	if !ok || asks && !v.asksInStream(r.Header) {
		return false
	}
	e.note(ctx, v, q)
	if q.Meta != nil && q.Meta.Traceparent != "" && r.Header.Get("Traceparent") == "" {
		ctx = e.propagator.Extract(ctx, propagation.MapCarrier{"traceparent": q.Meta.Traceparent, "tracestate": q.Meta.Tracestate})
	}
	if asks {
		e.askedCall(ctx, w, v, q)
		return true
	}
	e.reply(w, q, e.o.Pipeline.Do(ctx, e.callFor(v, q)))
	return true
}

// note tells who calls, as the SDK's middleware does.
func (e *Endpoint) note(ctx context.Context, v *visit, q *request) {
	interceptor.Note(ctx, slog.String("mcp_method", q.Method))
	e.used(v, q.client)
}

// callFor is a call as the pipeline takes it.
func (e *Endpoint) callFor(v *visit, q *request) call.Call {
	return call.Call{
		Set: v.server.set, MaxBytes: v.server.maxBytes, Name: q.Name, Arguments: q.Arguments, Client: e.clientName(v, q.client),
	}
}

// largestKept is the largest buffer that is kept for further answers.
const largestKept = 256 << 10

// reply answers a call. Whoever writes the answer takes a copy, so its buffer serves again.
func (e *Endpoint) reply(w http.ResponseWriter, q *request, out call.Outcome) {
	buffer, ok := e.buffers.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	status, answer := e.outcome((*buffer)[:0], q, out)
	writeJSON(w, status, answer)
	if cap(answer) <= largestKept {
		*buffer = answer
		e.buffers.Put(buffer)
	}
}

// outcome appends the answer to a call, and says with which status it goes.
func (e *Endpoint) outcome(b []byte, q *request, out call.Outcome) (status int, answer []byte) {
	// A good answer stands in it twice, once as text: with a byte more for each quotation mark, and room for appendText to write words.
	b = slices.Grow(b, 3*len(out.Structured)+3*len(out.Failure)+512)
	switch {
	case out.Refused != nil && q.stateless:
		return http.StatusBadRequest, appendError(b, q.ID, out.Refused)
	case out.Refused != nil:
		return http.StatusOK, appendError(b, q.ID, out.Refused)
	case out.Failure != nil:
		return http.StatusOK, appendResult(b, q.ID, e.failed(out.Failure, q.stateless))
	default:
		return http.StatusOK, e.appendAnswer(b, q, out.Structured)
	}
}
