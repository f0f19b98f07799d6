package writes

import (
	"context"
	"sync"
	"time"
)

// A lease is a process's word that it lives.
type lease struct {
	store  Store
	owner  string
	length time.Duration
	now    func() time.Time

	mu    sync.Mutex
	until time.Time
}

// hold makes sure that the lease lasts for half its length.
func (l *lease) hold(ctx context.Context) error {
	l.mu.Lock()
	enough := l.until.Sub(l.now()) > l.length/2
	l.mu.Unlock()
	if enough {
		return nil
	}
	return l.renew(ctx)
}

func (l *lease) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	until := l.now().UTC().Truncate(time.Millisecond).Add(l.length)
	if err := l.store.Beat(ctx, l.owner, until); err != nil {
		return err
	}
	l.until = until
	return nil
}

// drop ends the lease: others need not wait for it to run out.
func (l *lease) drop() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	l.until = time.Time{}
	return l.store.Beat(ctx, l.owner, l.now().UTC().Add(-time.Millisecond))
}
