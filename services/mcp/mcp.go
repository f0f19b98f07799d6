// Package mcp is the MCP service: servers for agents, each a scoped and expiring capability for one account, with tools that are derived from
// the catalog. It has no store: servers are tokens of auth, and the work is done by proxy and unified under the caller's own grant.
package mcp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	mcpv1 "github.com/sando-dev/sando/gen/sando/mcp/v1"
	"github.com/sando-dev/sando/gen/sando/mcp/v1/mcpv1connect"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/mcp/internal/call"
	"github.com/sando-dev/sando/services/mcp/internal/endpoint"
	"github.com/sando-dev/sando/services/mcp/internal/seen"
	"github.com/sando-dev/sando/services/mcp/internal/servers"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

// integration is the one whose tools are served.
const integration = "torii"

// Deps are what the service is built with. The clients must carry [access.Outgoing].
type Deps struct {
	Log       *slog.Logger
	Telemetry telemetry.Telemetry
	// Catalog is where the tools come from; nil means the one that is compiled in.
	Catalog *catalog.Catalog
	// Auth is auth's internal mount, Proxy and Unified are the services that do the work.
	Auth, Proxy, Unified *connect.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// A Service is the mcp service.
type Service struct {
	access   *access.Client
	auditor  *access.Auditor
	seen     *seen.Tracker
	public   *connect.Server
	internal *connect.Server
	// endpoint serves agents, builder those who customise mappings.
	endpoint, builder http.Handler
}

// New builds the service; nothing runs before Run.
func New(_ context.Context, cfg Config, d Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	errorTable, err := access.ErrorTable()
	if err != nil {
		return nil, err
	}
	if d.Catalog == nil {
		if d.Catalog, err = catalog.Default(); err != nil {
			return nil, err
		}
	}
	ring, err := sealed.ParseRing(cfg.SealingKeys)
	if err != nil {
		return nil, fmt.Errorf("mcp: sealing_keys: %w", err)
	}
	tools, err := tool.All(d.Catalog, integration)
	if err != nil {
		return nil, err
	}
	s := &Service{
		access:   access.New(d.Auth, access.Options{Log: d.Log, Now: d.Now}),
		auditor:  access.NewAuditor(d.Auth, d.Log),
		seen:     seen.New(d.Auth, d.Log, d.Now),
		internal: connect.NewServer(),
	}
	builderTools, err := tool.ForBuilder()
	if err != nil {
		return nil, err
	}
	pipeline := call.New(call.Options{
		Log:    d.Log,
		Errors: errorTable,
		Backends: map[tool.Backend]call.Backend{
			tool.Proxy:   call.NewProxy(d.Proxy, errorTable),
			tool.Unified: call.NewUnified(d.Unified, errorTable),
			tool.Builder: call.NewBuilder(d.Unified, errorTable, tools),
		},
		Recorder: s.auditor,
		Gate:     call.NewGate(ring, d.Now),
		Known:    tools,
		Timeout:  cfg.CallTimeout,
		Now:      d.Now,
	})
	agents, err := endpoint.New(endpoint.Options{
		Log:           d.Log,
		Telemetry:     d.Telemetry,
		Errors:        errorTable,
		Authenticator: s.access,
		Watch:         s.access,
		Tools:         tools,
		Pipeline:      pipeline,
		Seen:          s.seen,
		Origins:       cfg.AllowedOrigins,
		PageSize:      cfg.ToolsPageSize,
		Version:       app.Version(),
	})
	if err != nil {
		return nil, err
	}
	if s.endpoint, err = agents.Handler(); err != nil {
		return nil, err
	}
	if s.builder, err = agents.Builder(builderTools); err != nil {
		return nil, err
	}
	s.public, err = s.publicServer(cfg, d, tools, errorTable)
	return s, err
}

func (s *Service) publicServer(cfg Config, d Deps, tools []*tool.Tool, errorTable *rpcerr.Table) (*connect.Server, error) {
	chain, err := access.Chain(access.ChainOptions{
		Log:           d.Log,
		Telemetry:     d.Telemetry,
		Authenticator: s.access,
		Watch:         s.access,
		Rules:         servers.Rules(),
		Errors:        errorTable,
	})
	if err != nil {
		return nil, err
	}
	server := connect.NewServer(chain...)
	service := servers.New(servers.Options{Auth: d.Auth, Tools: tools, PublicBaseURL: cfg.PublicBaseURL, Now: d.Now})
	mcpv1connect.RegisterMcpServerServiceHandler(server, service)
	mcpv1connect.RegisterToolServiceHandler(server, service)
	return server, access.RequireRules(server.Specs(), servers.Rules())
}

// PublicServer is the RPC server of McpServerService and ToolService.
func (s *Service) PublicServer() *connect.Server { return s.public }

// InternalServer has no procedures: nobody calls mcp from inside.
func (s *Service) InternalServer() *connect.Server { return s.internal }

// Callers are the services that may reach the internal mount over the network, which has health only.
func Callers() []string { return []string{"auth"} }

// Mount registers the service's surface: management over RPC and REST, and the MCP endpoint.
func (s *Service) Mount(public, _ *edge.Mux) error {
	public.RPC(s.public)
	agents := edge.MaxBody(endpoint.MaxBody, s.endpoint)
	public.Handle("/mcp", agents)
	public.Handle("/mcp/{token...}", agents)
	public.Handle("/mcp/builder", s.builder)
	return public.REST(s.public,
		gateway.Routes(mcpv1.NewMcpServerServiceClient, mcpv1.RegisterMcpServerServiceHandlerClient),
		gateway.Routes(mcpv1.NewToolServiceClient, mcpv1.RegisterToolServiceHandlerClient),
	)
}

// Run follows revocations, records calls and reports use until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	parts := []func(context.Context) error{s.access.Run, s.auditor.Run, s.seen.Run}
	errs := make([]error, len(parts))
	var running sync.WaitGroup
	for n, run := range parts {
		running.Go(func() { errs[n] = run(ctx) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// Close frees what the service holds, which is nothing beyond Run.
func (s *Service) Close() error { return nil }
