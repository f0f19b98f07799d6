package writes

import (
	"context"
	"time"
)

// An ID names a write within a store: the SHA-256 of environment, account and
// key, so that keys, which callers choose, are not stored.
type ID [32]byte

// A State is how far a write has come.
type State string

const (
	// StateBegun: recorded; not one byte was sent.
	StateBegun State = "begun"
	// StateSending: bytes may have left.
	StateSending State = "sending"
	// StateDone: the answer is known.
	StateDone State = "done"
	// StateUnknown: nobody will ever know.
	StateUnknown State = "unknown"
)

// A Row is a write as stored.
type Row struct {
	ID                              ID
	Environment, Account, Operation string
	// Digest is that of the write's Identity.
	Digest [32]byte
	// Owner is the process that works on it.
	Owner string
	State State
	// Answer is sealed; empty until the write is done, and where the answer is
	// not kept.
	Answer string
	// Created and Changed are UTC with a precision of milliseconds.
	Created, Changed time.Time
}

// A Verb is what a step does.
type Verb int

const (
	// Insert adds Op.Row unless there is a row with its ID.
	Insert Verb = iota
	// Move gives the row with Op.Row.ID the Owner, State, Answer and Changed
	// of Op.Row, if it is of Op.Owner and in a state of Op.From.
	Move
	// Delete removes the row with Op.Row.ID on the same terms.
	Delete
)

// An Op is one step of one write.
type Op struct {
	Verb  Verb
	Row   Row
	Owner string
	From  []State
}

// A Result is what an Op came to.
type Result struct {
	// Applied says that the op took place.
	Applied bool
	// Row is the row as it stands where the op was not applied; the zero Row
	// when there is none.
	Row Row
}

// A Store keeps rows durably. It is safe for concurrent use. The contract is
// the suite of package writestest.
type Store interface {
	// Apply takes all steps, in order of the list where they concern one
	// write, in one transaction that is durable when it returns.
	Apply(ctx context.Context, ops []Op) ([]Result, error)
	// Read gives a row; ok is false when there is none.
	Read(ctx context.Context, id ID) (row Row, ok bool, err error)
	// Newest gives the row with an answer that changed last, if it did since the
	// time given.
	Newest(ctx context.Context, since time.Time) (row Row, ok bool, err error)
	// Beat records that owner lives until the time given. A time in the past
	// takes it off the record.
	Beat(ctx context.Context, owner string, until time.Time) error
	// Alive gives the time until which owner lives; zero when it is not on
	// record.
	Alive(ctx context.Context, owner string) (time.Time, error)
	// Purge removes rows that are done or begun and unchanged since before,
	// and owners dead since then, at most limit of each. It returns how many
	// rows went.
	Purge(ctx context.Context, before time.Time, limit int) (int, error)
	// Close frees what the store holds.
	Close() error
}
