// Package quota counts calls against per-minute limits.
package quota

import (
	"math"
	"sync"
	"time"
)

// Window says how a minute is counted.
type Window string

// The two ways Torii might count; its documents do not say.
const (
	Sliding Window = "sliding" // never more than the limit in any 60 seconds
	Fixed   Window = "fixed"   // the count starts anew with each minute of the clock
)

const minute = time.Minute

// Meter counts calls by name. It is safe for concurrent use.
type Meter struct {
	window Window
	mu     sync.Mutex
	counts map[string]*count
}

// New returns a meter in which nothing is counted yet.
func New(w Window) *Meter { return &Meter{window: w, counts: map[string]*count{}} }

// Verdict is the answer to one call.
type Verdict struct {
	OK        bool
	Limit     int
	Remaining int
	Reset     time.Time // when the next call fits, or the window ends
}

// RetryAfter is the wait in whole seconds, at least one.
func (v Verdict) RetryAfter(now time.Time) int {
	return max(1, int(math.Ceil(v.Reset.Sub(now).Seconds())))
}

// count holds the times of the accepted calls: a ring of the last `limit` for a sliding window, one number for a fixed one.
type count struct {
	ring  []time.Time
	next  int
	start time.Time
	used  int
}

// Take counts one call under a name. A refused call is not counted.
func (m *Meter) Take(name string, limit int, now time.Time) Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counts[name]
	if c == nil {
		c = &count{ring: make([]time.Time, limit)}
		m.counts[name] = c
	}
	if m.window == Fixed {
		return c.fixed(limit, now)
	}
	return c.sliding(now)
}

func (c *count) fixed(limit int, now time.Time) Verdict {
	if start := now.Truncate(minute); !start.Equal(c.start) {
		c.start, c.used = start, 0
	}
	v := Verdict{Limit: limit, Reset: c.start.Add(minute)}
	if c.used < limit {
		c.used++
		v.OK = true
	}
	v.Remaining = limit - c.used
	return v
}

func (c *count) sliding(now time.Time) Verdict {
	limit := len(c.ring)
	oldest := c.ring[c.next]
	v := Verdict{Limit: limit, Reset: oldest.Add(minute)}
	if oldest.IsZero() || !now.Before(v.Reset) {
		c.ring[c.next] = now
		c.next = (c.next + 1) % limit
		v.OK, v.Reset = true, now.Add(minute)
	}
	for _, t := range c.ring {
		if t.IsZero() || !now.Before(t.Add(minute)) {
			v.Remaining++
		}
	}
	return v
}

// Reset forgets all counts.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.counts)
}
