package auth

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

const (
	// refreshEvery is how often credentials are looked for whose access token ends soon.
	refreshEvery = 2 * time.Second
	// clearEvery is how often expired rows are removed.
	clearEvery = 10 * time.Minute
	// keepTokens is how long an ended token stays, for clocks that are apart.
	keepTokens = time.Hour
	// keepLinks is how long an ended link stays, so that its page can say that it expired.
	keepLinks = 30 * 24 * time.Hour
	// keepEvents is how long revocations stay for replicas that look late.
	keepEvents = time.Hour
	// checkpointEvery is how often the chains get a signed checkpoint, and entries past their retention are removed.
	checkpointEvery = time.Hour
)

// every does something again and again until ctx ends. A failure is logged, and the next round tries again.
func (s *Service) every(ctx context.Context, interval time.Duration, do func(context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := guard(store.Patient(ctx), do); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "upkeep failed", "error", err)
		}
	}
}

// guard makes an error of a panic: what one round runs into does not end the process, nor make it print what it had in hand.
func guard(ctx context.Context, do func(context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %s\n%s", log.Panic(v), debug.Stack())
		}
	}()
	return do(ctx)
}

// clear removes what has expired.
func (s *Service) clear(ctx context.Context) error {
	return s.store.Update(ctx, func(w store.Writer) error {
		return errors.Join(
			w.DeleteExpired(ctx, s.now().Add(-keepTokens), s.now().Add(-keepLinks)),
			w.PruneEvents(ctx, s.now().Add(-keepEvents)),
		)
	})
}

// keepLogs signs where every chain stands and removes what is past its retention.
func (s *Service) keepLogs(ctx context.Context) error {
	environments, err := s.store.Environments(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range environments {
		err := errors.Join(
			audit.Renew(ctx, s.store, s.keys.chain, e.ID, s.now()),
			audit.Keep(ctx, s.store, s.keys.chain, e.ID, s.now()),
			audit.Prune(ctx, s.store, s.keys.chain, e, s.now()),
		)
		if err != nil {
			errs = append(errs, fmt.Errorf("log of environment %s: %w", e.ID, err))
		}
	}
	return errors.Join(errs...)
}
