package writes

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// storeTime bounds one transaction of the store.
	storeTime = 5 * time.Second
	// firstLook and lastLook bound the interval at which a write of another
	// process is looked at.
	firstLook = 20 * time.Millisecond
	lastLook  = time.Second
	// purgeBatch is the number of rows that one transaction purges.
	purgeBatch = 1000
)

// A Ledger is the memory of writes. It is safe for concurrent use.
type Ledger struct {
	sealer Sealer
	store  Store
	opts   Options
	owner  string
	group  *group
	lease  lease

	mu      sync.Mutex
	flights map[ID]*flight
	late    []outcome // outcomes that the store has not taken yet
}

// A flight is a write that this process works on or waits for.
type flight struct{ over chan struct{} }

// New makes a ledger over a store. Run must run for as long as it is used.
// Close the store after the ledger's last ticket is finished.
func New(store Store, sealer Sealer, o Options) *Ledger {
	l := &Ledger{
		sealer: sealer, store: store, opts: o.complete(),
		owner: uuid.NewString(), flights: make(map[ID]*flight),
	}
	l.group = &group{apply: store.Apply}
	l.lease = lease{store: store, owner: l.owner, length: l.opts.Lease, now: l.opts.Now}
	return l
}

// id names a write.
func (r *Record) id() ID {
	h := sha256.New()
	for _, part := range []string{r.Environment, r.Account, r.Key} {
		writePart(h, []byte(part))
	}
	return ID(h.Sum(nil))
}

// former tells that a row is this write, recorded by the version before.
func (r *Record) former(row Row) bool { return r.Former != [32]byte{} && row.Digest == r.Former }

