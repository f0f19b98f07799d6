// Package grants turns tokens into signed grants: who is calling, and what may they do. It is the one place that knows whether a token is
// good, and it says no more than that: every kind of bad token is refused alike.
package grants

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/token"
)

const (
	// Life is how long a grant lives.
	Life = 5 * time.Minute
	// fresh is how much of its life a grant must have left to be handed out again.
	fresh = 3 * time.Minute
)

// Options are what a Minter needs.
type Options struct {
	Store  store.Reader
	Hasher *token.Hasher
	Signer *grant.Signer
	Now    func() time.Time
}

// Minter makes grants. It is safe for concurrent use, and implements access.Authenticator for auth itself.
type Minter struct {
	store    store.Reader
	hasher   *token.Hasher
	signer   *grant.Signer
	verifier *grant.Verifier
	now      func() time.Time
	cache    *cache
	usage    *usage
}

var _ access.Authenticator = (*Minter)(nil)

// New makes a minter.
func New(o Options) (*Minter, error) {
	v := new(grant.Verifier)
	if err := v.Set(o.Signer.JWKS()); err != nil {
		return nil, err
	}
	return &Minter{
		store: o.Store, hasher: o.Hasher, signer: o.Signer, verifier: v, now: o.Now,
		cache: newCache(), usage: newUsage(),
	}, nil
}

// JWKS gives the public keys that grants are checked with.
func (m *Minter) JWKS() []byte { return m.signer.JWKS() }

// Forget drops what is cached of the tokens and accounts of events.
func (m *Minter) Forget(events []store.Event) { m.cache.forget(events) }

// Authenticate answers the caller behind a token, or behind a grant whose token still stands. second is an API token that an MCP server may
// demand besides. The error is UNAUTHENTICATED for a bad token, whatever is bad about it.
func (m *Minter) Authenticate(ctx context.Context, bearer, second string) (*access.Caller, error) {
	now := m.now()
	key := digestOf(bearer, second)
	e, generation := m.cache.get(key)
	if e != nil && now.Before(e.until) {
		m.cache.hits.Add(1)
		m.usage.note(e, now)
		return e.caller, nil
	}
	m.cache.misses.Add(1)
	e, err := m.look(ctx, bearer, second, now)
	if err != nil {
		return nil, err
	}
	m.cache.put(key, e, generation)
	m.usage.note(e, now)
	return e.caller, nil
}

func refused(cause error) error { return rpcerr.New(rpcerr.Unauthenticated, "").WithCause(cause) }

func (m *Minter) look(ctx context.Context, bearer, second string, now time.Time) (*entry, error) {
	if strings.Count(bearer, ".") == 2 {
		return m.lookGrant(ctx, bearer, now)
	}
	id, err := m.find(ctx, bearer)
	if err != nil {
		return nil, err
	}
	if ended(id, now) {
		return nil, refused(errors.New("the token has expired"))
	}
	return m.mint(ctx, id, reachOf(id.Token), second, now)
}

// lookGrant answers a fresh grant of the same reach, as long as the token behind the old one still stands.
func (m *Minter) lookGrant(ctx context.Context, signed string, now time.Time) (*entry, error) {
	old, err := m.verifier.Verify(signed, now)
	if err != nil {
		return nil, refused(err)
	}
	id, err := m.store.TokenByID(ctx, old.TokenID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, refused(err)
	}
	if err != nil {
		return nil, store.Away(err)
	}
	if ended(id, now) {
		return nil, refused(errors.New("the token has expired"))
	}
	g := reachOf(id.Token).Narrow(grant.Narrowing{
		Accounts: old.Accounts, Services: old.Services, Operations: old.Operations, ReadOnly: !old.Write,
	})
	g.Read = g.Read && old.Read
	return m.mint(ctx, id, g, "", now)
}

// find looks a token up by its keyed hash.
func (m *Minter) find(ctx context.Context, bearer string) (store.Identity, error) {
	if kindOf(bearer) == "" {
		return store.Identity{}, refused(errors.New("not a token of this service"))
	}
	for _, hash := range m.hasher.Hashes(bearer) {
		id, err := m.store.TokenByHash(ctx, hash)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return id, store.Away(err)
		case id.Kind != kindOf(bearer):
			return id, refused(fmt.Errorf("a token of kind %s came as %s", id.Kind, kindOf(bearer)))
		}
		return id, nil
	}
	return store.Identity{}, refused(errors.New("the token is unknown"))
}

