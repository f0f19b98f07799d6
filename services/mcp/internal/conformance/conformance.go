// Package conformance serves the fixtures of the MCP conformance suite through the stack of the product: the same listener, admission, chain and
// way around the SDK, with nobody behind it. It is for tests only and never shipped.
package conformance

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/mcp/internal/call"
	"github.com/sando-dev/sando/services/mcp/internal/endpoint"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// Handler serves the fixtures at /mcp/{any token}, to browsers of the given origins too.
func Handler(log *slog.Logger, origins ...string) (http.Handler, error) {
	data, err := catalog.Default()
	if err != nil {
		return nil, err
	}
	tools, err := tool.FromCatalog(data, "torii")
	if err != nil {
		return nil, err
	}
	errorTable, err := access.ErrorTable()
	if err != nil {
		return nil, err
	}
	ring, err := sealed.ParseRing([]sealed.Key{sealed.Generate()})
	if err != nil {
		return nil, err
	}
	owner := stranger{caller: &access.Caller{
		Grant: &grant.Grant{
			TokenID: "fixture", Kind: access.KindMCP, EnvironmentID: "fixture", Accounts: []string{"fixture"}, Read: true, Write: true,
			Operations: scope.ReachOf(tools).Operations, MCPServerID: "fixture",
		},
		MCP: &internalauthv1.McpServer{Id: "fixture", Config: []byte(`{}`), UpdatedAt: timestamppb.Now()},
	}}
	e, err := endpoint.New(endpoint.Options{
		Log: log, Telemetry: telemetry.Off(), Errors: errorTable, Authenticator: owner, Watch: owner, Tools: tools,
		Pipeline: call.New(call.Options{
			Errors: errorTable, Backends: map[tool.Backend]call.Backend{tool.Proxy: nobody{}}, Recorder: nobody{},
			Known: tools, Timeout: time.Minute, Now: time.Now,
		}),
		Seen: nobody{}, Ring: ring, AskTimeout: time.Minute, Relay: nobody{}.Relay, Origins: origins, PageSize: 100, Version: "conformance", Extend: addFixtures,
	})
	if err != nil {
		return nil, err
	}
	h, err := e.Handler()
	if err != nil {
		return nil, err
	}
	mux := edge.NewMux(edge.MuxOptions{Errors: errorTable, JSON: access.JSON(), Log: log})
	mux.Handle("/mcp/{token...}", edge.MaxBody(endpoint.MaxBody, h))
	return mux.Handler(), nil
}

// stranger takes every token for the one of the fixtures.
type stranger struct{ caller *access.Caller }

func (s stranger) Authenticate(context.Context, string, string) (*access.Caller, error) {
	return s.caller, nil
}
func (stranger) AllowRead() error  { return nil }
func (stranger) AllowWrite() error { return nil }

// nobody is what stands behind the stack.
type nobody struct{}

func (nobody) Call(context.Context, call.Input) ([]byte, error) {
	return nil, rpcerr.New(rpcerr.Unimplemented, "")
}
func (nobody) Record(context.Context, ...*authv1.LogEntry) error { return nil }
func (nobody) Relay(context.Context, string) error               { return nil }
func (nobody) Used(*internalauthv1.McpServer, string)            {}
func (nobody) Client(*internalauthv1.McpServer) string           { return "" }
