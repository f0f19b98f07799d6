package account

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

const (
	// refreshLease is how long one replica has for a refresh, and how long its lease lives by the clock.
	refreshLease = 30 * time.Second
	// beatEvery is how often its holder moves a lease on.
	beatEvery = 500 * time.Millisecond
	// deadAfter is how long a lease has stood still when its holder is taken for dead.
	deadAfter = 4 * beatEvery
	// refreshAgain is when a refresh is tried again that failed for a passing reason.
	refreshAgain = 30 * time.Second
	// leaseMargin is how long before its end an access token is not lent out any more.
	leaseMargin = 10 * time.Second
	// lookEvery is how often a replica looks whether another has finished.
	lookEvery = 50 * time.Millisecond
	// refreshers is how many accounts one replica refreshes at once.
	refreshers = 8
)

// obtain completes what was typed to a credential that works now: for the OAuth kinds by asking the token endpoint, unless the customer's consent
// has just given the tokens.
func (s *Service) obtain(ctx context.Context, integration string, m *catalogv1.AuthenticationMethod, typed, consented map[string]string) (map[string]string, error) {
	if m.GetOauth2() == nil {
		return typed, nil
	}
	if consented != nil {
		return consented, nil
	}
	values, err := s.o.OAuth.Obtain(ctx, integration, m, typed)
	return values, s.Explain(integration, err)
}

// Explain turns the error of a token endpoint into one for the caller.
func (s *Service) Explain(integration string, err error) error {
	if err == nil {
		return nil
	}
	e := rpcerr.New(access.CodeUpstreamError, "the provider's token endpoint did not give a token")
	if refused, ok := errors.AsType[*oauth.Refused](err); ok {
		e = rpcerr.Newf(access.CodeCredentialRejected, "the token endpoint refused: %s", refused.Reason)
	}
	e.Origin = integration
	return e.WithCause(err)
}

// Refresh renews the access token of an account within the caller's reach, now.
func (s *Service) Refresh(ctx context.Context, caller *access.Caller, id string) (store.Account, error) {
	a, err := s.Find(ctx, caller, id)
	if err != nil {
		return a, err
	}
	if _, err := s.refreshable(a); err != nil {
		return a, err
	}
	return s.renew(ctx, id, a.Version)
}

func (s *Service) refreshable(a store.Account) (*catalogv1.AuthenticationMethod, error) {
	_, m, err := s.method(a.Integration, a.Method)
	if err != nil {
		return nil, err
	}
	if m.GetOauth2() == nil {
		return nil, invalid("id", "names an account whose credential is not refreshed: "+m.GetName()+" has no OAuth").
			WithFix("Try it with POST /integrated-account/{id}/validate, or replace it with PATCH /integrated-account/{id}/credentials.")
	}
	return m, nil
}

// renew replaces the access token of which version was seen. However many ask, in however many replicas, the provider is asked once: callers of
// this process share one flight, and a lease in the store keeps other replicas out.
func (s *Service) renew(ctx context.Context, id string, seen int64) (store.Account, error) {
	result := s.flight.DoChan(fmt.Sprint(id, "/", seen), func() (a any, err error) {
		// The flight is a goroutine of its own: a panic would end the process, and print what it had in hand.
		defer func() {
			if v := recover(); v != nil {
				a, err = store.Account{}, rpcerr.New(rpcerr.Internal, "").WithCause(fmt.Errorf("account: panic: %s\n%s", log.Panic(v), debug.Stack()))
			}
		}()
		// Others wait for this too, and a new refresh token must be stored whoever has gone away.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshLease)
		defer cancel()
		return s.renewOnce(ctx, id, seen)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return store.Account{}, r.Err
		}
		return r.Val.(store.Account), nil
	case <-ctx.Done():
		return store.Account{}, ctx.Err()
	}
}

