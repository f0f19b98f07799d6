package access

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

const (
	// maxBatch is the most entries of one append.
	maxBatch = 512
	// flushEvery is how long what is not urgent may wait for company.
	flushEvery = 200 * time.Millisecond
	// laterQueue is how many entries may wait to be recorded asynchronously before further ones are dropped.
	laterQueue = 8192
	// appendTimeout bounds one append.
	appendTimeout = 10 * time.Second
	// lastWords is how long a service that stops tries to record what is left.
	lastWords = 5 * time.Second
)

// An Auditor records entries in auth's log. Appends of concurrent calls travel together, so that the cost of a durable one is shared.
type Auditor struct {
	log    *slog.Logger
	auth   internalauthv1connect.AuditServiceClient
	urgent chan submission
	later  chan *authv1.LogEntry
	// crowded tells Run that a batch is waiting.
	crowded chan struct{}
	dropped atomic.Int64
	// kept is what could not be recorded and is tried again; of Run alone.
	kept []*authv1.LogEntry
	// since is when the oldest entry that waits was given to Later, in Unix nanoseconds; 0 when none waits.
	since atomic.Int64
}

// submission is one caller's entries on their way.
type submission struct {
	entries []*authv1.LogEntry
	done    chan<- error
}

// NewAuditor makes an auditor over auth's internal mount. Nothing is recorded before Run.
func NewAuditor(auth *connect.Client, log *slog.Logger) *Auditor {
	return &Auditor{
		log:    log,
		auth:   internalauthv1connect.NewAuditServiceClient(auth),
		urgent: make(chan submission),
		later:  make(chan *authv1.LogEntry, laterQueue),

		crowded: make(chan struct{}, 1),
	}
}

// Record returns once the entries are durable, or AUDIT_UNAVAILABLE. An entry with an id of the caller's may be recorded twice without harm.
func (a *Auditor) Record(ctx context.Context, entries ...*authv1.LogEntry) error {
	done := make(chan error, 1)
	select {
	case a.urgent <- submission{entries: entries, done: done}:
	case <-ctx.Done():
		return away(CodeAuditUnavailable, ctx.Err())
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return away(CodeAuditUnavailable, ctx.Err())
	}
}

// Later records an entry soon, without making the caller wait; while auth is away, it is tried again. When auth cannot keep up, entries are dropped
// and counted, but never the outcome of a write whose intent is on record.
func (a *Auditor) Later(e *authv1.LogEntry) {
	select {
	case a.later <- e:
		if a.since.Load() == 0 {
			a.since.CompareAndSwap(0, time.Now().UnixNano())
		}
	default:
		a.dropped.Add(1)
	}
	if len(a.later) >= maxBatch {
		select {
		case a.crowded <- struct{}{}:
		default: // Run has been told
		}
	}
}

// Dropped is how many entries given to Later were lost.
func (a *Auditor) Dropped() int64 { return a.dropped.Load() }

// Run appends what is given until ctx ends, then what is still waiting. It returns nil. What is urgent goes at once, and takes along what is not; the
// rest is collected for a moment, because an append costs little more for a hundred entries than for one.
func (a *Auditor) Run(ctx context.Context) error {
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	for {
		select {
		case <-ctx.Done():
			a.finish(context.WithoutCancel(ctx), flush.C)
			return nil
		case s := <-a.urgent:
			b := &batch{}
			b.add(s)
			a.fill(b)
			a.append(ctx, b)
		case <-a.crowded:
			a.drain(ctx)
		case <-flush.C:
			a.drain(ctx)
		}
	}
}

// finish drains, again for a while where auth is away.
func (a *Auditor) finish(ctx context.Context, again <-chan time.Time) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	for a.drain(ctx); len(a.kept) > 0; a.drain(ctx) {
		select {
		case <-again:
		case <-ctx.Done():
			a.dropped.Add(int64(len(a.kept)))
			return
		}
	}
}

// drain appends what Later took, until an append fails.
func (a *Auditor) drain(ctx context.Context) {
	for len(a.later) > 0 || len(a.kept) > 0 {
		b := &batch{later: make([]*authv1.LogEntry, 0, min(len(a.later)+len(a.kept), maxBatch))}
		n := min(len(a.kept), maxBatch)
		b.later, a.kept = append(b.later, a.kept[:n]...), slices.Delete(a.kept, 0, n) // which lets go of them
		a.fill(b)
		if !a.append(ctx, b) {
			return
		}
	}
	a.since.Store(0)
}

// batch is what one append takes.
type batch struct {
	entries []*authv1.LogEntry // of those who wait
	waiting []chan<- error     // for it
	later   []*authv1.LogEntry // that nobody waits for
}

func (b *batch) add(s submission) {
	b.entries = append(b.entries, s.entries...)
	b.waiting = append(b.waiting, s.done)
}

// all is what to append.
func (b *batch) all() []*authv1.LogEntry {
	if len(b.entries) == 0 {
		return b.later
	}
	return append(b.entries, b.later...)
}

// fill adds what is there to a batch, the urgent first.
func (a *Auditor) fill(b *batch) {
	for len(b.entries)+len(b.later) < maxBatch {
		select {
		case s := <-a.urgent:
			b.add(s)
			continue
		default:
		}
		select {
		case e := <-a.later:
			b.later = append(b.later, e)
		default:
			return
		}
	}
}

// append records a batch and reports whether that succeeded.
func (a *Auditor) append(ctx context.Context, b *batch) bool {
	// The outcome of a write is recorded even while the service is stopping.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), appendTimeout)
	defer cancel()
	entries := b.all()
	_, err := a.auth.AppendAudit(ctx, &internalauthv1.AppendAuditRequest{Entries: entries})
	if err != nil {
		a.log.ErrorContext(ctx, "audit entries not recorded", "entries", len(entries), "error", err)
		err = away(CodeAuditUnavailable, err)
		a.keep(b.later)
	}
	for _, done := range b.waiting {
		done <- err
	}
	return err == nil
}

// keep has entries tried again, as far as there is room for them.
func (a *Auditor) keep(entries []*authv1.LogEntry) {
	for _, e := range entries {
		if len(a.kept) < laterQueue || e.IntentId != nil {
			a.kept = append(a.kept, e)
			continue
		}
		a.dropped.Add(1)
	}
}
