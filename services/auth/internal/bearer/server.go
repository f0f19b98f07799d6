package bearer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/token"
)

// minServerLife is how far ahead the expiry of an MCP server must be.
const minServerLife = time.Minute

// maxConfig bounds the configuration of an MCP server, in bytes.
const maxConfig = 64 << 10

// serverServices are the services that an MCP server's token reaches when it is used by itself: the endpoint, and what its tools call, as far as
// its maker reaches them. What the endpoint calls on the token's behalf needs no more than the endpoint.
func serverServices(maker *access.Caller) []string {
	return slices.DeleteFunc([]string{"mcp", "proxy", "unified"}, func(name string) bool { return !maker.Grant.MayService(name) })
}

// Server describes an MCP server.
type Server struct {
	ID            string
	AccountID     string
	Name          string
	Config        []byte
	Operations    []string // empty is all
	Read, Write   bool
	RequireSecond bool
	ExpiresAt     time.Time
}

func errServerNotFound() error { return rpcerr.New(rpcerr.NotFound, "no MCP server with this id") }

func (s *Service) checkServer(v Server) error {
	switch {
	case !v.ExpiresAt.IsZero() && v.ExpiresAt.Before(s.now().Add(minServerLife-time.Second)):
		return rpcerr.Invalid("expires_at", "must be at least 60 seconds ahead")
	case len(v.Config) > maxConfig:
		return rpcerr.Invalid("config", "is too large")
	case !v.Read && !v.Write:
		return rpcerr.Invalid("config", "grants neither reading nor writing")
	}
	return nil
}

// apply puts the changeable part of v into t.
func (v Server) apply(t store.Token) store.Token {
	t.Name, t.Config, t.Read, t.Write = v.Name, v.Config, v.Read, v.Write
	t.RequireSecond, t.ExpiresAt = v.RequireSecond, micro(v.ExpiresAt)
	t.Operations = nil
	if len(v.Operations) > 0 {
		t.Operations = slices.Clone(v.Operations)
	}
	return t
}

// CreateServer stores an MCP server. Its token is returned here and never again.
func (s *Service) CreateServer(ctx context.Context, caller *access.Caller, v Server) (store.Token, string, error) {
	if !caller.Grant.MayAccount(v.AccountID) {
		return store.Token{}, "", rpcerr.New(access.CodeAccountNotFound, "")
	}
	if err := s.checkServer(v); err != nil {
		return store.Token{}, "", err
	}
	now := s.now()
	t := v.apply(store.Token{
		Kind: store.KindMCP, EnvironmentID: caller.Grant.EnvironmentID, Accounts: []string{v.AccountID}, Services: serverServices(caller),
		CreatedAt: now, UpdatedAt: now,
	})
	return s.insert(ctx, caller, t, token.PrefixMCP, "mcp_server.create")
}

// FindServer returns a server of an account within the caller's reach.
func (s *Service) FindServer(ctx context.Context, caller *access.Caller, accountID, id string) (store.Token, error) {
	return findServer(ctx, s.o.Store, caller, accountID, id)
}

func findServer(ctx context.Context, r store.Reader, caller *access.Caller, accountID, id string) (store.Token, error) {
	if !caller.Grant.MayAccount(accountID) {
		return store.Token{}, rpcerr.New(access.CodeAccountNotFound, "")
	}
	t, err := r.Token(ctx, caller.Grant.EnvironmentID, store.KindMCP, id)
	if errors.Is(err, store.ErrNotFound) || err == nil && !slices.Contains(t.Accounts, accountID) {
		return store.Token{}, errServerNotFound()
	}
	return t, err
}

// ListServers lists the servers of an account, newest first.
func (s *Service) ListServers(ctx context.Context, caller *access.Caller, accountID string, p store.Page) ([]store.Token, error) {
	t := store.Token{EnvironmentID: caller.Grant.EnvironmentID, Accounts: []string{accountID}}
	if !caller.Grant.MayAccount(accountID) {
		return nil, rpcerr.New(access.CodeAccountNotFound, "")
	}
	if err := known(ctx, s.o.Store, t); err != nil {
		return nil, err
	}
	return s.o.Store.Tokens(ctx, store.TokenFilter{EnvironmentID: t.EnvironmentID, Kind: store.KindMCP, AccountID: accountID}, p)
}

// UpdateServer replaces what may change of a server.
func (s *Service) UpdateServer(ctx context.Context, caller *access.Caller, v Server) (store.Token, error) {
	if err := s.checkServer(v); err != nil {
		return store.Token{}, err
	}
	return s.changeServer(ctx, caller, v.AccountID, v.ID, "mcp_server.update", func(w store.Writer, t store.Token) (store.Token, error) {
		t = v.apply(t)
		if err := subset(t, caller); err != nil {
			return t, err
		}
		return t, w.UpdateToken(ctx, t)
	})
}

// RotateServer gives a server a new token; the old one works until the given time, or no longer at all.
func (s *Service) RotateServer(ctx context.Context, caller *access.Caller, accountID, id string, previousUntil time.Time) (store.Token, string, error) {
	if previousUntil.IsZero() {
		previousUntil = s.now()
	}
	secret := token.New(token.PrefixMCP)
	t, err := s.changeServer(ctx, caller, accountID, id, "mcp_server.rotate", func(w store.Writer, t store.Token) (store.Token, error) {
		if err := subset(t, caller); err != nil {
			return t, err
		}
		if err := w.ReplaceSecret(ctx, t, s.o.Hasher.Hash(secret), micro(previousUntil)); err != nil {
			return t, err
		}
		return t, w.UpdateToken(ctx, t)
	})
	if err != nil {
		return t, "", err
	}
	return t, secret, nil
}

// DeleteServer revokes a server.
func (s *Service) DeleteServer(ctx context.Context, caller *access.Caller, accountID, id string) error {
	_, err := s.changeServer(ctx, caller, accountID, id, "mcp_server.delete", func(w store.Writer, t store.Token) (store.Token, error) {
		return t, w.DeleteToken(ctx, t.EnvironmentID, t.Kind, t.ID)
	})
	return err
}

// changeServer changes a server, tells the replicas, and writes it down.
func (s *Service) changeServer(ctx context.Context, caller *access.Caller, accountID, id, act string, f func(store.Writer, store.Token) (store.Token, error)) (store.Token, error) {
	var t store.Token
	err := s.change(ctx, func(w store.Writer) error {
		found, err := findServer(ctx, w, caller, accountID, id)
		if err != nil {
			return err
		}
		found.UpdatedAt = s.now()
		if t, err = f(w, found); err != nil {
			return err
		}
		if err := w.Publish(ctx, store.Event{TokenIDs: []string{id}, At: s.now()}); err != nil {
			return err
		}
		return s.record(ctx, w, t, act)
	})
	return t, err
}

// A Use is the use of one server.
type Use struct {
	EnvironmentID, ServerID, Client string
	// At is when it was used last; zero is now.
	At time.Time
}

// TouchServers notes which servers were used, and by which clients. Servers that are gone are passed over.
func (s *Service) TouchServers(ctx context.Context, uses []Use) error {
	now := s.now()
	return s.o.Store.Update(ctx, func(w store.Writer) error {
		for _, u := range uses {
			at := now
			if !u.At.IsZero() && u.At.Before(now) {
				at = u.At
			}
			client := u.Client
			if r := []rune(client); len(r) > 200 {
				client = string(r[:200])
			}
			err := w.TouchClient(ctx, u.EnvironmentID, u.ServerID, client, at.Truncate(time.Minute))
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}
