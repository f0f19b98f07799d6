// Package call carries out tool calls, whatever brought them: it checks arguments and scope, asks for confirmation where the server wants it,
// calls the service that does the work, keeps the answer within bounds, and records the call before anybody sees its answer.
package call

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/argument"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// A Call is one tools/call. The caller stands in the context, see [access.FromContext].
type Call struct {
	// Set is what the server shows.
	Set *tool.Set
	// MaxBytes bounds the result as it is sent, text and structured content together.
	MaxBytes int
	// Name is the tool as the client named it; Arguments are its arguments as they came.
	Name      string
	Arguments []byte
	// Client is the client's own name and version, as far as it is known.
	Client string
	// Answers is what the client says to an earlier question of this call; nil when there was none.
	Answers *Answers
	// Asks says that the client can put a question to its user.
	Asks bool
}

// An Outcome is how a call ended. One of its members is set.
type Outcome struct {
	// Structured is the answer, one JSON object.
	Structured []byte
	// Failure is the error object of a call that failed.
	Failure []byte
	// Refused says that the server has no such tool; a fault of the protocol, not of a tool.
	Refused *Refusal
	// Question must be answered by the user before the call is carried out.
	Question *Question
}

// A Refusal is a call of a tool that the server does not have.
type Refusal struct {
	Message string
	Object  []byte
}

// Input is a call as a backend gets it.
type Input struct {
	Tool      *tool.Tool
	Arguments *argument.Values
	// MaxBytes bounds the result as it is sent, see sent.
	MaxBytes int
	// Key is the idempotency key of a write; empty for none.
	Key string
	// Client is the client's own name and version, as far as it is known.
	Client string
	// Upstream is told the status that the provider answered with, where it was asked.
	Upstream *int32
}

// answered notes what the provider answered, as the service says that asked it.
func (in Input) answered(info *connect.CallInfo) {
	if status, err := strconv.ParseInt(info.ResponseHeader().Get(access.HeaderUpstreamStatus), 10, 32); err == nil && in.Upstream != nil {
		*in.Upstream = int32(status)
	}
}

// A Backend carries out the calls of one kind of tool. The answer is one JSON object.
type Backend interface {
	Call(ctx context.Context, in Input) ([]byte, error)
}

// A Recorder keeps the record of calls; see [access.Auditor].
type Recorder interface {
	Record(ctx context.Context, entries ...*authv1.LogEntry) error
}

// Options are what a [Pipeline] needs.
type Options struct {
	Errors   *rpcerr.Table
	Backends map[tool.Backend]Backend
	Recorder Recorder
	// Gate asks for confirmation; nil when no server can ask for it.
	Gate *Gate
	// Known are all tools there are, to tell a tool outside the scope from one that does not exist.
	Known []*tool.Tool
	// Timeout bounds one call.
	Timeout time.Duration
	// Now is the clock.
	Now func() time.Time
	// Tracer makes a span of each call; nil makes none.
	Tracer trace.Tracer
}

// A Pipeline carries out calls. It may be used concurrently.
type Pipeline struct {
	Options
	known map[string]*tool.Tool
	names []string
}

// New makes a pipeline.
func New(o Options) *Pipeline {
	p := &Pipeline{Options: o, known: make(map[string]*tool.Tool)}
	for _, t := range o.Known {
		p.known[t.Name], p.known[t.Short] = t, t
		p.names = append(p.names, t.Name)
	}
	return p
}

// Do carries out a call and records it.
func (p *Pipeline) Do(ctx context.Context, c Call) Outcome {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	w := &work{Call: c, start: p.Now()}
	ctx, end := p.span(ctx, w)
	out, err := p.carryOut(ctx, w)
	end(err)
	if recordErr := p.record(ctx, w, err); recordErr != nil {
		err = unrecorded(w, err, recordErr)
	}
	if err == nil {
		return out
	}
	object := p.object(ctx, err, c.MaxBytes)
	if w.refused {
		return Outcome{Refused: &Refusal{Message: p.Errors.From(err).Message, Object: object}}
	}
	return Outcome{Failure: object}
}

// object is the error object of a call. What the provider said word for word is left out where it has no room.
func (p *Pipeline) object(ctx context.Context, err error, bound int) []byte {
	id := interceptor.RequestIDFrom(ctx)
	object := p.Errors.Object(err, id)
	if sent(object) <= bound {
		return object
	}
	short := *p.Errors.From(err)
	short.Raw = nil
	return p.Errors.Object(&short, id)
}

// span makes the call a part of its trace.
func (p *Pipeline) span(ctx context.Context, w *work) (context.Context, func(error)) {
	if p.Tracer == nil {
		return ctx, func(error) {}
	}
	ctx, span := p.Tracer.Start(ctx, "tools/call")
	return ctx, func(err error) {
		if name := p.toolName(w); name != "" {
			span.SetAttributes(attribute.String("gen_ai.tool.name", name))
		}
		if err != nil {
			span.SetStatus(codes.Error, string(p.Errors.From(err).Code))
		}
		span.End()
	}
}

