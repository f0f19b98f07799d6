package writes

import "context"

// A Ledger is the memory of writes. It is safe for concurrent use.
type Ledger struct {
	store  Store
	sealer Sealer
	opts   Options
}

// New makes a ledger over a store. Run must run for as long as it is used.
func New(store Store, sealer Sealer, o Options) *Ledger {
	return &Ledger{store: store, sealer: sealer, opts: o}
}

// Run renews the lease of this process and purges what is old, until ctx ends.
func (l *Ledger) Run(ctx context.Context) error { return ErrStore }

// Begin records a write. It returns a Ticket when the write is the caller's to
// send, or the Answer of an earlier one with the same key. While an earlier
// one is in flight it waits, until ctx ends. The error is ErrReused,
// ErrUnknown, ErrStore or the context's.
func (l *Ledger) Begin(ctx context.Context, r Record) (*Ticket, *Answer, error) {
	return nil, nil, ErrStore
}

// A Ticket is a write in progress. Its owner must call Finish, Abandon or
// Unknown.
type Ticket struct{ ledger *Ledger }

// Sending records that bytes are about to leave. The write must not be sent
// unless it returns nil.
func (t *Ticket) Sending(ctx context.Context) error { return ErrStore }

// Finish records the answer.
func (t *Ticket) Finish(ctx context.Context, a Answer) error { return ErrStore }

// Abandon forgets a write that was provably not sent: its key is free again.
func (t *Ticket) Abandon(ctx context.Context) error { return ErrStore }

// Unknown records that the write was sent and its outcome is not known.
func (t *Ticket) Unknown(ctx context.Context) error { return ErrStore }
