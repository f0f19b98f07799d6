// Package auth is the service that knows who calls and with which credential: environments, tokens, linked accounts and their sealed
// credentials, signed grants, revocations, and the audit log.
//
// Its public mount is for the vendor's back end and the hosted link page; its internal mount, which only the other services reach, turns
// tokens into grants, lends credentials to the proxy, streams revocations and takes audit entries.
package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"connectrpc.com/connect/v2"
	"golang.org/x/sync/errgroup"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth/internal/account"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
	"github.com/sando-dev/sando/services/auth/internal/envelope"
	"github.com/sando-dev/sando/services/auth/internal/grants"
	"github.com/sando-dev/sando/services/auth/internal/linking"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/page"
	"github.com/sando-dev/sando/services/auth/internal/rpc"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/token"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// Deps are what auth is built with.
type Deps struct {
	// Log takes one line per call and never a secret.
	Log *slog.Logger
	// Telemetry measures and traces.
	Telemetry telemetry.Telemetry
	// Proxy reaches the proxy's internal mount, where credentials are tried. Nil refuses to link.
	Proxy *connect.Client
	// Catalog holds the integrations; nil is the one that is compiled in.
	Catalog *catalog.Catalog
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// component is the service's name in metrics.
const component = "auth"

// Service is auth.
type Service struct {
	log      *slog.Logger
	now      func() time.Time
	store    store.Store
	keys     keys
	hub      *watch.Hub
	minter   *grants.Minter
	catalog  *catalog.Catalog
	accounts *account.Service
	bearers  *bearer.Service
	oauth    *oauth.Client
	linking  *linking.Service
	appender *audit.Appender
	page     *page.Page
	errors   *rpcerr.Table
	// publicURL is how browsers reach the page.
	publicURL string

	public, internal *connect.Server
}

// keys are the key families, ready for use.
type keys struct {
	ring    *envelope.Ring
	signer  *grant.Signer
	hasher  *token.Hasher
	cursors *sealed.Ring
	chain   *audit.Signer
	checks  []store.KeyCheck
	// inUse are those for new things, by family.
	inUse map[string]sealed.Key
}

func loadKeys(c KeysConfig) (k keys, err error) {
	ring, err := c.load()
	if err != nil {
		return k, err
	}
	if k.ring, err = envelope.Open(ring.Encryption); err != nil {
		return k, err
	}
	if k.signer, err = grant.NewSigner(ring.Signing); err != nil {
		return k, err
	}
	if k.chain, err = audit.NewSigner(ring.Signing); err != nil {
		return k, err
	}
	if k.hasher, err = token.NewHasher(ring.Pepper); err != nil {
		return k, err
	}
	if k.cursors, err = sealed.ParseRing(ring.Sealing); err != nil {
		return k, err
	}
	k.inUse = map[string]sealed.Key{
		"encryption": {ID: ring.Encryption[0].ID}, "signing": ring.Signing[0], "pepper": ring.Pepper[0], "sealing": ring.Sealing[0],
	}
	k.checks, err = ring.Checks()
	return k, err
}

// New opens the store and builds the service. Nothing runs yet. Without keys it refuses, with an error that says how to make them.
func New(ctx context.Context, cfg Config, d Deps) (*Service, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if u, err := url.Parse(cfg.PublicURL); err != nil || u.Host == "" {
		return nil, fmt.Errorf("auth: public_url %q is not an absolute URL such as https://connect.example.com", cfg.PublicURL)
	}
	s := &Service{log: d.Log, now: d.Now, catalog: d.Catalog, publicURL: cfg.PublicURL}
	s.oauth = oauth.New(cfg.apps(), d.Now)
	var err error
	if s.keys, err = loadKeys(cfg.Keys); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if s.catalog == nil {
		if s.catalog, err = catalog.Default(); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
	}
	if s.errors, err = access.ErrorTable(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if s.store, err = openStore(ctx, cfg.Store); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if err := s.build(ctx, d); err != nil {
		return nil, errors.Join(fmt.Errorf("auth: %w", err), s.store.Close())
	}
	return s, nil
}

// build makes the domain and the two servers on an open store.
func (s *Service) build(ctx context.Context, d Deps) error {
	if err := s.keys.belong(ctx, s.store); err != nil {
		return err
	}
	var err error
	if s.hub, err = watch.NewHub(ctx, s.store, d.Log); err != nil {
		return err
	}
	s.minter, err = grants.New(grants.Options{Store: s.store, Hasher: s.keys.hasher, Signer: s.keys.signer, Now: d.Now})
	if err != nil {
		return err
	}
	s.hub.Local(s.minter.Forget)
	if err := errors.Join(
		telemetry.Cache(d.Telemetry, component, "grants", s.minter.Usage),
		telemetry.KeyAge(d.Telemetry, component, s.keys.inUse),
	); err != nil {
		return err
	}
	s.appender = audit.NewAppender(s.store, d.Now)
	s.bearers = bearer.New(bearer.Options{Store: s.store, Hasher: s.keys.hasher, Hub: s.hub, Now: d.Now})
	var probe internalproxyv1connect.ProbeServiceClient
	if d.Proxy != nil {
		probe = internalproxyv1connect.NewProbeServiceClient(d.Proxy)
	}
	s.accounts = account.New(account.Options{
		Store: s.store, Ring: s.keys.ring, Catalog: s.catalog, Probe: probe, OAuth: s.oauth, Hub: s.hub, Errors: s.errors, Now: d.Now,
	})
	s.linking = linking.New(linking.Options{
		Store: s.store, Hasher: s.keys.hasher, Catalog: s.catalog, Accounts: s.accounts, OAuth: s.oauth, States: s.keys.cursors,
		PublicURL: s.publicURL, Now: d.Now,
	})
	if s.page, err = page.New(s.linking, s.errors, d.Log); err != nil {
		return err
	}
	if err := s.buildPublic(d); err != nil {
		return err
	}
	return s.buildInternal(d)
}

func (s *Service) buildPublic(d Deps) error {
	chain, err := access.Chain(access.ChainOptions{
		Log: d.Log, Telemetry: d.Telemetry, Authenticator: s.minter, Rules: rpc.PublicRules(), Errors: s.errors, MaxDuration: maxDuration,
	})
	if err != nil {
		return err
	}
	s.public = connect.NewServer(append(chain, rpc.RefuseNUL)...)
	authv1connect.RegisterEnvironmentServiceHandler(s.public, rpc.Environments{Store: s.store, Hub: s.hub, Now: s.now})
	authv1connect.RegisterApiTokenServiceHandler(s.public, rpc.Tokens{Bearers: s.bearers, Cursors: s.keys.cursors})
	authv1connect.RegisterIntegratedAccountServiceHandler(s.public, rpc.Accounts{
		Store: s.store, Accounts: s.accounts, Bearers: s.bearers, Catalog: s.catalog, Cursors: s.keys.cursors,
	})
	authv1connect.RegisterLinkTokenServiceHandler(s.public, rpc.Links{Linking: s.linking, PublicURL: s.publicURL})
	authv1connect.RegisterLogServiceHandler(s.public, rpc.Logs{Store: s.store, Cursors: s.keys.cursors})
	return access.RequireRules(s.public.Specs(), rpc.PublicRules())
}

// maxDuration bounds a call: linking waits for the provider.
const maxDuration = 45 * time.Second

func (s *Service) buildInternal(d Deps) error {
	chain, err := interceptor.Chain(
		interceptor.Recover(d.Log),
		interceptor.RequestID(),
		interceptor.Telemetry(d.Telemetry),
		interceptor.Log(d.Log),
		interceptor.Deadline(maxDuration, 10*time.Millisecond),
		access.Authenticate(s.minter),
		rpc.AuthorisePeers(rpc.InternalRules()),
		interceptor.Validate(),
		interceptor.Errors(s.errors, d.Log),
	)
	if err != nil {
		return err
	}
	s.internal = connect.NewServer(chain...)
	internalauthv1connect.RegisterIntrospectionServiceHandler(s.internal, rpc.Introspection{Minter: s.minter, Hub: s.hub})
	internalauthv1connect.RegisterRevocationServiceHandler(s.internal, rpc.Revocations{Hub: s.hub})
	internalauthv1connect.RegisterCredentialServiceHandler(s.internal, rpc.Credentials{Accounts: s.accounts, Catalog: s.catalog})
	internalauthv1connect.RegisterAccountServiceHandler(s.internal, rpc.Credentials{Accounts: s.accounts, Catalog: s.catalog})
	internalauthv1connect.RegisterAuditServiceHandler(s.internal, rpc.Audit{Appender: s.appender})
	internalauthv1connect.RegisterMcpServerRecordServiceHandler(s.internal, rpc.Servers{Bearers: s.bearers, Cursors: s.keys.cursors})
	internalauthv1connect.RegisterMcpAnswerServiceHandler(s.internal, rpc.Answers{Hub: s.hub, Store: s.store, Now: s.now})
	return access.RequireRules(s.internal.Specs(), rpc.InternalRules())
}

// PublicServer serves the public procedures, for transports within the process.
func (s *Service) PublicServer() *connect.Server { return s.public }

// InternalServer serves the internal procedures. It trusts a caller within the process; never mount it on a public listener.
func (s *Service) InternalServer() *connect.Server { return s.internal }

// Callers are the services that may reach the internal mount over the network.
func Callers() []string { return rpc.Callers() }

// Mount registers the procedures, the REST routes and the link page on the public mux, and the internal procedures on the internal one. A nil
// internal mux leaves those to InternalServer.
func (s *Service) Mount(public, internal *edge.Mux) error {
	public.RPC(s.public)
	err := public.REST(s.public,
		gateway.Routes(authv1.NewEnvironmentServiceClient, authv1.RegisterEnvironmentServiceHandlerClient),
		gateway.Routes(authv1.NewApiTokenServiceClient, authv1.RegisterApiTokenServiceHandlerClient),
		gateway.Routes(authv1.NewIntegratedAccountServiceClient, authv1.RegisterIntegratedAccountServiceHandlerClient),
		gateway.Routes(authv1.NewLinkTokenServiceClient, authv1.RegisterLinkTokenServiceHandlerClient),
		gateway.Routes(authv1.NewLogServiceClient, authv1.RegisterLogServiceHandlerClient),
	)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	s.page.Register(public.Handle)
	if internal != nil {
		internal.RPC(s.internal)
	}
	return nil
}

// Run follows revocations, writes times of last use and clears what has expired, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.hub.Run(ctx) })
	g.Go(func() error {
		return s.minter.Run(ctx, s.store, func(err error) { s.log.WarnContext(ctx, "times of last use not written", "error", err) })
	})
	g.Go(func() error { return s.every(ctx, refreshEvery, s.accounts.RefreshDue) })
	g.Go(func() error { return s.every(ctx, clearEvery, s.clear) })
	g.Go(func() error { return s.every(ctx, checkpointEvery, s.keepLogs) })
	return g.Wait()
}

// Close ends the watches and closes the store.
func (s *Service) Close() error {
	s.hub.Close()
	s.oauth.Close()
	return s.store.Close()
}
