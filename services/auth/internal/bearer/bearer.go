// Package bearer makes, lists and revokes what callers authenticate with: API tokens, account tokens and MCP servers. Whatever it makes
// reaches no further than the token that asked for it.
package bearer

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/grants"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/token"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// AccountTokenLife is how long an account token works.
const AccountTokenLife = 15 * time.Minute

// Options are what a Service needs.
type Options struct {
	Store  store.Store
	Hasher *token.Hasher
	Hub    *watch.Hub
	Now    func() time.Time
}

// Service makes and revokes tokens. It is safe for concurrent use.
type Service struct{ o Options }

// New makes a service.
func New(o Options) *Service { return &Service{o: o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Spec describes a new API token; nil lists reach all that the maker reaches.
type Spec struct {
	Name        string
	Accounts    []string
	Services    []string
	Read, Write bool
	ExpiresAt   time.Time
}

// CreateAPI makes an API token. The secret is returned here and never again.
func (s *Service) CreateAPI(ctx context.Context, caller *access.Caller, spec Spec) (store.Token, string, error) {
	now := s.now()
	if !spec.ExpiresAt.IsZero() && !spec.ExpiresAt.After(now) {
		return store.Token{}, "", rpcerr.Invalid("expires_at", "must be in the future")
	}
	t := store.Token{
		Kind: store.KindAPI, EnvironmentID: caller.Grant.EnvironmentID, Name: spec.Name, Accounts: spec.Accounts, Services: spec.Services,
		Read: spec.Read, Write: spec.Write, ExpiresAt: micro(spec.ExpiresAt), CreatedAt: now, UpdatedAt: now,
	}
	// A list that is left open means all that the maker reaches, not all there is.
	if t.Accounts == nil {
		t.Accounts = caller.Grant.Accounts
	}
	if t.Services == nil {
		t.Services = caller.Grant.Services
	}
	return s.insert(ctx, caller, t, token.PrefixAPI, "api_token.create")
}

// CreateForAccount makes a token of 15 minutes for one account.
func (s *Service) CreateForAccount(ctx context.Context, caller *access.Caller, accountID string) (store.Token, string, error) {
	now := s.now()
	services := caller.Grant.Narrow(grant.Narrowing{Services: []string{"auth", "proxy", "unified"}}).Services
	t := store.Token{
		Kind: store.KindAccount, EnvironmentID: caller.Grant.EnvironmentID, Accounts: []string{accountID}, Services: services,
		Read: caller.Grant.Read, Write: caller.Grant.Write, ExpiresAt: now.Add(AccountTokenLife), CreatedAt: now, UpdatedAt: now,
	}
	if end := caller.Grant.TokenExpiresAt; !end.IsZero() && end.Before(t.ExpiresAt) {
		t.ExpiresAt = end
	}
	return s.insert(ctx, caller, t, token.PrefixAccount, "account_token.create")
}

// insert stores a token that reaches no further than the caller, and an entry that says so.
func (s *Service) insert(ctx context.Context, caller *access.Caller, t store.Token, prefix, act string) (store.Token, string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return t, "", err
	}
	t.ID = id.String()
	if err := subset(t, caller); err != nil {
		return t, "", err
	}
	secret := token.New(prefix)
	err = s.o.Store.Update(ctx, func(w store.Writer) error {
		if err := known(ctx, w, t); err != nil {
			return err
		}
		if err := w.InsertToken(ctx, t, s.o.Hasher.Hash(secret)); err != nil {
			return err
		}
		return s.record(ctx, w, t, act)
	})
	if err != nil {
		return t, "", err
	}
	return t, secret, nil
}

// subset refuses a token that reaches further than the caller.
func subset(t store.Token, caller *access.Caller) error {
	if err := grants.Reach(t).Subset(caller.Grant); err != nil {
		return rpcerr.Newf(rpcerr.PermissionDenied, "the new token would reach further than this one: %s", err).
			WithFix("Ask for a reach within that of the token you call with.")
	}
	return nil
}

// known refuses a token for accounts that the environment does not have.
func known(ctx context.Context, r store.Reader, t store.Token) error {
	for _, id := range t.Accounts {
		_, err := r.Account(ctx, t.EnvironmentID, id)
		if errors.Is(err, store.ErrNotFound) {
			return rpcerr.Newf(access.CodeAccountNotFound, "no integrated account %s", id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ListAPI lists the tokens that reach no further than the caller's, newest first.
func (s *Service) ListAPI(ctx context.Context, caller *access.Caller, p store.Page) ([]store.Token, error) {
	var visible []store.Token
	for len(visible) < p.Limit {
		page, err := s.o.Store.Tokens(ctx, store.TokenFilter{EnvironmentID: caller.Grant.EnvironmentID, Kind: store.KindAPI},
			store.Page{After: p.After, Limit: p.Limit})
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if within(t, caller) && len(visible) < p.Limit {
				visible = append(visible, t)
			}
		}
		if len(page) < p.Limit {
			break
		}
		p.After = page[len(page)-1].ID
	}
	return visible, nil
}

// within says whether the caller may see and revoke a token: its own, and those whose reach its own includes.
func within(t store.Token, caller *access.Caller) bool {
	reach := grants.Reach(t)
	reach.TokenExpiresAt = caller.Grant.TokenExpiresAt // an expiry gives no reach
	return t.ID == caller.Grant.TokenID || reach.Subset(caller.Grant) == nil
}

// DeleteAPI revokes a token within the caller's reach. MCP servers of the environment that demand an API token are called into question with it,
// since the token may be the one they were given.
func (s *Service) DeleteAPI(ctx context.Context, caller *access.Caller, id string) error {
	return s.change(ctx, func(w store.Writer) error {
		t, err := w.Token(ctx, caller.Grant.EnvironmentID, store.KindAPI, id)
		if errors.Is(err, store.ErrNotFound) || err == nil && !within(t, caller) {
			return rpcerr.New(rpcerr.NotFound, "no API token with this id")
		}
		if err != nil {
			return err
		}
		if err := Revoke(ctx, w, t.EnvironmentID, id, s.now()); err != nil {
			return err
		}
		return s.record(ctx, w, t, "api_token.delete")
	})
}

// Revoke ends an API token and tells the replicas.
func Revoke(ctx context.Context, w store.Writer, environmentID, id string, now time.Time) error {
	if err := w.DeleteToken(ctx, environmentID, store.KindAPI, id); err != nil {
		return err
	}
	ids, err := ServerIDs(ctx, w, environmentID, func(t store.Token) bool { return t.RequireSecond })
	if err != nil {
		return err
	}
	return w.Publish(ctx, store.Event{TokenIDs: append(ids, id), At: now})
}

// ServerIDs lists the MCP servers of an environment that are among those asked for.
func ServerIDs(ctx context.Context, r store.Reader, environmentID string, among func(store.Token) bool) ([]string, error) {
	const step = 500
	var ids []string
	for p := (store.Page{Limit: step}); ; {
		page, err := r.Tokens(ctx, store.TokenFilter{EnvironmentID: environmentID, Kind: store.KindMCP}, p)
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if among(t) {
				ids = append(ids, t.ID)
			}
		}
		if len(page) < step {
			return ids, nil
		}
		p.After = page[len(page)-1].ID
	}
}

// change runs f in a transaction and then has this process forget what the change revokes.
func (s *Service) change(ctx context.Context, f func(store.Writer) error) error {
	if err := s.o.Store.Update(ctx, f); err != nil {
		return err
	}
	// The change is durable. If the events cannot be read now, the hub's own round hands them on, and until then no heartbeat is sent.
	_ = s.o.Hub.Sync(context.WithoutCancel(ctx))
	return nil
}

// record writes down an act on a token.
func (s *Service) record(ctx context.Context, w store.Writer, t store.Token, act string) error {
	e := audit.Act(ctx, "admin", act)
	e.EnvironmentId = t.EnvironmentID
	if t.Kind != store.KindAPI && len(t.Accounts) == 1 {
		e.IntegratedAccountId = &t.Accounts[0]
	}
	if t.Kind == store.KindMCP {
		e.McpServerId = &t.ID
	}
	return audit.Record(ctx, w, s.now(), e)
}

func micro(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}
