package audit

import (
	"context"
	"slices"
	"sync"
	"time"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Appender records the entries of other services. Appends that arrive while a commit is under way share the next one, so that the cost of a
// durable append is spread over all who wait.
type Appender struct {
	store store.Store
	now   func() time.Time

	mu      sync.Mutex
	waiting []*batch
	busy    bool
}

// batch is what one caller brought.
type batch struct {
	entries []*authv1.LogEntry
	err     error
	done    chan struct{}
	ids     []string
}

// NewAppender makes an appender.
func NewAppender(s store.Store, now func() time.Time) *Appender {
	return &Appender{store: s, now: now}
}

// maxCommit is the most entries of one commit.
const maxCommit = 1024

// Append returns the ids of the entries once they are durable. A batch is kept whole or not at all.
func (a *Appender) Append(ctx context.Context, entries []*authv1.LogEntry) ([]string, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	b := &batch{entries: entries, done: make(chan struct{})}
	a.mu.Lock()
	a.waiting = append(a.waiting, b)
	lead := !a.busy
	a.busy = true
	a.mu.Unlock()
	if lead {
		// Others depend on this commit: it must not end with its first caller.
		go a.commitAll(context.WithoutCancel(ctx))
	}
	select {
	case <-b.done:
		return b.ids, b.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (a *Appender) commitAll(ctx context.Context) {
	for {
		a.mu.Lock()
		n, size := 0, 0
		for n < len(a.waiting) && (n == 0 || size+len(a.waiting[n].entries) <= maxCommit) {
			size += len(a.waiting[n].entries)
			n++
		}
		group := a.waiting[:n:n]
		a.waiting = a.waiting[n:]
		if n == 0 {
			a.busy = false
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		a.commit(ctx, group)
	}
}

// commit records a group at once. If that fails, every batch gets its own try, so that one bad batch does not take the others along; while
// the store is away, none of them would fare better.
func (a *Appender) commit(ctx context.Context, group []*batch) {
	if err := a.record(ctx, group); err != nil {
		for _, b := range group {
			b.err = err
			if len(group) > 1 && !store.IsAway(err) {
				b.err = a.record(ctx, []*batch{b})
			}
		}
	}
	for _, b := range group {
		for _, e := range b.entries {
			b.ids = append(b.ids, e.GetId())
		}
		close(b.done)
	}
}

func (a *Appender) record(ctx context.Context, group []*batch) error {
	byEnvironment := make(map[string][]*authv1.LogEntry)
	for _, b := range group {
		for _, e := range b.entries {
			byEnvironment[e.GetEnvironmentId()] = append(byEnvironment[e.GetEnvironmentId()], e)
		}
	}
	// One order of locks for all replicas.
	order := make([]string, 0, len(byEnvironment))
	for id := range byEnvironment {
		order = append(order, id)
	}
	slices.Sort(order)
	return a.store.Update(ctx, func(w store.Writer) error {
		for _, id := range order {
			if err := Record(ctx, w, a.now(), byEnvironment[id]...); err != nil {
				return err
			}
		}
		return nil
	})
}