// Begin records a write. It returns a Ticket when the write is the caller's to
// send, or the Answer of an earlier one with the same key. While an earlier
// one is in flight it waits, until ctx ends. The error is ErrReused,
// ErrUnknown, ErrStore or the context's.
func (l *Ledger) Begin(ctx context.Context, r Record) (*Ticket, *Answer, error) {
	id := r.id()
	f, err := l.enter(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	t, a, err := l.begin(ctx, id, r, f)
	if t == nil {
		l.leave(id, f)
	}
	return t, a, err
}

// enter waits until nobody else in this process is concerned with id.
func (l *Ledger) enter(ctx context.Context, id ID) (*flight, error) {
	for {
		l.mu.Lock()
		f, taken := l.flights[id]
		if !taken {
			f = &flight{make(chan struct{})}
			l.flights[id] = f
		}
		l.mu.Unlock()
		if !taken {
			return f, nil
		}
		select {
		case <-f.over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// leave lets the next one in.
func (l *Ledger) leave(id ID, f *flight) {
	l.mu.Lock()
	delete(l.flights, id)
	l.mu.Unlock()
	close(f.over)
}

// begin works until the write is the caller's, answered or lost.
func (l *Ledger) begin(ctx context.Context, id ID, r Record, f *flight) (*Ticket, *Answer, error) {
	if err := l.lease.hold(ctx); err != nil {
		return nil, nil, storeError(err)
	}
	now := l.stamp()
	mine := Row{
		ID: id, Environment: r.Environment, Account: r.Account, Operation: r.Operation,
		Digest: r.Digest(), Owner: l.owner, State: StateBegun, Created: now, Changed: now,
	}
	step := Op{Verb: Insert, Row: mine}
	for look := firstLook; ; look = min(2*look, lastLook) {
		result, err := l.group.do(step)
		if err != nil {
			return nil, nil, storeError(err)
		}
		if result.Applied && step.Verb != Delete && step.Row.State == StateBegun {
			return l.ticket(ctx, mine, r, f)
		}
		next, answer, err := l.judge(ctx, mine, r, result)
		if answer != nil || err != nil {
			return nil, answer, err
		}
		if step = next; step.Verb == Insert && result.Row.Owner != "" {
			if err := pause(ctx, look); err != nil {
				return nil, nil, err
			}
		}
	}
}

// ticket hands the write to the caller, unless that one has gone away.
func (l *Ledger) ticket(ctx context.Context, row Row, r Record, f *flight) (*Ticket, *Answer, error) {
	if err := ctx.Err(); err != nil {
		// Should the store fail now, the row stays as begun: whoever comes next
		// takes it over.
		_, failed := l.group.do(Op{Verb: Delete, Row: row, Owner: l.owner, From: inFlight[:1]})
		return nil, nil, errors.Join(err, failed)
	}
	return &Ticket{ledger: l, row: row, keep: !r.Generated, flight: f}, nil, nil
}

// judge decides what to do about a row that stands in the way: answer from it,
// fail, or try the step returned.
func (l *Ledger) judge(ctx context.Context, mine Row, r Record, result Result) (next Op, answer *Answer, err error) {
	row := result.Row
	if result.Applied || row.Owner == "" { // gone, or just moved: look again
		return Op{Verb: Insert, Row: mine}, nil, nil
	}
	if row.State == StateDone && l.opts.Now().Sub(row.Changed) >= l.opts.Keep {
		return Op{Verb: Delete, Row: row, Owner: row.Owner, From: []State{StateDone}}, nil, nil
	}
	former := r.former(row)
	if row.Operation != mine.Operation || row.Digest != mine.Digest && !former {
		return Op{}, nil, ErrReused
	}
	switch row.State {
	case StateDone:
		answer, err := l.open(row)
		if answer != nil {
			answer.Former = former
		}
		return Op{}, answer, err
	case StateUnknown:
		return Op{}, nil, ErrUnknown
	}
	dead, err := l.dead(ctx, row.Owner)
	if err != nil {
		return Op{}, nil, storeError(err)
	}
	switch {
	case !dead:
		return Op{Verb: Insert, Row: mine}, nil, nil
	case row.State == StateBegun && former: // nothing was sent; the row stays with its digest, so it goes
		return Op{Verb: Delete, Row: row, Owner: row.Owner, From: []State{StateBegun}}, nil, nil
	case row.State == StateBegun: // nothing was sent: it is ours now
		return Op{Verb: Move, Row: mine, Owner: row.Owner, From: []State{StateBegun}}, nil, nil
	default:
		gone := row
		gone.State, gone.Changed = StateUnknown, l.stamp()
		return Op{Verb: Move, Row: gone, Owner: row.Owner, From: []State{StateSending}}, nil, nil
	}
}

// dead tells whether nobody works for owner any more. Ourselves we ask only
// about writes that we do not know: left over when the store failed.
func (l *Ledger) dead(ctx context.Context, owner string) (bool, error) {
	if owner == l.owner {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	until, err := l.store.Alive(ctx, owner)
	return err == nil && until.Before(l.opts.Now()), err
}

// stamp is the present as stores keep it.
func (l *Ledger) stamp() time.Time { return l.opts.Now().UTC().Truncate(time.Millisecond) }

func storeError(err error) error {
	if errors.Is(err, ErrStore) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrStore, err)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run renews the lease of this process, records outcomes that the store did
// not take at first, and purges what is old, until ctx ends.
func (l *Ledger) Run(ctx context.Context) error {
	beat := time.NewTicker(l.opts.Lease / 3)
	defer beat.Stop()
	purge := time.NewTicker(l.opts.Keep / 48)
	defer purge.Stop()
	for {
		select {
		case <-beat.C:
			l.report(ctx, "renew the lease", l.lease.renew(ctx))
			l.report(ctx, "record outcomes", l.settleLate())
		case <-purge.C:
			l.report(ctx, "purge", l.Purge(ctx))
		case <-ctx.Done():
			l.group.wait()
			return l.lease.drop()
		}
	}
}

func (l *Ledger) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		l.opts.Log.ErrorContext(ctx, "write records: "+what, "error", err.Error())
	}
}

// Purge forgets answers older than Options.Keep. Writes whose outcome is not
// known stay: they must never be sent again.
func (l *Ledger) Purge(ctx context.Context) error {
	for {
		n, err := l.purgeSome(ctx)
		if err != nil {
			return storeError(err)
		}
		if n < purgeBatch {
			return nil
		}
	}
}

func (l *Ledger) purgeSome(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return l.store.Purge(ctx, l.stamp().Add(-l.opts.Keep), purgeBatch)
}

// settleLate tries outcomes again that the store did not take.
func (l *Ledger) settleLate() error {
	l.mu.Lock()
	late := l.late
	l.late = nil
	l.mu.Unlock()
	for i, o := range late {
		if _, err := l.group.do(o.op); err != nil {
			l.mu.Lock()
			l.late = slices.Concat(late[i:], l.late)
			l.mu.Unlock()
			return storeError(err)
		}
		l.leave(o.op.Row.ID, o.flight)
	}
	return nil
}
