// Package writes remembers every write before it is sent, and its outcome
// after: so that a repeated write is answered, never sent again.
//
// A write is begun (recorded, nothing sent), sending (bytes may have left),
// done (the answer is stored, encrypted, for a day) or unknown: the process
// that was sending it is gone, and nobody will ever know. The record is
// durable before its state matters. Processes prove that they live by a lease
// that they renew; a write whose process is dead is not waited for.
package writes

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

var (
	// ErrReused: the key was used for a request of another Identity.
	ErrReused = errors.New("writes: the idempotency key was used for another request")
	// ErrUnknown: the write was being sent when its process died, so its
	// outcome is not known. It is never sent again under this key.
	ErrUnknown = errors.New("writes: the outcome of the write is not known")
	// ErrStore: the store cannot be reached; the write must not be sent.
	ErrStore = errors.New("writes: the store does not answer")
	// ErrLost: the record belongs to somebody else by now, because this
	// process seemed dead; the write must not be sent.
	ErrLost = errors.New("writes: the record was taken over")
)

// A Record describes one write.
type Record struct {
	Identity
	// Key is the caller's Idempotency-Key, or one made for the occasion.
	Key string
	// Generated says that nobody else knows Key, so that the answer need not
	// be kept.
	Generated bool
	// Former is the digest that the version before records this write with;
	// zero where it has none.
	Former [32]byte
}

// An Answer is the provider's answer as it came. What a caller is told is made
// of it anew each time.
type Answer struct {
	Status int
	// Header is the part worth repeating.
	Header http.Header
	Body   []byte
	// Former says that the version before recorded the answer: Body is then
	// what the caller was told, in a form that is not on record.
	Former bool
}

// A Sealer encrypts answers; *sealed.Ring of kit is one.
type Sealer interface {
	Seal(purpose string, plain, aad []byte) (string, error)
	Open(purpose, sealed string, aad []byte) ([]byte, error)
}

// Options of a Ledger; the zero value is good.
type Options struct {
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Lease is how long a process counts as alive after its last sign of life;
	// 0 means 10 seconds. It is renewed every third of that.
	Lease time.Duration
	// Keep is how long answers are kept; 0 means 24 hours.
	Keep time.Duration
	// Log gets a line when the store fails in the background; nil logs
	// nothing.
	Log *slog.Logger
}

func (o Options) complete() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lease <= 0 {
		o.Lease = 10 * time.Second
	}
	if o.Keep <= 0 {
		o.Keep = 24 * time.Hour
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
