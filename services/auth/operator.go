package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/token"
)

// Operator does what the API cannot: it makes environments and their first tokens. It works on the store, beside a running server or without
// one; a running server sees its acts within a fraction of a second.
type Operator struct {
	store store.Store
	keys  keys
	now   func() time.Time
	owned bool
}

// OpenOperator opens the store of cfg for the operator's CLI. Close it.
func OpenOperator(ctx context.Context, cfg Config) (*Operator, error) {
	k, err := loadKeys(cfg.Keys)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	s, err := openStore(ctx, cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return &Operator{store: s, keys: k, now: time.Now, owned: true}, nil
}

// Operator works on the store of a service in this process. It needs no Close.
func (s *Service) Operator() *Operator { return &Operator{store: s.store, keys: s.keys, now: s.now} }

// Close closes the store, unless it is a service's.
func (o *Operator) Close() error {
	if !o.owned {
		return nil
	}
	return o.store.Close()
}

// Environment is an environment as the operator sees it.
type Environment struct {
	ID        string
	Name      string
	CreatedAt time.Time
}

// CreateEnvironment makes an environment and returns its id.
func (o *Operator) CreateEnvironment(ctx context.Context, name string) (string, error) {
	if name == "" {
		return "", errors.New("auth: an environment needs a name")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	now := o.now().UTC().Truncate(time.Microsecond)
	e := store.Environment{ID: id.String(), Name: name, CreatedAt: now, UpdatedAt: now}
	err = o.store.Update(ctx, func(w store.Writer) error {
		if err := w.InsertEnvironment(ctx, e); err != nil {
			return err
		}
		return o.record(ctx, w, e.ID, "environment.create")
	})
	return e.ID, err
}

// Environments lists all environments, oldest first.
func (o *Operator) Environments(ctx context.Context) ([]Environment, error) {
	rows, err := o.store.Environments(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Environment, len(rows))
	for i, e := range rows {
		all[i] = Environment{ID: e.ID, Name: e.Name, CreatedAt: e.CreatedAt}
	}
	return all, nil
}

// TokenSpec describes an API token that the operator makes. Nil lists reach all; without Read and Write it has both.
type TokenSpec struct {
	EnvironmentID string
	Name          string
	Accounts      []string
	Services      []string
	Read, Write   bool
	// ExpiresAt is when it stops working; zero is never.
	ExpiresAt time.Time
}

// CreateToken makes an API token and returns its id and its secret, which cannot be read again.
func (o *Operator) CreateToken(ctx context.Context, spec TokenSpec) (id, secret string, err error) {
	if !spec.Read && !spec.Write {
		spec.Read, spec.Write = true, true
	}
	made, err := uuid.NewV7()
	if err != nil {
		return "", "", fmt.Errorf("auth: %w", err)
	}
	now := o.now().UTC().Truncate(time.Microsecond)
	t := store.Token{
		ID: made.String(), Kind: store.KindAPI, EnvironmentID: spec.EnvironmentID, Name: spec.Name, Accounts: spec.Accounts, Services: spec.Services,
		Read: spec.Read, Write: spec.Write, ExpiresAt: spec.ExpiresAt, CreatedAt: now, UpdatedAt: now,
	}
	secret = token.New(token.PrefixAPI)
	err = o.store.Update(ctx, func(w store.Writer) error {
		if _, err := w.Environment(ctx, spec.EnvironmentID); err != nil {
			return fmt.Errorf("auth: environment %q: %w", spec.EnvironmentID, err)
		}
		if err := w.InsertToken(ctx, t, o.keys.hasher.Hash(secret)); err != nil {
			return err
		}
		return o.record(ctx, w, spec.EnvironmentID, "api_token.create")
	})
	if err != nil {
		return "", "", err
	}
	return t.ID, secret, nil
}

// record writes down an act of the operator's.
func (o *Operator) record(ctx context.Context, w store.Writer, environmentID, action string) error {
	e := audit.Act(ctx, "admin", action)
	e.EnvironmentId, e.ActorKind = environmentID, "operator"
	return audit.Record(ctx, w, o.now(), e)
}
