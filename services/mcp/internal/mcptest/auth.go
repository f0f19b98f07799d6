// Package mcptest runs the mcp service for tests, with stand-ins for auth and proxy in the same process.
package mcptest

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
)

// Names of what the stand-in of auth knows from the start.
const (
	Environment = "env-1"
	Account     = "acc-1"
	APIToken    = "sando_api_test"
)

// Auth stands in for auth: it keeps tokens, servers and the log in memory.
type Auth struct {
	internalauthv1connect.McpServerRecordServiceHandler
	signer *grant.Signer
	errs   *rpcerr.Table

	mu       sync.Mutex
	tokens   map[string]*token
	entries  []*authv1.LogEntry
	touches  map[string]string
	origins  []string
	watchers map[chan *internalauthv1.WatchRevocationsResponse]bool
	sequence int64
	noAudit  bool
	relayed  int
}

// token is a token with what it grants; for MCP tokens, with their server.
type token struct {
	grant  grant.Grant
	server *internalauthv1.McpServer
	ends   time.Time
}

func newAuth(t testing.TB, errs *rpcerr.Table) *Auth {
	t.Helper()
	signer, err := grant.NewSigner([]sealed.Key{sealed.Generate()})
	if err != nil {
		t.Fatal(err)
	}
	return &Auth{
		signer: signer, errs: errs,
		tokens: map[string]*token{APIToken: {grant: grant.Grant{
			TokenID: "api-1", Kind: access.KindAPI, EnvironmentID: Environment, Read: true, Write: true,
		}}},
		touches:  make(map[string]string),
		watchers: make(map[chan *internalauthv1.WatchRevocationsResponse]bool),
	}
}

func (a *Auth) register(server *connect.Server) {
	internalauthv1connect.RegisterIntrospectionServiceHandler(server, a)
	internalauthv1connect.RegisterRevocationServiceHandler(server, a)
	internalauthv1connect.RegisterAuditServiceHandler(server, a)
	internalauthv1connect.RegisterMcpServerRecordServiceHandler(server, a)
	internalauthv1connect.RegisterMcpAnswerServiceHandler(server, a)
}

// AllowOrigin adds a browser origin to the environment.
func (a *Auth) AllowOrigin(origin string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.origins = append(a.origins, origin)
}

// BreakAudit makes the log unwritable.
func (a *Auth) BreakAudit(broken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noAudit = broken
}

// Entries is the log so far.
func (a *Auth) Entries() []*authv1.LogEntry {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.entries)
}

// Touched is the client last noted for a server.
func (a *Auth) Touched(server string) (client string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	client, ok = a.touches[server]
	return client, ok
}

// Expire ends the token of a server now.
func (a *Auth) Expire(secret string) {
	a.mu.Lock()
	t := a.tokens[secret]
	t.ends = time.Now().Add(-time.Second)
	a.mu.Unlock()
	a.tell(t.grant.TokenID)
}

func (a *Auth) tell(tokenIDs ...string) {
	a.publish(&internalauthv1.WatchRevocationsResponse{TokenIds: tokenIDs, OccurredAt: timestamppb.Now()})
}

// publish hands an event to everyone who watches.
func (a *Auth) publish(event *internalauthv1.WatchRevocationsResponse) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sequence++
	event.Sequence = a.sequence
	for w := range a.watchers {
		w <- event
	}
}

// Relayed is how many answers of users went by way of auth.
func (a *Auth) Relayed() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.relayed
}

func (a *Auth) mint(g grant.Grant) string {
	g.IssuedAt, g.ExpiresAt = time.Now(), time.Now().Add(5*time.Minute)
	signed, err := a.signer.Sign(&g)
	if err != nil {
		panic(err)
	}
	return signed
}

// Introspect implements IntrospectionService.
func (a *Auth) Introspect(_ context.Context, r *internalauthv1.IntrospectRequest) (*internalauthv1.IntrospectResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.tokens[r.GetToken()]
	if t == nil || !t.ends.IsZero() && time.Now().After(t.ends) {
		return nil, a.errs.Connect(rpcerr.New(rpcerr.Unauthenticated, ""), "")
	}
	second := a.tokens[r.GetSecondToken()]
	return &internalauthv1.IntrospectResponse{
		Grant:               a.mint(t.grant),
		McpServer:           t.server,
		SecondTokenRequired: t.server.GetRequireApiTokenAuth() && (second == nil || second.grant.Kind != access.KindAPI),
		AllowedMcpOrigins:   a.origins,
	}, nil
}

// ListSigningKeys implements IntrospectionService.
func (a *Auth) ListSigningKeys(context.Context, *internalauthv1.ListSigningKeysRequest) (*internalauthv1.ListSigningKeysResponse, error) {
	return &internalauthv1.ListSigningKeysResponse{Jwks: a.signer.JWKS()}, nil
}

// WatchRevocations implements RevocationService.
func (a *Auth) WatchRevocations(
	ctx context.Context, _ *internalauthv1.WatchRevocationsRequest,
	s internalauthv1connect.RevocationServiceWatchRevocationsServerStream,
) error {
	events := make(chan *internalauthv1.WatchRevocationsResponse, 16)
	a.mu.Lock()
	a.watchers[events] = true
	event := &internalauthv1.WatchRevocationsResponse{Sequence: a.sequence}
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.watchers, events)
	}()
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	for {
		if err := s.Send(event); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event = <-events:
		case <-beat.C:
			a.mu.Lock()
			event = &internalauthv1.WatchRevocationsResponse{Sequence: a.sequence}
			a.mu.Unlock()
		}
	}
}

// AppendAudit implements AuditService.
func (a *Auth) AppendAudit(_ context.Context, r *internalauthv1.AppendAuditRequest) (*internalauthv1.AppendAuditResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.noAudit {
		return nil, a.errs.Connect(rpcerr.New(rpcerr.Unavailable, ""), "")
	}
	for _, e := range r.GetEntries() {
		a.entries = append(a.entries, proto.CloneOf(e))
	}
	return &internalauthv1.AppendAuditResponse{}, nil
}

func secret() string { return "sando_mcp_" + rand.Text() }
