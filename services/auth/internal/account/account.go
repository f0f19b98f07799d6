// Package account links, checks and unlinks integrated accounts. A credential is tried before it is stored and sealed where it is stored;
// only the proxy, which alone talks to providers, ever gets it back.
package account

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/envelope"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// Options are what a Service needs.
type Options struct {
	Store   store.Store
	Ring    *envelope.Ring
	Catalog *catalog.Catalog
	Probe   internalproxyv1connect.ProbeServiceClient
	OAuth   *oauth.Client
	Hub     *watch.Hub
	Errors  *rpcerr.Table
	Now     func() time.Time
}

// Service does what is asked of accounts. It is safe for concurrent use.
type Service struct {
	o Options
	// holder names this process in leases.
	holder string
	flight singleflight.Group
}

// New makes a service.
func New(o Options) *Service { return &Service{o: o, holder: rand.Text()} }

// errNotFound is the answer for an account that is unknown, of another environment, or out of the caller's reach.
func errNotFound() error { return rpcerr.New(access.CodeAccountNotFound, "") }

// Find returns an account within the caller's reach.
func (s *Service) Find(ctx context.Context, caller *access.Caller, id string) (store.Account, error) {
	return find(ctx, s.o.Store, caller, id)
}

func find(ctx context.Context, r store.Reader, caller *access.Caller, id string) (store.Account, error) {
	if !caller.Grant.MayAccount(id) {
		return store.Account{}, errNotFound()
	}
	a, err := r.Account(ctx, caller.Grant.EnvironmentID, id)
	if errors.Is(err, store.ErrNotFound) {
		return a, errNotFound()
	}
	return a, err
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

// Update is a change to an account that does not touch its credential; nil keeps.
type Update struct {
	TenantID *string
	Context  json.RawMessage // merges into the open values (RFC 7396)
}

// Update changes tenant or open context.
func (s *Service) Update(ctx context.Context, caller *access.Caller, id string, u Update) (store.Account, error) {
	var a store.Account
	err := s.change(ctx, func(w store.Writer) error {
		var err error
		if a, err = find(ctx, w, caller, id); err != nil {
			return err
		}
		if u.TenantID != nil {
			a.TenantID = *u.TenantID
		}
		if u.Context != nil {
			if a.Context, err = s.patchOpen(a, u.Context); err != nil {
				return err
			}
		}
		a.UpdatedAt = s.now()
		if err := w.UpdateAccount(ctx, a); err != nil {
			return err
		}
		return s.record(ctx, w, a, "admin", "integrated_account.update")
	})
	return a, err
}

// Delete unlinks an account: the data key is destroyed and with it the credential, and the tokens made for the account are revoked.
func (s *Service) Delete(ctx context.Context, caller *access.Caller, id string) error {
	return s.change(ctx, func(w store.Writer) error {
		a, err := find(ctx, w, caller, id)
		if err != nil {
			return err
		}
		tokens, err := w.DeleteTokensOf(ctx, id)
		if err != nil {
			return err
		}
		if err := w.DeleteAccount(ctx, a.EnvironmentID, id); err != nil {
			return err
		}
		if err := w.Publish(ctx, store.Event{TokenIDs: tokens, AccountIDs: []string{id}, At: s.now()}); err != nil {
			return err
		}
		return s.record(ctx, w, a, "admin", "integrated_account.delete")
	})
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// record writes down that the caller acted on an account.
func (s *Service) record(ctx context.Context, w store.Writer, a store.Account, logType, action string) error {
	return audit.Record(ctx, w, s.now(), entryFor(ctx, a, logType, action))
}

func entryFor(ctx context.Context, a store.Account, logType, action string) *authv1.LogEntry {
	e := audit.Act(ctx, logType, action)
	e.EnvironmentId = a.EnvironmentID
	if a.ID != "" {
		e.IntegratedAccountId = &a.ID
	}
	return e
}

// newID makes a UUIDv7: ids of one process sort by when they were made.
func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}
