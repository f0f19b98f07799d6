package account

import (
	"context"
	"errors"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// pulse is what one replica has seen of another's lease. It goes by how long the lease stood still on the own clock, so clocks that are apart do
// no harm.
type pulse struct {
	lease store.RefreshLease
	since time.Time
}

// dead answers the lease if its holder is: a process that was killed moves nothing on.
func (p *pulse) dead(l store.RefreshLease) store.RefreshLease {
	if l != p.lease {
		p.lease, p.since = l, time.Now()
	}
	if time.Since(p.since) < deadAfter {
		return store.RefreshLease{}
	}
	return l
}

// claim takes the lease on refreshing, and reads the account as it is under the lease.
func (s *Service) claim(ctx context.Context, id string, seen int64, other *pulse) (a store.Account, mine bool, err error) {
	err = s.o.Store.Update(ctx, func(w store.Writer) error {
		mine = false
		if a, err = w.AccountByID(ctx, id); err != nil {
			return err
		}
		if a.Version != seen || a.Status == store.StatusNeedsReauth {
			return nil
		}
		held, err := w.RefreshLease(ctx, id)
		if err != nil {
			return err
		}
		mine, err = w.ClaimRefresh(ctx, id, s.lease(), s.now(), other.dead(held))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = errNotFound()
	}
	return a, mine, err
}

func (s *Service) lease() store.RefreshLease {
	return store.RefreshLease{Holder: s.holder, Until: s.now().Add(refreshLease)}
}

// beat moves this replica's lease on until it is stopped. A store that cannot be written for a moment is tried again: nobody else can take the lease
// there either.
func (s *Service) beat(ctx context.Context, id string) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(beatEvery)
		defer tick.Stop()
		for last := s.lease(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			next := s.lease()
			if !next.Until.After(last.Until) {
				next.Until = last.Until.Add(time.Microsecond)
			}
			last = next
			_ = s.o.Store.Update(ctx, func(w store.Writer) error {
				held, err := w.RefreshLease(ctx, id)
				if err != nil || held.Holder != s.holder {
					return err // finished, or taken over
				}
				_, err = w.ClaimRefresh(ctx, id, next, time.Time{}, store.RefreshLease{}) // renew it, take none that has ended
				return err
			})
		}
	}()
	return func() { cancel(); <-done }
}
