package budget

import (
	"sync/atomic"
	"time"
)

// A quota is calls already taken out of a limit, for whoever comes first
// until a moment not far away: the path without a lock.
type quota struct{ word atomic.Uint64 } // end in milliseconds << 24 | calls

const (
	quotaBits = 24
	quotaMost = 1<<quotaBits - 1
)

// take uses one call.
func (q *quota) take(now moment) bool {
	for {
		word := q.word.Load()
		if word&quotaMost == 0 || uint64(now/time.Millisecond) >= word>>quotaBits {
			return false
		}
		if q.word.CompareAndSwap(word, word-1) {
			return true
		}
	}
}

// put makes n calls available until the moment given. The quota must be empty:
// only the holder of the line's lock puts, and recalls before.
func (q *quota) put(until moment, n int) {
	q.word.Store(uint64(until/time.Millisecond)<<quotaBits | uint64(n))
}

// recall takes back what nobody used.
func (q *quota) recall() int { return int(q.word.Swap(0) & quotaMost) }

// left is how many calls are available.
func (q *quota) left() int { return int(q.word.Load() & quotaMost) }
