package endpoint

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"go.opentelemetry.io/otel/propagation"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/services/mcp/internal/call"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

const (
	serverName = "sando"
	// errorMeta is where the error object of a failed call stands in `_meta`.
	errorMeta = "sando.dev/error"
	// confirmInput names our one question to the user.
	confirmInput = "confirm"
	// statelessVersion is the first revision whose requests carry everything about themselves.
	statelessVersion = "2026-07-28"
	// methodCallTool is the method of the protocol that calls a tool.
	methodCallTool = "tools/call"
)

const instructions = "Tools for one organisation's Torii account (SaaS management: users, applications, contracts, workflows, audit). " +
	"Lists come in pages: pass next_cursor of an answer, with the same filters, until it is null. " +
	"A failed call says what to do in suggested_fix; retry only when retryable is true, after retry_after seconds."

// implementation is how the server names itself.
func (e *Endpoint) implementation() *mcp.Implementation {
	return &mcp.Implementation{Name: serverName, Title: "sando", Version: e.o.Version}
}

// build makes the SDK's server for a set of tools.
func (e *Endpoint) build(set *tool.Set) *mcp.Server {
	s := mcp.NewServer(e.implementation(), &mcp.ServerOptions{
		Instructions: instructions,
		PageSize:     e.o.PageSize,
		Capabilities: &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		SetCacheable: func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.CacheScope = "private" },
	})
	for _, l := range set.List() {
		s.AddTool(&mcp.Tool{
			Name:         l.Name,
			Title:        l.Title,
			Description:  l.Description,
			InputSchema:  l.Input,
			OutputSchema: l.Output,
			Annotations: &mcp.ToolAnnotations{
				ReadOnlyHint:    l.Annotations.ReadOnlyHint,
				DestructiveHint: new(l.Annotations.DestructiveHint),
				IdempotentHint:  l.Annotations.IdempotentHint,
				OpenWorldHint:   new(l.Annotations.OpenWorldHint),
				Title:           l.Title,
			},
		}, e.callTool)
	}
	s.AddReceivingMiddleware(e.observe(set))
	if e.o.Extend != nil {
		e.o.Extend(s)
	}
	return s
}

// observe notes who calls, and catches calls of tools that the server does not have: those are recorded too.
func (e *Endpoint) observe(set *tool.Set) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
			v := visitFrom(ctx)
			interceptor.Note(ctx, slog.String("mcp_method", method))
			e.used(v, clientOf(req))
			if r, ok := req.(*mcp.CallToolRequest); ok && method == methodCallTool {
				if _, has := set.Listed(r.Params.Name); !has && e.o.Extend == nil {
					return nil, e.refuse(ctx, r)
				}
			}
			result, err := next(ctx, method, req)
			if r, ok := result.(*mcp.InitializeResult); ok && err == nil {
				if asked, ok := req.(*mcp.ServerRequest[*mcp.InitializeParams]); ok {
					s := began(asked.Params, r)
					v.begun = &s
				}
			}
			return result, err
		}
	}
}

// clientOf is the client's own name and version, where the request tells it.
func clientOf(req mcp.Request) string {
	var info *mcp.Implementation
	switch r := req.(type) {
	case *mcp.ServerRequest[*mcp.InitializeParams]:
		info = r.Params.ClientInfo
	case *mcp.CallToolRequest:
		info = r.ClientInfo()
	case *mcp.ListToolsRequest:
		info = r.ClientInfo()
	case *mcp.ServerRequest[*mcp.DiscoverParams]:
		info = r.ClientInfo()
	}
	return implementationText(info)
}

func implementationText(info *mcp.Implementation) string {
	if info == nil {
		return ""
	}
	return clientText(info.Name, info.Version)
}

// clientText is a client's name and version in one, cut to what a log line can bear.
func clientText(name, version string) string {
	const most = 200
	if name != "" && version != "" {
		name += "/" + version
	}
	return strings.ToValidUTF8(name[:min(len(name), most)], "")
}

