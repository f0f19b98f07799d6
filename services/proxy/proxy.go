// Package proxy is the service that calls providers: the whole API of each
// integration, one to one, with one envelope, one cursor and one shape of
// errors, inside the provider's rate limits. It is the only code that talks to
// a provider.
//
// Its public mount is ProxyService and the routes below /proxy and /custom; on
// its internal mount auth tries credentials.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/sync/errgroup"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/cursor"
	"github.com/sando-dev/sando/services/proxy/internal/relay"
	"github.com/sando-dev/sando/services/proxy/internal/rest"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/rpc"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

// Deps are what the service is built with.
type Deps struct {
	// Log takes one line per call and never a secret.
	Log *slog.Logger
	// Telemetry measures and traces.
	Telemetry telemetry.Telemetry
	// Catalog holds the integrations; nil is the one that is compiled in.
	Catalog *catalog.Catalog
	// Auth reaches auth's internal mount. It must carry [access.Outgoing].
	Auth *connect.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// answerLimit bounds the answer of a write, which is held and stored.
const answerLimit = 4 << 20

// Service is the proxy.
type Service struct {
	access  *access.Client
	auditor *access.Auditor
	budget  budget.Budget
	client  upstream.Client
	ledger  *writes.Ledger
	store   writes.Store

	chain            []connect.ServerInterceptor
	surface          rest.Surface
	public, internal *connect.Server
}

// New builds the service. Nothing runs before Run.
func New(ctx context.Context, cfg Config, d Deps) (s *Service, err error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Catalog == nil {
		if d.Catalog, err = catalog.Default(); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	s = &Service{
		access:  access.New(d.Auth, access.Options{Log: d.Log, Now: d.Now}),
		auditor: access.NewAuditor(d.Auth, d.Log),
	}
	if err := s.open(ctx, cfg, d); err != nil {
		return nil, errors.Join(fmt.Errorf("proxy: %w", err), s.Close())
	}
	if err := s.build(cfg, d); err != nil {
		return nil, errors.Join(fmt.Errorf("proxy: %w", err), s.Close())
	}
	return s, nil
}

// open makes what must be closed.
func (s *Service) open(ctx context.Context, cfg Config, d Deps) (err error) {
	if s.client, err = upstream.New(cfg.Upstream, d.Log, d.Now); err != nil {
		return err
	}
	if s.budget, err = openBudget(cfg.Rate, d.Log); err != nil {
		return err
	}
	if s.store, err = openStore(ctx, cfg.Store); err != nil {
		return err
	}
	keys := cfg.Store.Keys
	if len(keys) == 0 {
		keys = cfg.SealingKeys
	}
	ring, err := sealed.ParseRing(keys)
	if err != nil {
		return err
	}
	s.ledger = writes.New(s.store, ring, writes.Options{Now: d.Now, Log: d.Log})
	return s.ledger.Check(ctx)
}

// build makes the domain and the two servers.
func (s *Service) build(cfg Config, d Deps) error {
	errs, err := access.ErrorTable()
	if err != nil {
		return err
	}
	routes, err := route.New(d.Catalog, cfg.BaseURLs)
	if err != nil {
		return err
	}
	ring, err := sealed.ParseRing(cfg.SealingKeys)
	if err != nil {
		return err
	}
	credentials, err := credential.NewStore(d.Auth, routes, errs, cfg.Accounts, d.Now)
	if err != nil {
		return err
	}
	s.access.OnAccounts(credentials.Forget)
	if err := s.measure(d.Telemetry, cfg, credentials); err != nil {
		return err
	}
	carrier, err := relay.New(relay.Deps{
		Routes: routes, Credentials: credentials, Budget: s.budget, Upstream: s.client, Ledger: s.ledger,
		Audit: s.auditor, Watch: s.access, Cursors: cursor.NewSealer(ring), Errors: errs,
		Telemetry: d.Telemetry, Log: d.Log, Now: d.Now,
		Limits: relay.Limits{MaxWait: cfg.Rate.MaxWait, MostWait: cfg.Rate.MostWait, Answer: answerLimit},
	})
	if err != nil {
		return err
	}
	if err := s.serve(cfg, d, errs, carrier); err != nil {
		return err
	}
	s.surface = rest.Surface{Relay: carrier, Routes: routes, Streams: gateway.NewStreams(errs, s.chain), Server: s.public}
	return nil
}

// serve makes the two servers.
func (s *Service) serve(cfg Config, d Deps, errs *rpcerr.Table, carrier *relay.Service) (err error) {
	s.chain, err = access.Chain(access.ChainOptions{
		Log: d.Log, Telemetry: d.Telemetry, Authenticator: s.access, Watch: s.access,
		Rules: rpc.PublicRules(), Errors: errs, MaxDuration: cfg.CallTimeout,
	})
	if err != nil {
		return err
	}
	s.public = connect.NewServer(append(slices.Clone(s.chain), rpc.Lend())...)
	proxyv1connect.RegisterProxyServiceHandler(s.public, rpc.Proxy{Relay: carrier, MaxMessage: cfg.MaxMessage})
	inner, err := access.Chain(access.ChainOptions{
		Log: d.Log, Telemetry: d.Telemetry, Authenticator: s.access, Rules: rpc.InternalRules(), Errors: errs, MaxDuration: cfg.CallTimeout,
	})
	if err != nil {
		return err
	}
	s.internal = connect.NewServer(append(inner, rpc.FromAuth())...)
	internalproxyv1connect.RegisterProbeServiceHandler(s.internal, rpc.Probe{Relay: carrier})
	return errors.Join(
		access.RequireRules(s.public.Specs(), rpc.PublicRules()),
		access.RequireRules(s.internal.Specs(), rpc.InternalRules()),
	)
}

// PublicServer serves ProxyService, for transports within the process.
func (s *Service) PublicServer() *connect.Server { return s.public }

// InternalServer serves ProbeService. It trusts a caller within the process; never mount it on a public listener.
func (s *Service) InternalServer() *connect.Server { return s.internal }

// Callers are the services that may reach the internal mount over the network.
func Callers() []string { return []string{"auth", "unified", "mcp"} }

// Mount registers the procedures and the routes on the public mux. The internal mux, which may be nil, has ProbeService for auth and ProxyService
// for the services that call by their callers' grants.
func (s *Service) Mount(public, internal *edge.Mux) error {
	public.RPC(s.public)
	if err := s.surface.Mount(public); err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	if internal != nil {
		internal.RPC(s.internal)
		internal.RPC(s.public)
	}
	return nil
}

// Ready says whether calls can be served.
func (s *Service) Ready() error { return s.access.Ready() }

// Run follows revocations, records audit entries and keeps the ledger of writes until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.access.Run(ctx) })
	g.Go(func() error { return s.auditor.Run(ctx) })
	g.Go(func() error { return s.ledger.Run(ctx) })
	return g.Wait()
}

// Close frees connections and stores.
func (s *Service) Close() error {
	var errs []error
	if s.budget != nil {
		errs = append(errs, s.budget.Close())
	}
	if s.client != nil {
		errs = append(errs, s.client.Close())
	}
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	return errors.Join(errs...)
}
