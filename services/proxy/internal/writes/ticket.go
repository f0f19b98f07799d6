package writes

import (
	"context"
	"sync/atomic"
)

// A Ticket is a write in progress. Its owner must call Finish, Abandon or
// Unknown, once. What it records is recorded even when the caller's context
// has ended: contexts only carry values here.
type Ticket struct {
	ledger *Ledger
	row    Row
	keep   bool
	flight *flight
	over   atomic.Bool
}

// An outcome is the last step of a write that waits for the store.
type outcome struct {
	op     Op
	flight *flight
}

// inFlight are the states of a write without an outcome.
var inFlight = [...]State{StateBegun, StateSending}

// Sending records that bytes are about to leave. The write must not be sent
// unless it returns nil; after an error, Abandon it. The error is ErrStore or
// ErrLost.
func (t *Ticket) Sending(context.Context) error {
	row := t.row
	row.State, row.Changed = StateSending, t.ledger.stamp()
	result, err := t.ledger.group.do(Op{Verb: Move, Row: row, Owner: t.row.Owner, From: inFlight[:1]})
	switch {
	case err != nil:
		return storeError(err)
	case !result.Applied:
		return ErrLost
	}
	return nil
}

// Finish records the answer. After ErrStore it is tried again in the
// background; ErrUnknown says that others have been told so already.
func (t *Ticket) Finish(_ context.Context, a Answer) error {
	row := t.row
	row.State = StateDone
	if t.keep {
		sealed, err := t.ledger.seal(row, a)
		if err != nil {
			return err
		}
		row.Answer = sealed
	}
	return t.settle(Op{Verb: Move, Row: row})
}

// Abandon forgets a write that was provably not sent: its key is free again.
func (t *Ticket) Abandon(context.Context) error { return t.settle(Op{Verb: Delete, Row: t.row}) }

// Unknown records that the write was sent and its outcome is not known.
func (t *Ticket) Unknown(context.Context) error {
	row := t.row
	row.State = StateUnknown
	return t.settle(Op{Verb: Move, Row: row})
}

// settle takes the last step. Those who wait for the write go on when the
// store has taken it.
func (t *Ticket) settle(op Op) error {
	if t.over.Swap(true) {
		return nil
	}
	op.Row.ID, op.Row.Changed = t.row.ID, t.ledger.stamp()
	op.Owner, op.From = t.row.Owner, inFlight[:]
	result, err := t.ledger.group.do(op)
	if err != nil {
		l := t.ledger
		l.mu.Lock()
		l.late = append(l.late, outcome{op, t.flight})
		l.mu.Unlock()
		return storeError(err)
	}
	t.ledger.leave(t.row.ID, t.flight)
	if !result.Applied && result.Row.State == StateUnknown {
		return ErrUnknown
	}
	return nil
}