func (s *Service) renewOnce(ctx context.Context, id string, seen int64) (store.Account, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var other pulse
	for {
		a, mine, err := s.claim(ctx, id, seen, &other)
		switch {
		case err != nil:
			return a, err
		case a.Status == store.StatusNeedsReauth:
			return a, rpcerr.New(access.CodeNeedsReauth, "")
		case a.Version != seen:
			return a, nil // another replica was faster
		case mine:
			defer s.beat(ctx, id)()
			return s.exchange(ctx, a)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return a, rpcerr.New(rpcerr.Unavailable, "the credential is being renewed").WithCause(ctx.Err())
		}
	}
}

// exchange asks the token endpoint and stores what it gave before anything else is done with it: a provider that rotates refresh tokens has
// forgotten the old one.
func (s *Service) exchange(ctx context.Context, a store.Account) (store.Account, error) {
	m, err := s.refreshable(a)
	if err != nil {
		return a, err
	}
	values, _, err := s.open(ctx, a)
	if err != nil {
		return a, err
	}
	fresh, err := s.o.OAuth.Renew(ctx, a.Integration, m, values)
	if refused, ok := errors.AsType[*oauth.Refused](err); ok {
		return s.mustReconnect(ctx, a, refused)
	}
	if err != nil {
		later := s.o.Store.Update(ctx, func(w store.Writer) error { return w.SetRefresh(ctx, a.ID, s.now().Add(refreshAgain)) })
		return a, s.Explain(a.Integration, errors.Join(err, later))
	}
	next := a
	// What came must not be lost, however long the store takes: the old refresh token may be used up.
	err = s.change(store.Patient(ctx), func(w store.Writer) error {
		now, err := w.AccountByID(ctx, a.ID)
		if err != nil || now.Version != a.Version {
			return err // reconnected or unlinked meanwhile: what came is of no use
		}
		// Who took this replica for dead may have been refused, since the old refresh token is used up: what came here still works.
		next = now
		next.Version, next.Status, next.LastError, next.UpdatedAt = now.Version+1, a.Status, a.LastError, s.now()
		sealed, err := s.o.Ring.Seal(next.EnvironmentID, next.ID, next.Version, fresh)
		if err != nil {
			return err
		}
		return errors.Join(
			w.UpdateAccount(ctx, next), w.PutCredential(ctx, sealed), w.SetRefresh(ctx, next.ID, oauth.RefreshAt(fresh)),
			w.Publish(ctx, store.Event{AccountIDs: []string{next.ID}, At: s.now()}),
		)
	})
	return next, err
}

// mustReconnect marks an account whose provider gives no more tokens.
func (s *Service) mustReconnect(ctx context.Context, a store.Account, why *oauth.Refused) (store.Account, error) {
	err := s.change(ctx, func(w store.Writer) error {
		now, err := w.AccountByID(ctx, a.ID)
		if err != nil || now.Version != a.Version {
			return err
		}
		now.Status, now.LastError, now.UpdatedAt = store.StatusNeedsReauth, why.Reason, s.now()
		e := entryFor(ctx, now, "admin", "integrated_account.needs_reauth")
		e.ActorKind = "system"
		return errors.Join(
			w.UpdateAccount(ctx, now), w.SetRefresh(ctx, now.ID, time.Time{}),
			w.Publish(ctx, store.Event{AccountIDs: []string{now.ID}, At: s.now()}),
			audit.Record(ctx, w, s.now(), e),
		)
	})
	return a, errors.Join(rpcerr.New(access.CodeNeedsReauth, ""), err)
}

// RefreshDue renews the credentials whose time has come. What one account runs into does not keep the others.
func (s *Service) RefreshDue(ctx context.Context) error {
	const most = 200
	ids, err := s.o.Store.DueForRefresh(ctx, s.now(), most)
	if err != nil {
		return err
	}
	errs := make([]error, len(ids))
	var g errgroup.Group
	g.SetLimit(refreshers)
	for i, id := range ids {
		g.Go(func() error {
			a, err := s.o.Store.AccountByID(ctx, id)
			if err == nil {
				_, err = s.renew(ctx, id, a.Version)
			}
			if err != nil {
				errs[i] = fmt.Errorf("account %s not refreshed: %w", id, err)
			}
			return nil
		})
	}
	return errors.Join(append(errs, g.Wait())...)
}
