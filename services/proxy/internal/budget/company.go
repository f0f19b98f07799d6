package budget

import (
	"hash/maphash"
	"sync/atomic"
	"time"
)

// A company is who uses a key: whoever called last, and when somebody else did.
// Reading and noting take no lock; where two callers race, the later note
// stands, and both are known.
type company struct {
	minute time.Duration
	seed   maphash.Seed

	last    atomic.Uint64 // mark of who called last; 0 for nobody yet
	lastAt  atomic.Int64  // when that was
	otherAt atomic.Int64  // when somebody else called last; 0 for never
}

// mark stands for a caller.
func (c *company) mark(who Caller) uint64 { return maphash.Comparable(c.seed, who) | 1 }

// same notes a call of whoever called last; false when it was somebody else.
func (c *company) same(who Caller, now moment) bool {
	if c.last.Load() != c.mark(who) {
		return false
	}
	c.lastAt.Store(int64(now))
	return true
}

// note notes a call.
func (c *company) note(who Caller, now moment) {
	mark := c.mark(who)
	if last := c.last.Swap(mark); last != mark && last != 0 {
		c.otherAt.Store(c.lastAt.Load())
	}
	c.lastAt.Store(int64(now))
}

// alone tells that only one caller has called within the minute.
func (c *company) alone(now moment) bool {
	other := moment(c.otherAt.Load())
	return other == 0 || now-other >= c.minute
}