// refuse answers a call of a tool that the server does not have.
func (e *Endpoint) refuse(ctx context.Context, r *mcp.CallToolRequest) error {
	out := e.o.Pipeline.Do(ctx, e.callOf(ctx, r))
	if out.Refused == nil {
		// The record could not be written.
		return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: "the call could not be recorded", Data: out.Failure}
	}
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: out.Refused.Message, Data: out.Refused.Object}
}

// callTool is the handler of every tool.
func (e *Endpoint) callTool(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	out := e.o.Pipeline.Do(e.joinTrace(ctx, r), e.callOf(ctx, r))
	switch {
	case out.Refused != nil:
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: out.Refused.Message, Data: out.Refused.Object}
	case out.Question != nil:
		return ask(out.Question), nil
	case out.Failure != nil:
		return &mcp.CallToolResult{
			IsError: true,
			Content: []mcp.Content{&mcp.TextContent{Text: string(out.Failure)}},
			Meta:    mcp.Meta{errorMeta: json.RawMessage(out.Failure)},
		}, nil
	}
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: string(out.Structured)}},
		StructuredContent: json.RawMessage(out.Structured),
	}, nil
}

func (e *Endpoint) callOf(ctx context.Context, r *mcp.CallToolRequest) call.Call {
	v := visitFrom(ctx)
	return call.Call{
		Set:       v.server.set,
		MaxBytes:  v.server.maxBytes,
		Name:      r.Params.Name,
		Arguments: r.Params.Arguments,
		Client:    e.clientName(v, implementationText(r.ClientInfo())),
		Asks:      canAsk(r),
		Answers:   answersOf(r.Params),
	}
}

// used notes that a server was used, and by whom as far as the request or its session says; the builder is no server.
func (e *Endpoint) used(v *visit, client string) {
	if v.record != nil {
		e.o.Seen.Used(v.record, cmp.Or(client, v.session.client))
	}
}

// clientName is who makes a call: whom the request names, else its session, else who used the server last.
func (e *Endpoint) clientName(v *visit, named string) string {
	if name := cmp.Or(named, v.session.client); name != "" || v.record == nil {
		return name
	}
	return e.o.Seen.Client(v.record)
}

// canAsk says whether the client can put a question to its user between two requests, as the stateless revisions have it. Clients of earlier ones
// are asked on the stream of the call, see askedCall.
func canAsk(r *mcp.CallToolRequest) bool {
	caps := r.ClientCapabilities()
	return r.ProtocolVersion() >= statelessVersion && caps != nil && elicitsForms(caps)
}

// ask turns a question into what the client shows its user.
func ask(q *call.Question) *mcp.CallToolResult {
	return &mcp.CallToolResult{
		RequestState: q.State,
		InputRequests: mcp.InputRequestMap{confirmInput: &mcp.ElicitParams{
			Mode:            "form",
			Message:         q.Message,
			RequestedSchema: json.RawMessage(`{"type":"object","properties":{}}`),
		}},
	}
}

// answersOf reads what the client says to our question; nil when it says nothing.
func answersOf(p *mcp.CallToolParamsRaw) *call.Answers {
	if p.RequestState == "" {
		return nil
	}
	answer, ok := p.InputResponses[confirmInput].(*mcp.ElicitResult)
	return &call.Answers{State: p.RequestState, Accepted: ok && answer.Action == "accept"}
}

// joinTrace continues the trace that the agent names in _meta, unless the HTTP request brought one.
func (e *Endpoint) joinTrace(ctx context.Context, r *mcp.CallToolRequest) context.Context {
	if r.Extra != nil && r.Extra.Header.Get("Traceparent") != "" {
		return ctx
	}
	carrier := propagation.MapCarrier{}
	for _, key := range []string{"traceparent", "tracestate"} {
		if text, ok := r.Params.Meta[key].(string); ok {
			carrier[key] = text
		}
	}
	if carrier["traceparent"] == "" {
		return ctx
	}
	return e.propagator.Extract(ctx, carrier)
}
