// Package allinone composes the four services in one process, on one port, with in-process calls between them.
package allinone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// service is what the four have in common.
type service interface {
	Mount(public, internal *edge.Mux) error
	Ready() error
	Run(ctx context.Context) error
	Close() error
}

// A Product is the four services, built and listening but not yet serving.
type Product struct {
	// Auth is the auth service, for the operator's acts that have no API.
	Auth *auth.Service

	log      *slog.Logger
	services []app.Part
	debug    *daemon.DebugServer
	server   *edge.Server
}

// New builds everything and binds the ports. What fails leaves nothing open.
func New(ctx context.Context, cfg Config, log *slog.Logger, t telemetry.Telemetry) (*Product, error) {
	p := &Product{log: log}
	if err := p.open(ctx, cfg, t); err != nil {
		return nil, errors.Join(err, p.closeServices(ctx))
	}
	return p, nil
}

// open builds the services and binds the ports.
func (p *Product) open(ctx context.Context, cfg Config, t telemetry.Telemetry) error {
	errorTable, err := access.ErrorTable()
	if err != nil {
		return err
	}
	public := edge.NewMux(edge.MuxOptions{Errors: errorTable, JSON: access.JSON(), Log: p.log, Compress: cfg.Edge.Compress})
	// Nobody listens to this one: internal calls go by the switchboard.
	internal := edge.NewMux(edge.MuxOptions{Errors: errorTable, JSON: access.JSON(), Log: p.log})
	if err := p.build(ctx, cfg, t, func(name string, s service) error {
		// Two parts, because what a service holds is freed only after its Run has returned.
		p.services = append(p.services,
			app.Part{Name: name + " state", Close: func(context.Context) error { return s.Close() }},
			app.Part{Name: name, Run: s.Run})
		public.ReadyWhen(name, s.Ready)
		return s.Mount(public, internal)
	}); err != nil {
		return err
	}
	if p.debug, err = cfg.Debug.Bind(p.log); err != nil {
		return err
	}
	if p.server, err = edge.Listen(cfg.Edge, public.Handler(), nil); err != nil {
		return errors.Join(err, p.debug.Close(ctx))
	}
	return nil
}

// build constructs the services in the order in which they start and hands each to add.
func (p *Product) build(ctx context.Context, cfg Config, t telemetry.Telemetry, add func(name string, s service) error) error {
	data, err := catalog.Default()
	if err != nil {
		return err
	}
	board := &switchboard{byProcedure: make(map[string]connect.Transport)}
	outgoing, err := access.Outgoing(t)
	if err != nil {
		return err
	}
	others := connect.NewClient(board, outgoing...)
	named := func(name string) *slog.Logger { return p.log.With("service", name) }

	p.Auth, err = auth.New(ctx, cfg.Auth, auth.Deps{Log: named("auth"), Telemetry: t, Catalog: data, Proxy: others})
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	board.plug(p.Auth.InternalServer())
	if err := add("auth", p.Auth); err != nil {
		return err
	}
	proxyService, err := proxy.New(ctx, cfg.Proxy, proxy.Deps{Log: named("proxy"), Telemetry: t, Catalog: data, Auth: others})
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	board.plug(proxyService.InternalServer())
	board.plug(proxyService.PublicServer())
	if err := add("proxy", proxyService); err != nil {
		return err
	}
	unifiedService, err := unified.New(ctx, cfg.Unified, unified.Deps{Log: named("unified"), Telemetry: t, Catalog: data, Auth: others, Proxy: others})
	if err != nil {
		return fmt.Errorf("unified: %w", err)
	}
	board.plug(unifiedService.PublicServer())
	if err := add("unified", unifiedService); err != nil {
		return err
	}
	mcpService, err := mcp.New(ctx, cfg.MCP, mcp.Deps{Log: named("mcp"), Telemetry: t, Catalog: data, Auth: others, Proxy: others, Unified: others})
	if err != nil {
		return fmt.Errorf("mcp: %w", err)
	}
	return add("mcp", mcpService)
}

// Addr is the address of the public listener.
func (p *Product) Addr() string { return p.server.Addr() }

// Parts lists what runs, in the order of starting: the port opens last and closes first.
func (p *Product) Parts() []app.Part {
	return append(p.services,
		app.Part{Name: "debug listener", Run: p.debug.Run, Close: p.debug.Close},
		app.Part{Name: "public listener", Run: p.server.Run, Close: p.server.Close})
}

// closeServices frees what was built when building could not be finished.
func (p *Product) closeServices(ctx context.Context) error {
	var errs []error
	for i := len(p.services) - 1; i >= 0; i-- {
		if free := p.services[i].Close; free != nil {
			errs = append(errs, free(ctx))
		}
	}
	return errors.Join(errs...)
}
