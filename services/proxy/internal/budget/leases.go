package budget

import (
	"errors"
	"slices"
	"time"
)

const (
	// leastAhead and mostAhead bound the calls that are leased ahead of need.
	leastAhead = 4
	mostAhead  = 4096
)

// leases is what a replica holds of a contended key, and what the server said
// of it.
type leases struct {
	until   moment // when the key is free again
	held    []*hold
	back    []unusedPart  // to give back with the next question
	gap     time.Duration // between spaced calls; 0 while there are plenty
	left    int           // on the server, when it was last asked
	taken   int           // since askedAt
	askedAt moment
	spareOf *hold     // whose calls are in the line's quota
	seen    []forgets // what counted when the server was last asked
	seenAt  moment    // when that was; 0 for never
	next    moment    // when there are more
}

// A hold is a lease: calls that are good until a moment.
type hold struct {
	calls  int
	until  moment
	bucket int64 // on the server
}

// forgets are calls that count until a moment.
type forgets struct {
	at moment
	n  int
}

// draw takes calls from leases, the ones that end first before others.
func (l *leases) draw(now moment, want int) (got int) {
	l.expire(now)
	for _, h := range l.held {
		n := min(h.calls, want-got)
		h.calls -= n
		got += n
	}
	return got
}

// expire gives up leases that have ended.
func (l *leases) expire(now moment) {
	l.held = slices.DeleteFunc(l.held, func(h *hold) bool {
		if now < h.until {
			return false
		}
		if h.calls > 0 {
			l.back = append(l.back, unusedPart{h.bucket, h.calls})
		}
		return true
	})
}

// inHand is the number of leased calls.
func (l *leases) inHand(now moment) (n int) {
	for _, h := range l.held {
		if now < h.until {
			n += h.calls
		}
	}
	return n
}

// spare takes half of the lease that ends first.
func (l *leases) spare(now moment) (until moment, n int) {
	l.expire(now)
	for _, h := range l.held {
		if n = (h.calls + 1) / 2; n > 0 {
			h.calls -= n
			l.taken += n
			l.spareOf = h
			return h.until, n
		}
	}
	return 0, 0
}

// undo takes back what was not used of spare.
func (l *leases) undo(n int) {
	l.taken -= min(n, l.taken)
	if slices.Contains(l.held, l.spareOf) {
		l.spareOf.calls += n
	} else {
		l.back = append(l.back, unusedPart{l.spareOf.bucket, n})
	}
	l.spareOf = nil
}

// prefetch asks ahead when half of what is needed for a while is gone.
func (s *shared) prefetch(now moment, limit int) {
	if l := s.leases; l.gap == 0 && l.inHand(now) < s.ahead(now)/2 {
		s.ask(now, limit, 0)
	}
}

// ahead is how many calls the next while will need, going by the last.
func (s *shared) ahead(now moment) int {
	since := max(now-s.leases.askedAt, s.link.bucket)
	while := plentyBuckets * s.link.bucket
	return min(max(leastAhead, int(int64(s.leases.taken)*3/2*int64(while)/int64(since))), mostAhead)
}

// ask asks the server in the background, unless that is going on or it is too
// early; then it returns when it will not be.
func (s *shared) ask(now moment, limit, need int) (next moment) {
	if s.asking {
		return 0
	}
	if now < s.next {
		return s.next
	}
	s.asking = true
	l := s.leases
	q := asking{
		generation: s.link.current(), replica: s.link.id, limit: limit, need: need, ahead: s.ahead(now), alone: s.single,
		bucket: s.link.bucket, share: s.link.share(max(limit, int(s.line.limit.Load()))), back: l.back,
	}
	l.back = nil
	l.taken, l.askedAt = 0, now
	s.link.background.Go(func() {
		answer, err := s.link.ask(s.link.window(s.key), q)
		s.heard(now, q, answer, err)
	})
	return 0
}

// heard takes in the server's answer to a question asked at a moment.
func (s *shared) heard(asked moment, q asking, answer *granted, err error) {
	s.link.judge(err)
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.asking = false
	if s.line.dead {
		return
	}
	now := s.line.clock()
	s.line.recall(now)
	switch {
	case errors.Is(err, errFree):
		s.leases, s.next = nil, 0
	case err != nil:
		s.next = now + s.link.bucket/2
	default:
		s.toldTo = q.generation
		s.absorb(asked, now, q.limit, answer)
	}
	s.line.settle(now)
}

func (s *shared) absorb(asked, now moment, limit int, a *granted) {
	s.contend(now + a.contended)
	l := s.leases
	s.next, l.next, l.gap, l.left = 0, 0, 0, limit-a.used
	if a.wait > 0 {
		s.next, l.next, l.gap = now+a.wait, now+a.wait, a.gap
	}
	l.seen, l.seenAt = l.seen[:0], asked
	for _, old := range a.old {
		l.seen = append(l.seen, forgets{now + old.in, old.n})
	}
	if a.calls > 0 {
		// The server counted from when it was asked, at the earliest.
		l.held = append(l.held, &hold{a.calls, asked + a.good, a.bucket})
		slices.SortFunc(l.held, func(a, b *hold) int { return int(a.until - b.until) })
		if l.gap == 0 {
			s.line.wake(now, max(now, asked+a.good-2*s.link.bucket))
		}
	}
	if a.penalty > s.line.penalty.remains(now)+s.link.bucket {
		s.line.penalise(now, a.penalty)
	}
}

func (l *leases) expect(now moment, limit, k int, single bool) time.Duration {
	if k -= l.inHand(now); k <= 0 || l.gap == 0 {
		return 0
	}
	if now >= l.next {
		if k -= l.freed(now, limit, single); k <= 0 {
			return 0
		}
	}
	return max(0, l.next-now) + time.Duration(k-1)*l.gap
}

// freed is how many calls the server may give at once by now, going by what it
// said last.
func (l *leases) freed(now moment, limit int, single bool) int {
	used := limit - l.left
	for _, f := range l.seen {
		if now >= f.at {
			used -= f.n
		}
	}
	if single {
		return max(0, limit-used)
	}
	return max(0, limit/2-used)
}

func (l *leases) state(now moment, limit int) (left int, reset time.Duration) {
	left = l.left + l.inHand(now)
	for _, f := range l.seen {
		if now >= f.at {
			left += f.n
		} else if reset == 0 || f.at-now < reset {
			reset = f.at - now
		}
	}
	return min(max(0, left), limit), reset
}