// kindOf reads the kind off the prefix; empty for what cannot be a token that introspection answers.
func kindOf(bearer string) string {
	switch {
	case token.Plausible(bearer, token.PrefixAPI):
		return store.KindAPI
	case token.Plausible(bearer, token.PrefixAccount):
		return store.KindAccount
	case token.Plausible(bearer, token.PrefixMCP):
		return store.KindMCP
	default:
		return ""
	}
}

func ended(id store.Identity, now time.Time) bool {
	past := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	return past(id.ExpiresAt) || past(id.SecretExpiresAt)
}

// Reach is the grant of a token without its times of issue and expiry, for comparing.
func Reach(t store.Token) *grant.Grant { return reachOf(t) }

func reachOf(t store.Token) *grant.Grant {
	g := &grant.Grant{
		TokenID: t.ID, Kind: t.Kind, EnvironmentID: t.EnvironmentID, Accounts: t.Accounts, Services: t.Services, Operations: t.Operations,
		Read: t.Read, Write: t.Write, TokenExpiresAt: t.ExpiresAt,
	}
	if t.Kind == store.KindMCP {
		g.MCPServerID = t.ID
	}
	return g
}

// mint signs a grant.
func (m *Minter) mint(ctx context.Context, id store.Identity, g *grant.Grant, second string, now time.Time) (*entry, error) {
	g.IssuedAt = now.UTC().Truncate(time.Second)
	g.ExpiresAt = g.IssuedAt.Add(Life)
	for _, end := range []time.Time{id.ExpiresAt, id.SecretExpiresAt} {
		if !end.IsZero() && end.Before(g.ExpiresAt) {
			g.ExpiresAt = end.UTC()
		}
	}
	signed, err := m.signer.Sign(g)
	if err != nil {
		return nil, err
	}
	caller := &access.Caller{Grant: g, Bearer: signed, AllowedMCPOrigins: id.MCPOrigins}
	e := &entry{caller: caller, tokens: []string{g.TokenID}, accounts: g.Accounts, until: g.IssuedAt.Add(Life - fresh)}
	if e.until.After(g.ExpiresAt) {
		e.until = g.ExpiresAt
	}
	if g.Kind == store.KindMCP {
		caller.MCP = Record(id.Token)
		if err := m.demandSecond(ctx, e, id, second, now); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// demandSecond notes whether a server that demands an API token of its environment got one that reaches its account.
func (m *Minter) demandSecond(ctx context.Context, e *entry, id store.Identity, second string, now time.Time) error {
	if !id.RequireSecond {
		return nil
	}
	e.caller.SecondTokenRequired = true
	if kindOf(second) != store.KindAPI {
		return nil
	}
	other, err := m.find(ctx, second)
	if err != nil {
		if rpcerr.CodeOf(err) == rpcerr.Unauthenticated {
			return nil
		}
		return err
	}
	reach := reachOf(other.Token)
	if ended(other, now) || other.EnvironmentID != id.EnvironmentID || !reach.MayService("mcp") {
		return nil
	}
	for _, account := range id.Accounts {
		if !reach.MayAccount(account) {
			return nil
		}
	}
	e.caller.SecondTokenRequired = false
	e.tokens = append(e.tokens, other.ID)
	if !other.ExpiresAt.IsZero() && other.ExpiresAt.Before(e.until) {
		e.until = other.ExpiresAt
	}
	return nil
}

// Record is an MCP server as the other services see it.
func Record(t store.Token) *internalauthv1.McpServer {
	s := &internalauthv1.McpServer{
		Id: t.ID, EnvironmentId: t.EnvironmentID, Name: t.Name, Config: t.Config, Operations: t.Operations, Read: t.Read, Write: t.Write,
		RequireApiTokenAuth: t.RequireSecond, CreatedAt: timestamppb.New(t.CreatedAt), UpdatedAt: timestamppb.New(t.UpdatedAt),
	}
	if len(t.Accounts) == 1 {
		s.IntegratedAccountId = t.Accounts[0]
	}
	if !t.ExpiresAt.IsZero() {
		s.ExpiresAt = timestamppb.New(t.ExpiresAt)
	}
	if !t.LastUsedAt.IsZero() {
		s.LastUsedAt = timestamppb.New(t.LastUsedAt)
	}
	if t.LastClient != "" {
		s.LastClient = &t.LastClient
	}
	return s
}
