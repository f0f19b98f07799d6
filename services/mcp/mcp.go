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
	"go.opentelemetry.io/otel/trace"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
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

// component is the service's name in metrics.
const component = "mcp"

// New builds the service; nothing runs before Run.
func New(_ context.Context, cfg Config, d Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	p, err := newParts(cfg, d)
	if err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	s := &Service{
		access:   access.New(p.Auth, access.Options{Log: p.Log, Now: p.Now}),
		auditor:  access.NewAuditor(p.Auth, p.Log),
		seen:     seen.New(p.Auth, p.Log, p.Now),
		internal: connect.NewServer(),
	}
	if err := errors.Join(
		access.Measure(p.Telemetry, component, s.access, s.auditor),
		telemetry.KeyAge(p.Telemetry, component, map[string]sealed.Key{"sealing": cfg.SealingKeys[0]}),
	); err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	if err := s.buildEndpoints(p); err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	if s.public, err = s.publicServer(p); err != nil {
		return nil, fmt.Errorf("mcp: %w", err)
	}
	return s, nil
}

// parts are what the service is made of.
type parts struct {
	Deps
	cfg    Config
	errors *rpcerr.Table
	ring   *sealed.Ring
	// tools are all tools of agents, builders those that customise mappings.
	tools, builders []*tool.Tool
}

func newParts(cfg Config, d Deps) (p parts, err error) {
	p = parts{Deps: d, cfg: cfg}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Catalog == nil {
		if p.Catalog, err = catalog.Default(); err != nil {
			return p, err
		}
	}
	if p.errors, err = access.ErrorTable(); err != nil {
		return p, err
	}
	if p.ring, err = sealed.ParseRing(cfg.SealingKeys); err != nil {
		return p, fmt.Errorf("sealing_keys: %w", err)
	}
	if p.tools, err = tool.All(p.Catalog, integration); err != nil {
		return p, err
	}
	p.builders, err = tool.ForBuilder()
	return p, err
}

func (s *Service) buildEndpoints(p parts) error {
	agents, err := endpoint.New(endpoint.Options{
		Log:           p.Log,
		Telemetry:     p.Telemetry,
		Errors:        p.errors,
		Authenticator: s.access,
		Watch:         s.access,
		Tools:         p.tools,
		Pipeline:      s.pipeline(p),
		Seen:          s.seen,
		Ring:          p.ring,
		AskTimeout:    p.cfg.AskTimeout,
		Relay:         relay(p.Auth),
		Origins:       p.cfg.AllowedOrigins,
		PageSize:      p.cfg.ToolsPageSize,
		Version:       app.Version(),
	})
	if err != nil {
		return err
	}
	if err := telemetry.Cache(p.Telemetry, component, "servers", agents.Usage); err != nil {
		return err
	}
	s.access.OnAnswers(agents.Answered)
	if s.endpoint, err = agents.Handler(); err != nil {
		return err
	}
	s.builder, err = agents.Builder(p.builders)
	return err
}

// relay hands users' answers to every replica by way of auth.
func relay(auth *connect.Client) func(context.Context, string) error {
	answers := internalauthv1connect.NewMcpAnswerServiceClient(auth)
	return func(ctx context.Context, answer string) error {
		_, err := answers.RelayMcpAnswer(ctx, &internalauthv1.RelayMcpAnswerRequest{Answer: answer})
		return err
	}
}

func (s *Service) pipeline(p parts) *call.Pipeline {
	var tracer trace.Tracer
	if p.Telemetry.Tracing {
		tracer = p.Telemetry.TracerProvider.Tracer("github.com/sando-dev/sando/services/mcp")
	}
	return call.New(call.Options{
		Tracer: tracer,
		Errors: p.errors,
		Backends: map[tool.Backend]call.Backend{
			tool.Proxy:   call.NewProxy(p.Proxy, p.errors),
			tool.Unified: call.NewUnified(p.Unified, p.errors),
			tool.Builder: call.NewBuilder(p.Unified, p.errors, p.tools),
		},
		Recorder: s.auditor,
		Gate:     call.NewGate(p.ring, p.Now),
		Known:    p.tools,
		Timeout:  p.cfg.CallTimeout,
		Now:      p.Now,
	})
}

func (s *Service) publicServer(p parts) (*connect.Server, error) {
	chain, err := access.Chain(access.ChainOptions{
		Log:           p.Log,
		Telemetry:     p.Telemetry,
		Authenticator: s.access,
		Watch:         s.access,
		Rules:         servers.Rules(),
		Errors:        p.errors,
	})
	if err != nil {
		return nil, err
	}
	server := connect.NewServer(chain...)
	service := servers.New(servers.Options{Auth: p.Auth, Tools: p.tools, PublicBaseURL: p.cfg.PublicBaseURL, Now: p.Now})
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
