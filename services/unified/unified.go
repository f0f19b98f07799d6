// Package unified is the service that answers in normalised models: it reads the provider through the proxy, on behalf of the caller, and
// maps every record by the catalog and by what environments and accounts change in it. It stores no records.
package unified

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"

	"github.com/sando-dev/sando/services/unified/internal/cursor"
	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/layer"
	"github.com/sando-dev/sando/services/unified/internal/rpc"
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
	// Authenticator replaces auth in tests; nil asks Auth.
	Authenticator access.Authenticator
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Service is unified.
type Service struct {
	access           *access.Client // nil with an Authenticator of the caller's
	public, internal *connect.Server
}

// New builds the service; nothing runs before Run.
func New(_ context.Context, cfg Config, d Deps) (*Service, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("unified: %w", err)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	data := d.Catalog
	if data == nil {
		var err error
		if data, err = catalog.Default(); err != nil {
			return nil, fmt.Errorf("unified: %w", err)
		}
	}
	ring, err := sealed.ParseRing(cfg.SealingKeys)
	if err != nil {
		return nil, fmt.Errorf("unified: sealing_keys: %w", err)
	}
	mappings, err := layer.New(data, integration)
	if err != nil {
		return nil, fmt.Errorf("unified: %w", err)
	}
	s := &Service{internal: connect.NewServer()}
	if err := s.serve(d, mappings, ring); err != nil {
		return nil, fmt.Errorf("unified: %w", err)
	}
	return s, nil
}

// serve makes the public server.
func (s *Service) serve(d Deps, mappings *layer.Mappings, ring *sealed.Ring) error {
	errs, err := access.ErrorTable()
	if err != nil {
		return err
	}
	e := engine.New(mappings, upstream.New(d.Proxy), cursor.NewSealer(ring), errs, d.Now)
	options := access.ChainOptions{
		Log: d.Log, Telemetry: d.Telemetry, Rules: rpc.Rules(), Errors: errs, Authenticator: d.Authenticator,
	}
	if d.Authenticator == nil {
		s.access = access.New(d.Auth, access.Options{Log: d.Log, Now: d.Now})
		s.access.OnAccounts(e.Forget)
		options.Authenticator, options.Watch = s.access, s.access
	}
	chain, err := access.Chain(options)
	if err != nil {
		return err
	}
	s.public = connect.NewServer(chain...)
	rpc.Register(s.public, e)
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
	err := public.REST(s.public,
		gateway.Routes(userdirectoryv1.NewOrganizationServiceClient, userdirectoryv1.RegisterOrganizationServiceHandlerClient),
		gateway.Routes(userdirectoryv1.NewRoleServiceClient, userdirectoryv1.RegisterRoleServiceHandlerClient),
		gateway.Routes(userdirectoryv1.NewUserServiceClient, userdirectoryv1.RegisterUserServiceHandlerClient),
		gateway.Routes(ssov1.NewAppServiceClient, ssov1.RegisterAppServiceHandlerClient),
		gateway.Routes(ssov1.NewAppUserServiceClient, ssov1.RegisterAppUserServiceHandlerClient),
		gateway.Routes(mappingv1.NewMappingServiceClient, mappingv1.RegisterMappingServiceHandlerClient),
	)
	if err != nil {
		return fmt.Errorf("unified: %w", err)
	}
	return nil
}

// Run follows revocations until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	if s.access == nil {
		<-ctx.Done()
		return nil
	}
	return s.access.Run(ctx)
}

// Close frees what the service holds.
func (s *Service) Close() error { return nil }
