package budget

import "sync/atomic"

// A tick is a moment in whole buckets.
type tick = uint32

// A company is who uses a key: whoever called last, and when somebody else did.
// Reading and noting take no lock; where two callers race, the later note
// stands, and both are known.
type company struct {
	last atomic.Uint64 // mark of who called last; 0 for nobody yet
	seen atomic.Uint64 // when that was << 32 | when somebody else called last, 0 for never
}

// same notes a call of whoever called last; false when it was somebody else.
func (c *company) same(mark uint64, now tick) bool {
	if c.last.Load() != mark {
		return false
	}
	for {
		seen := c.seen.Load()
		if tick(seen>>32) >= now || c.seen.CompareAndSwap(seen, uint64(now)<<32|seen&(1<<32-1)) {
			return true
		}
	}
}

// note notes a call.
func (c *company) note(mark uint64, now tick) {
	last := c.last.Swap(mark)
	for {
		seen := c.seen.Load()
		other := seen & (1<<32 - 1)
		if last != mark && last != 0 {
			other = seen >> 32
		}
		if c.seen.CompareAndSwap(seen, uint64(now)<<32|other) {
			return
		}
	}
}

// alone tells that only one caller has called within the minute.
func (c *company) alone(now tick) bool {
	other := tick(c.seen.Load())
	return other == 0 || now-other > fineness
}