// work is a call on its way.
type work struct {
	Call
	start time.Time
	// tool is what is called in the end; for call_tool, the tool that it names.
	tool      *tool.Tool
	arguments *argument.Values
	// upstream is the status that the provider answered with; 0 where it was not asked.
	upstream int32
	// refused says that the server does not have the tool; asked that nothing was done but a question put; done that a write was carried out.
	refused, asked, done bool
}

func (p *Pipeline) carryOut(ctx context.Context, w *work) (Outcome, error) {
	if err := p.find(w); err != nil {
		return Outcome{}, err
	}
	if w.tool.Backend == tool.Discovery {
		answer, err := discover(w)
		return Outcome{Structured: answer}, err
	}
	if err := w.granted(ctx); err != nil {
		return Outcome{}, err
	}
	confirm := w.Set.Confirms(w.tool)
	values, err := w.tool.Read(w.Arguments, confirm)
	if err != nil {
		return Outcome{}, err
	}
	w.arguments = values
	in := Input{Tool: w.tool, Arguments: values, MaxBytes: w.MaxBytes, Client: w.Client, Upstream: &w.upstream}
	if confirm {
		question, key, err := p.Gate.pass(ctx, w)
		if err != nil || question != nil {
			w.asked = true
			return Outcome{Question: question}, err
		}
		in.Key = key
	}
	answer, err := p.Backends[w.tool.Backend].Call(ctx, in)
	if err != nil {
		// What the services say to their callers, they may say to ours: the grant is the same.
		return Outcome{}, p.cutOff(ctx, w, rpcerr.Relay(err))
	}
	w.done = !w.tool.ReadOnly()
	return Outcome{Structured: answer}, nil
}

// cutOff says what a cancellation means that is not the caller's: a process is stopping, this one or the one that does the work. A read can be made
// again; whether a write was carried out, nobody here knows.
func (p *Pipeline) cutOff(ctx context.Context, w *work, err error) error {
	if p.Errors.From(err).Code != rpcerr.Cancelled || ctx.Err() != nil && !draining(ctx) {
		return err
	}
	if !w.tool.ReadOnly() {
		return rpcerr.New(access.CodeOutcomeUnknown, "").WithCause(err)
	}
	return rpcerr.New(rpcerr.Unavailable, "").WithCause(err)
}

// draining says whether the server of the request is stopping.
func draining(ctx context.Context) bool {
	select {
	case <-edge.Draining(ctx):
		return true
	default:
		return false
	}
}

// find settles which tool is meant.
func (p *Pipeline) find(w *work) error {
	t, ok := w.Set.Listed(w.Name)
	if !ok {
		return p.refuse(w)
	}
	w.tool = t
	if t.Backend != tool.Discovery || t.Name != tool.CallTool {
		return nil
	}
	outer, err := t.Read(w.Arguments, false)
	if err != nil {
		return err
	}
	w.Name, w.Arguments = outer.Text(tool.ArgumentName), outer.Raw(tool.ArgumentArguments)
	if w.tool, ok = w.Set.Selected(w.Name); !ok {
		return p.refuse(w)
	}
	return nil
}

// refuse says why the server has no such tool: it is outside of its scope, or there is none.
func (p *Pipeline) refuse(w *work) error {
	w.refused = true
	if t, ok := w.Set.Selected(w.Name); ok {
		w.tool = t
		return rpcerr.Newf(access.CodeUnknownTool, "%q is not listed here, it is called through %s", w.Name, tool.CallTool).
			WithFix("Call " + tool.CallTool + " with the name and the arguments of the tool.")
	}
	if t, ok := p.known[w.Name]; ok {
		w.tool = t
		return rpcerr.Newf(access.CodeOperationNotGranted, "the tool %q is outside the scope of this server", w.Name)
	}
	e := rpcerr.Newf(access.CodeUnknownTool, "this server has no tool %q", w.Name)
	if near := nearest.Of(w.Name, p.names); near != "" {
		e = e.WithFix("Did you mean " + near + "? List the tools and use one of their names.")
	}
	return e
}

// granted refuses what the grant does not name, before anything is sent; proxy refuses it again.
func (w *work) granted(ctx context.Context) error {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return rpcerr.New(rpcerr.Unauthenticated, "")
	}
	for _, id := range w.tool.Grants {
		if !caller.Grant.MayOperation(id, !w.tool.ReadOnly()) {
			return rpcerr.New(access.CodeOperationNotGranted, "").WithDetail("operation", id)
		}
	}
	return nil
}

// unrecorded is the error of a call whose record could not be written. What was done cannot be taken back, so it is said.
func unrecorded(w *work, err, recordErr error) error {
	if !w.done {
		return recordErr
	}
	retry := false
	e := rpcerr.New(access.CodeAuditUnavailable, "the call was carried out, but could not be recorded in the audit log").
		WithFix("Do not repeat the call; read the record to see what it did.").WithCause(recordErr)
	e.Retryable = &retry
	return e
}

// envelope puts data under `result`.
func envelope(data json.RawMessage) []byte {
	b := make([]byte, 0, len(data)+len(`{"result":}`))
	b = append(b, `{"result":`...)
	b = append(b, data...)
	return append(b, '}')
}
