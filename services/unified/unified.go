// Package unified is the service that answers in normalised models: it reads the provider through the proxy, on behalf of the caller, and
// maps every record by the catalog and by what environments and accounts change in it. It stores no records.
package unified

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/sync/errgroup"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"

	"github.com/sando-dev/sando/services/unified/internal/cursor"
	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/layer"
	"github.com/sando-dev/sando/services/unified/internal/rest"
	"github.com/sando-dev/sando/services/unified/internal/rpc"
	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/upstream"
)

// integration is the one whose records are served.
const integration = "torii"

// Deps are what the service is built with. The clients must carry [access.Outgoing].
type Deps struct {
	// Log takes one line per call and never a secret.
	Log *slog.Logger
	// Telemetry measures and traces.
	Telemetry telemetry.Telemetry
	// Catalog holds the integrations; nil is the one that is compiled in.
	Catalog *catalog.Catalog
	// Auth is auth's internal mount, Proxy the proxy's public services.
	Auth, Proxy *connect.Client
	// Authenticator and Recorder replace these parts of auth in tests; nil asks Auth.
	Authenticator access.Authenticator
	Recorder      rpc.Recorder
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is unified.
type Service struct {
	access           *access.Client  // nil with an Authenticator of the caller's
	auditor          *access.Auditor // nil with a Recorder of the caller's
	store            store.Store
	mappings         *layer.Mappings
	errors           *rpcerr.Table
	log              *slog.Logger
	lane             *rest.Lane
	public, internal *connect.Server
}

// New opens the store and builds the service; nothing runs before Run.
func New(ctx context.Context, cfg Config, d Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("unified: %w", err)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Catalog == nil {
		var err error
		if d.Catalog, err = catalog.Default(); err != nil {
			return nil, fmt.Errorf("unified: %w", err)
		}
	}
	ring, err := sealed.ParseRing(cfg.SealingKeys)
	if err != nil {
		return nil, fmt.Errorf("unified: sealing_keys: %w", err)
	}
	s := &Service{internal: connect.NewServer()}
	if s.store, err = openStore(ctx, cfg.Store); err != nil {
		return nil, fmt.Errorf("unified: %w", err)
	}
	s.store = store.Impatient(s.store)
	if err := s.build(ctx, cfg, d, ring); err != nil {
		return nil, errors.Join(fmt.Errorf("unified: %w", err), s.store.Close())
	}
	return s, nil
}

// build makes the mappings and the public server on an open store.
func (s *Service) build(ctx context.Context, cfg Config, d Deps, ring *sealed.Ring) error {
	errs, err := access.ErrorTable()
	if err != nil {
		return err
	}
	if s.mappings, err = layer.New(ctx, d.Catalog, integration, s.store, d.Log); err != nil {
		return err
	}
	e := engine.New(s.mappings, upstream.New(d.Proxy), cursor.NewSealer(ring), errs, d.Now)
	options := access.ChainOptions{
		Log: d.Log, Telemetry: d.Telemetry, Rules: rpc.Rules(), Errors: errs, Authenticator: d.Authenticator,
	}
	if d.Authenticator == nil {
		s.access = access.New(d.Auth, access.Options{Log: d.Log, Now: d.Now})
		s.access.OnAccounts(e.Forget)
		options.Authenticator, options.Watch = s.access, s.access
	}
	if d.Recorder == nil {
		s.auditor = access.NewAuditor(d.Auth, d.Log)
		d.Recorder = s.auditor
	}
	if err := s.measure(d.Telemetry, cfg.SealingKeys[0], e); err != nil {
		return err
	}
	chain, err := access.Chain(options)
	if err != nil {
		return err
	}
	s.public = connect.NewServer(chain...)
	s.errors, s.log = errs, d.Log
	s.lane = &rest.Lane{Lists: rpc.Lists(), Server: s.public, Streams: gateway.NewStreams(errs, chain), Engine: e, JSON: access.JSON()}
	rpc.Register(s.public, e, rpc.Mapping{
		Mappings: s.mappings, Engine: e, Accounts: rpc.NewAccounts(d.Auth, errs), Store: s.store, Pages: rpc.Pages{Ring: ring},
		JSON: access.JSON(), Now: d.Now, Audit: rpc.Audit{Recorder: d.Recorder, Errors: errs, Now: d.Now},
	})
	return access.RequireRules(s.public.Specs(), rpc.Rules())
}

// PublicServer serves the public procedures, for transports within the process.
func (s *Service) PublicServer() *connect.Server { return s.public }

// InternalServer has no procedures: other services call the public ones, on behalf of their callers.
func (s *Service) InternalServer() *connect.Server { return s.internal }

// Callers are the services that may reach the internal mount over the network.
func Callers() []string { return []string{"mcp"} }

// Mount registers procedures and REST routes on the public mux, and the procedures on the internal one too, where other services reach them.
func (s *Service) Mount(public, internal *edge.Mux) error {
	public.RPC(s.public)
	if internal != nil {
		internal.RPC(s.public)
	}
	if err := public.REST(s.public, routes()...); err != nil {
		return fmt.Errorf("unified: %w", err)
	}
	// The lane stands before the gateway's routes for lists, so what it hands back needs a gateway of its own.
	generated := gateway.NewMux(gateway.Options{JSON: access.JSON(), Errors: s.errors, Log: s.log})
	for _, register := range routes() {
		if err := register(context.Background(), generated, gateway.Conn(s.public)); err != nil {
			return fmt.Errorf("unified: %w", err)
		}
	}
	s.lane.Gateway = generated
	if err := s.lane.Mount(public); err != nil {
		return fmt.Errorf("unified: %w", err)
	}
	return nil
}

// routes are the generated ones.
func routes() []gateway.Registration {
	return []gateway.Registration{
		gateway.Routes(userdirectoryv1.NewOrganizationServiceClient, userdirectoryv1.RegisterOrganizationServiceHandlerClient),
		gateway.Routes(userdirectoryv1.NewRoleServiceClient, userdirectoryv1.RegisterRoleServiceHandlerClient),
		gateway.Routes(userdirectoryv1.NewUserServiceClient, userdirectoryv1.RegisterUserServiceHandlerClient),
		gateway.Routes(ssov1.NewAppServiceClient, ssov1.RegisterAppServiceHandlerClient),
		gateway.Routes(ssov1.NewAppUserServiceClient, ssov1.RegisterAppUserServiceHandlerClient),
		gateway.Routes(mappingv1.NewMappingServiceClient, mappingv1.RegisterMappingServiceHandlerClient),
	}
}

// Run follows revocations and changes of mappings, and records what is to be recorded, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.mappings.Run(ctx) })
	if s.access != nil {
		g.Go(func() error { return s.access.Run(ctx) })
	}
	if s.auditor != nil {
		g.Go(func() error { return s.auditor.Run(ctx) })
	}
	return g.Wait()
}

// Close closes the store.
func (s *Service) Close() error { return s.store.Close() }
