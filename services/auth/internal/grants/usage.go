package grants

import (
	"context"
	"sync"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// flushEvery is how often the times of last use are written, and ended entries dropped.
const flushEvery = 10 * time.Second

// usage gathers when tokens were last used, to the minute.
type usage struct {
	mu   sync.Mutex
	used map[string]time.Time
}

func newUsage() *usage { return &usage{used: make(map[string]time.Time)} }

// note costs one comparison, except for the first use in a minute.
func (u *usage) note(e *entry, now time.Time) {
	minute := now.Unix() / 60
	seen := e.minute.Load()
	if minute <= seen || !e.minute.CompareAndSwap(seen, minute) {
		return
	}
	at := time.Unix(minute*60, 0).UTC()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, id := range e.tokens {
		u.used[id] = at
	}
}

func (u *usage) take() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.used) == 0 {
		return nil
	}
	taken := u.used
	u.used = make(map[string]time.Time)
	return taken
}

// Run writes times of last use until ctx ends, and then once more. It returns nil.
func (m *Minter) Run(ctx context.Context, s store.Store, failed func(error)) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
		m.cache.sweep(m.now())
		if err := m.FlushUsage(context.WithoutCancel(ctx), s); err != nil {
			failed(err)
		}
	}
	return nil
}

// FlushUsage writes the times of last use that were gathered. A token that is gone by now is passed over.
func (m *Minter) FlushUsage(ctx context.Context, s store.Store) error {
	used := m.usage.take()
	if used == nil {
		return nil
	}
	return s.Update(ctx, func(w store.Writer) error { return w.TouchTokens(ctx, used) })
}
