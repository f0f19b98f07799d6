package budget

import "sync/atomic"

// A quota is calls already taken out of a window, for whoever comes first
// within the same bucket: the path without a lock.
type quota struct{ word atomic.Uint64 } // bucket index << 24 | calls

const quotaBits = 24

// take uses one call that is good in the bucket given.
func (q *quota) take(bucket int64) bool {
	for {
		word := q.word.Load()
		if word&(1<<quotaBits-1) == 0 || int64(word>>quotaBits) != bucket {
			return false
		}
		if q.word.CompareAndSwap(word, word-1) {
			return true
		}
	}
}

// put makes n calls available. The quota must be empty: only the holder of the
// line's lock puts, and recalls before.
func (q *quota) put(bucket int64, n int) {
	q.word.Store(uint64(bucket)<<quotaBits | uint64(min(n, 1<<quotaBits-1)))
}

// recall takes back what nobody used, and tells of which bucket it is.
func (q *quota) recall() (bucket int64, n int) {
	word := q.word.Swap(0)
	return int64(word >> quotaBits), int(word & (1<<quotaBits - 1))
}
