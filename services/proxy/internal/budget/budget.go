// Package budget keeps calls inside a provider's rate limits.
//
// A limit counts calls of one operation by one organisation within a minute,
// and the provider does not say whether that minute slides or is fixed. A
// [Budget] therefore never lets more than the limit pass within any 60
// seconds, which satisfies both.
//
// A caller who has had a key to itself for a minute may use the whole limit at
// once, as it could without anything in between. As soon as a second caller is
// seen within the minute, half of the limit may go at once; what is left is
// paced so that something always remains for the caller who comes next, and
// callers who have to wait take turns: first the accounts, then the callers of
// one account. Someone who comes right after another has used everything waits
// until that is a minute old.
package budget

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// A Key names what a provider counts together.
type Key struct {
	// Origin is scheme, host and port.
	Origin string
	// Organization is the provider's own id: two accounts on one organisation
	// share its budget.
	Organization string
	// Operation is the id of the catalog.
	Operation string
}

// A Caller is on whose behalf a call waits.
type Caller struct {
	Account, Principal string
}

// Exhausted is the error of a call that cannot have budget in the time it has.
type Exhausted struct {
	// RetryAfter is when a call like this one is expected to pass.
	RetryAfter time.Duration
}

func (e *Exhausted) Error() string {
	return fmt.Sprintf("budget: exhausted, expected to be free in %s", e.RetryAfter)
}

// A Permit is leave for one call.
type Permit interface {
	// Learn takes note of the provider's answer: a 429 and its Retry-After,
	// and rate limit headers. Where they are stricter than what is known, they
	// win.
	Learn(status int, h http.Header)
}

// A Budget hands out permits. It is safe for concurrent use.
type Budget interface {
	// Acquire takes one call out of the budget of k, which allows perMinute
	// calls (0: no published limit; only what the provider says holds a call
	// back). It waits up to maxWait and to the deadline of ctx; where the wait
	// is bound to be longer it fails at once. The error is an *Exhausted or
	// ctx.Err().
	Acquire(ctx context.Context, k Key, perMinute int, caller Caller, maxWait time.Duration) (Permit, error)
	// State tells where k stands: calls allowed in a minute, calls left, and
	// how long until there are more. All are 0 for a key not in use.
	State(k Key) (limit, remaining int, reset time.Duration)
	// Each reports every key in use that has a limit.
	Each(report func(Standing))
	// Close ends what runs in the background. Waiting calls fail.
	Close() error
}
