package endpoint

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// BuilderProcedure is the name of the builder in logs, metrics and rules.
const BuilderProcedure = "/sando.mcp.v1.McpBuilder/Post"

// Builder serves the tools that customise mappings, for API tokens as bearers.
func (e *Endpoint) Builder(tools []*tool.Tool) (http.Handler, error) {
	set, err := tool.NewSet(tools, tool.Options{Style: tool.Full})
	if err != nil {
		return nil, err
	}
	builder := &server{shared: &shared{set: set, sdk: e.build(set)}, maxBytes: scope.DefaultResultBytes}
	rule := access.Rule{Service: "mcp", Kinds: []string{access.KindAPI}, Deferred: true}
	h, err := e.guarded(BuilderProcedure, rule, e.owner, func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		caller, _ := access.FromContext(ctx)
		if err := e.admitOrigin(w, r, caller); err != nil {
			return err
		}
		return e.answer(ctx, w, r, &visit{server: builder})
	})
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			preflight(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}), nil
}

// owner is the caller behind an API token.
func (e *Endpoint) owner(ctx context.Context, info *connect.CallInfo) (*access.Caller, error) {
	bearer, ok := access.BearerOf(info.RequestHeader().Get(access.HeaderAuthorization))
	if !ok {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "").WithFix("Send an API token as `Authorization: Bearer ...`.")
	}
	return e.o.Authenticator.Authenticate(ctx, bearer, "")
}
