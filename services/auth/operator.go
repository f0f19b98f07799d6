package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
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
	s, err := openStore(store.Patient(ctx), cfg.Store)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if err := k.belong(ctx, s); err != nil {
		return nil, errors.Join(fmt.Errorf("auth: %w", err), s.Close())
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
		return o.record(ctx, w, e.ID, "environment.create", map[string]any{"name": name})
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
		return o.record(ctx, w, spec.EnvironmentID, "api_token.create", spec)
	})
	if err != nil {
		return "", "", err
	}
	return t.ID, secret, nil
}

// Token is an API token as the operator sees it: never its secret.
type Token struct {
	ID         string
	Name       string
	Accounts   []string
	Services   []string
	Read       bool
	Write      bool
	CreatedAt  time.Time
	LastUsedAt time.Time
	// ExpiresAt is when it stops working; zero is never.
	ExpiresAt time.Time
}

// Tokens lists the API tokens of an environment, newest first.
func (o *Operator) Tokens(ctx context.Context, environmentID string) ([]Token, error) {
	if _, err := o.store.Environment(ctx, environmentID); err != nil {
		return nil, fmt.Errorf("auth: environment %q: %w", environmentID, err)
	}
	const step = 500
	var all []Token
	for p := (store.Page{Limit: step}); ; {
		page, err := o.store.Tokens(ctx, store.TokenFilter{EnvironmentID: environmentID, Kind: store.KindAPI}, p)
		if err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		for _, t := range page {
			all = append(all, Token{
				ID: t.ID, Name: t.Name, Accounts: t.Accounts, Services: t.Services, Read: t.Read, Write: t.Write,
				CreatedAt: t.CreatedAt, LastUsedAt: t.LastUsedAt, ExpiresAt: t.ExpiresAt,
			})
		}
		if len(page) < step {
			return all, nil
		}
		p.After = page[len(page)-1].ID
	}
}

// RevokeToken revokes an API token. Running servers refuse it within a second.
func (o *Operator) RevokeToken(ctx context.Context, environmentID, id string) error {
	err := o.store.Update(ctx, func(w store.Writer) error {
		if err := bearer.Revoke(ctx, w, environmentID, id, o.now()); err != nil {
			return err
		}
		return o.record(ctx, w, environmentID, "api_token.delete", map[string]any{"id": id})
	})
	if err != nil {
		return fmt.Errorf("auth: token %q of environment %q: %w", id, environmentID, err)
	}
	return nil
}

// record writes down an act of the operator's, with the digest of its arguments.
func (o *Operator) record(ctx context.Context, w store.Writer, environmentID, action string, arguments any) error {
	ctx, err := audit.WithArguments(ctx, arguments)
	if err != nil {
		return err
	}
	e := audit.Act(ctx, "admin", action)
	e.EnvironmentId, e.ActorKind = environmentID, "operator"
	return audit.Record(ctx, w, o.now(), e)
}

// ExportLog writes the log of an environment to out, in the form that VerifyLog reads.
func (o *Operator) ExportLog(ctx context.Context, environmentID string, out io.Writer) error {
	return audit.Export(ctx, o.store, o.keys.chain, environmentID, o.now(), out)
}

// LogReport is what a good export holds.
type LogReport = audit.Report

// VerifyLog checks an export of a log offline. trusted is a JSON Web Key Set kept apart from the export (see Operator.PublicKeys); nil takes the
// keys that came with the file, which then only shows that the file is whole.
func VerifyLog(in io.Reader, trusted []byte) (LogReport, error) { return audit.Verify(in, trusted) }

// PublicKeys are the public halves of the signing keys, as a JSON Web Key Set to be kept with whoever verifies logs.
func (o *Operator) PublicKeys() []byte { return o.keys.signer.JWKS() }

// rotateStep is how many data keys are read at once.
const rotateStep = 100

// RotateKeys wraps every data key with the first key-encryption key of the ring, while servers run that have the old and the new key. progress
// is called after every step with how many are done of how many. Interrupted, it goes on where it stopped when it is called again. When it
// returns nil, nothing depends on the other keys any more.
func (o *Operator) RotateKeys(ctx context.Context, progress func(done, total int)) error {
	ring := o.keys.ring
	total, err := o.store.CountDataKeys(ctx, ring.Primary())
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	done, after := 0, ""
	var failed []error
	for {
		page, err := o.store.DataKeys(ctx, ring.Primary(), after, rotateStep)
		if err != nil {
			return fmt.Errorf("auth: %w", err)
		}
		for _, old := range page {
			if err := o.rewrap(ctx, old); err != nil {
				failed = append(failed, err)
				continue
			}
			done++
		}
		progress(done, max(total, done))
		if len(page) < rotateStep {
			break
		}
		after = page[len(page)-1].AccountID
	}
	left, err := o.store.CountDataKeys(ctx, ring.Primary())
	if err == nil && left > 0 && len(failed) == 0 {
		err = fmt.Errorf("auth: %d data keys are still wrapped by another key: a server that lacks the new key linked accounts meanwhile; run it again", left)
	}
	return errors.Join(append(failed, err)...)
}

// rewrap wraps one data key anew. One that was replaced or destroyed meanwhile is none of our business.
func (o *Operator) rewrap(ctx context.Context, old store.DataKey) error {
	fresh, err := o.keys.ring.Rewrap(old)
	if err != nil {
		return err
	}
	return o.store.Update(ctx, func(w store.Writer) error {
		_, err := w.RewrapDataKey(ctx, old, fresh)
		return err
	})
}
