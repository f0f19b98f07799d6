package proxy

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
)

// fakeAuth stands in for auth's internal mount: it knows some tokens and some
// accounts, and remembers what it was told.
type fakeAuth struct {
	signer *grant.Signer
	errors *rpcerr.Table

	mu        sync.Mutex
	tokens    map[string]*grant.Grant
	accounts  map[string]*internalauthv1.LeaseCredentialResponse
	reauth    map[string]bool
	renewals  map[string]string // by account: the key that a refresh gives
	leases    int
	reports   []*internalauthv1.ReportCredentialRequest
	audit     []*authv1.LogEntry
	appended  int  // entries, kept or not
	forgetful bool // keeps none
	auditErr  error
	silent    bool
	events    chan *internalauthv1.WatchRevocationsResponse
}

func newFakeAuth(t testing.TB) *fakeAuth {
	t.Helper()
	signer, err := grant.NewSigner([]sealed.Key{sealed.Generate()})
	if err != nil {
		t.Fatal(err)
	}
	errs, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	return &fakeAuth{
		signer: signer, errors: errs,
		tokens:   map[string]*grant.Grant{},
		accounts: map[string]*internalauthv1.LeaseCredentialResponse{},
		reauth:   map[string]bool{},
		renewals: map[string]string{},
		events:   make(chan *internalauthv1.WatchRevocationsResponse, 16),
	}
}

// client reaches the fake as a service reaches auth.
func (f *fakeAuth) client(t testing.TB) *connect.Client {
	t.Helper()
	server := connect.NewServer(f.shape)
	internalauthv1connect.RegisterIntrospectionServiceHandler(server, f)
	internalauthv1connect.RegisterRevocationServiceHandler(server, f)
	internalauthv1connect.RegisterCredentialServiceHandler(server, f)
	internalauthv1connect.RegisterAuditServiceHandler(server, f)
	outgoing, err := access.Outgoing(telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	return connect.NewClient(connectinprocess.New(server), outgoing...)
}

// shape gives errors their details, as auth's chain does.
func (f *fakeAuth) shape(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		if err := next(ctx, spec, stream); err != nil {
			return f.errors.Connect(err, "")
		}
		return nil
	}
}

// allow makes a token good for what the grant says.
func (f *fakeAuth) allow(token string, g grant.Grant) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g.TokenID = "id of " + token
	f.tokens[token] = &g
}

// link adds an account.
func (f *fakeAuth) link(account, environment, organization, key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accounts[account] = &internalauthv1.LeaseCredentialResponse{
		IntegratedAccountId: account, EnvironmentId: environment, Integration: "torii", OrganizationId: organization,
		AuthenticationMethod: "api_key", Values: map[string]string{"api_key": key}, Version: 1,
	}
}

func (f *fakeAuth) Introspect(_ context.Context, r *internalauthv1.IntrospectRequest) (*internalauthv1.IntrospectResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.tokens[r.GetToken()]
	if !ok {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "")
	}
	g := *known
	g.IssuedAt, g.ExpiresAt = time.Now(), time.Now().Add(5*time.Minute)
	signed, err := f.signer.Sign(&g)
	return &internalauthv1.IntrospectResponse{Grant: signed}, err
}

func (f *fakeAuth) ListSigningKeys(context.Context, *internalauthv1.ListSigningKeysRequest) (*internalauthv1.ListSigningKeysResponse, error) {
	return &internalauthv1.ListSigningKeysResponse{Jwks: f.signer.JWKS()}, nil
}

func (f *fakeAuth) WatchRevocations(ctx context.Context, _ *internalauthv1.WatchRevocationsRequest, s internalauthv1connect.RevocationServiceWatchRevocationsServerStream) error {
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	var sequence int64
	for {
		if err := s.Send(&internalauthv1.WatchRevocationsResponse{Sequence: sequence}); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event := <-f.events:
			sequence++
			event.Sequence = sequence
			if err := s.Send(event); err != nil {
				return err
			}
		case <-beat.C:
			if f.isSilent() {
				<-ctx.Done()
				return ctx.Err()
			}
		}
	}
}

// silence ends the heartbeat.
func (f *fakeAuth) silence() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.silent = true
}

func (f *fakeAuth) isSilent() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.silent
}

func (f *fakeAuth) LeaseCredential(ctx context.Context, r *internalauthv1.LeaseCredentialRequest) (*internalauthv1.LeaseCredentialResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leases++
	info, _ := connect.CallInfoForServerContext(ctx)
	if !strings.HasPrefix(info.RequestHeader().Get("Authorization"), "Bearer ey") {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "the caller's grant is missing")
	}
	account, ok := f.accounts[r.GetIntegratedAccountId()]
	switch {
	case !ok:
		return nil, rpcerr.New(access.CodeAccountNotFound, "")
	case f.reauth[r.GetIntegratedAccountId()]:
		return nil, rpcerr.New(access.CodeNeedsReauth, "")
	}
	return account, nil
}

func (f *fakeAuth) ReportCredential(_ context.Context, r *internalauthv1.ReportCredentialRequest) (*internalauthv1.ReportCredentialResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports = append(f.reports, r)
	if r.GetVerdict() != internalauthv1.CredentialVerdict_CREDENTIAL_VERDICT_UNAUTHORIZED {
		return &internalauthv1.ReportCredentialResponse{Applied: true}, nil
	}
	was := f.accounts[r.GetIntegratedAccountId()]
	if was.GetVersion() != r.GetVersion() {
		return &internalauthv1.ReportCredentialResponse{}, nil
	}
	if key, ok := f.renewals[r.GetIntegratedAccountId()]; ok {
		next := &internalauthv1.LeaseCredentialResponse{
			IntegratedAccountId: was.GetIntegratedAccountId(), EnvironmentId: was.GetEnvironmentId(), Integration: was.GetIntegration(),
			OrganizationId: was.GetOrganizationId(), AuthenticationMethod: was.GetAuthenticationMethod(),
			Values: map[string]string{"api_key": key}, Version: was.GetVersion() + 1,
		}
		f.accounts[r.GetIntegratedAccountId()] = next
		return &internalauthv1.ReportCredentialResponse{Applied: true}, nil
	}
	f.reauth[r.GetIntegratedAccountId()] = true
	return &internalauthv1.ReportCredentialResponse{Applied: true}, nil
}

func (f *fakeAuth) AppendAudit(_ context.Context, r *internalauthv1.AppendAuditRequest) (*internalauthv1.AppendAuditResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.auditErr != nil {
		return nil, f.auditErr
	}
	f.appended += len(r.GetEntries())
	if !f.forgetful {
		f.audit = append(f.audit, r.GetEntries()...)
	}
	return &internalauthv1.AppendAuditResponse{}, nil
}

// entries gives the audit entries of an action so far.
func (f *fakeAuth) entries(action string) []*authv1.LogEntry {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []*authv1.LogEntry
	for _, e := range f.audit {
		if e.GetAction() == action {
			found = append(found, e)
		}
	}
	return found
}
