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

// shared is the supply of one key in one of several processes.
type shared struct {
	link   *link
	line   *line
	window string // key on the server

	// Leasing.
	held    []*hold
	back    []unusedPart // to give back with the next question
	asking  bool
	next    moment        // when to ask again
	gap     time.Duration // between spaced calls; 0 while there are plenty
	left    int           // on the server, when it was last asked
	taken   int           // since askedAt
	single  bool          // one caller has the key to itself here
	askedAt moment
	spareOf *hold // whose calls are in the line's quota
	spareIn int64 // the bucket of mine in which they count

	// What is known about use, for the time without a server.
	mine     window     // all calls of this process
	own      window     // its calls of the time alone
	seen     []forgets  // what counted when the server was last asked
	seenAt   moment     // when that was; 0 for never
	unknown  int        // what others may have used since
	lossSeen moment     // the loss for which unknown was worked out
	note     note       // untold: penalty and spacing
	spent    []spending // untold calls
	toldTo   string     // generation that knows of mine
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

// spending is calls made at a moment.
type spending struct {
	at moment
	n  int
}

func newShared(k *link, key Key, l *line) *shared {
	s := &shared{
		link: k, line: l, window: k.window(key),
		mine: *newWindow(k.opts.Window), own: *newWindow(k.opts.Window),
	}
	k.join(s)
	return s
}

// lone tells whether one caller has the key to itself in this process.
func (s *shared) lone(alone bool) {
	s.single = alone
	s.own.lone(alone)
}

// take gives calls from a lease, or from the process's own share.
func (s *shared) take(now moment, limit, want int) (got int, next moment) {
	s.mine.advance(now)
	switch mode(s.link.mode.Load()) {
	case leasing:
		got = s.draw(now, want)
		s.mine.charge(got)
		s.taken += got
		if got < want {
			return got, s.ask(now, limit, want-got)
		}
		s.prefetch(now, limit)
		return got, now
	case alone:
		share := s.share(now, limit)
		if share <= 0 {
			return 0, now + s.link.bucket
		}
		got, next = s.own.take(now, share, want)
		if got > 0 {
			s.mine.charge(got)
			s.spent = append(s.spent, spending{now, got})
		}
		return got, next
	}
	return 0, now + s.link.bucket
}

// draw takes calls from leases, the ones that end first before others.
func (s *shared) draw(now moment, want int) (got int) {
	s.expire(now)
	for _, h := range s.held {
		n := min(h.calls, want-got)
		h.calls -= n
		got += n
	}
	return got
}

// expire gives up leases that have ended.
func (s *shared) expire(now moment) {
	s.held = slices.DeleteFunc(s.held, func(h *hold) bool {
		if now < h.until {
			return false
		}
		if h.calls > 0 {
			s.back = append(s.back, unusedPart{h.bucket, h.calls})
		}
		return true
	})
}

// inHand is the number of leased calls.
func (s *shared) inHand(now moment) (n int) {
	for _, h := range s.held {
		if now < h.until {
			n += h.calls
		}
	}
	return n
}

// prefetch asks ahead when half of what is needed for a while is gone.
func (s *shared) prefetch(now moment, limit int) {
	if s.gap == 0 && s.inHand(now) < s.ahead(now)/2 {
		s.ask(now, limit, 0)
	}
}

// ahead is how many calls the next while will need, going by the last.
func (s *shared) ahead(now moment) int {
	since := max(now-s.askedAt, s.link.bucket)
	while := plentyBuckets * s.link.bucket
	return min(max(leastAhead, int(int64(s.taken)*3/2*int64(while)/int64(since))), mostAhead)
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
	q := asking{
		generation: s.link.current(), replica: s.link.id, limit: limit, need: need, ahead: s.ahead(now), alone: s.single,
		bucket: s.link.bucket, plenty: plentyBuckets, back: s.back,
	}
	s.back = nil
	s.taken, s.askedAt = 0, now
	s.link.background.Go(func() {
		answer, err := s.link.ask(s.window, q)
		s.heard(now, q, answer, err)
	})
	return 0
}

// heard takes in the server's answer to a question asked at a moment.
func (s *shared) heard(asked moment, q asking, answer *granted, err error) {
	switch {
	case err == nil:
		s.link.succeeded()
	case errors.Is(err, errGeneration):
		s.link.restarted()
	case !errors.Is(err, errOthersLast):
		s.link.failed(err)
	}
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	s.asking = false
	if s.line.dead {
		return
	}
	now := s.line.clock()
	s.line.recall(now)
	if err != nil {
		s.next = now + s.link.bucket/2
	} else {
		s.toldTo = q.generation
		s.absorb(asked, now, q.limit, answer)
	}
	s.line.dispatch(now)
	if s.line.queue.length == 0 {
		s.line.stock(now)
	}
}

func (s *shared) absorb(asked, now moment, limit int, a *granted) {
	s.next, s.gap, s.left = 0, 0, limit-a.used
	if a.wait > 0 {
		s.next, s.gap = now+a.wait, a.gap
	}
	s.seen, s.seenAt = s.seen[:0], asked
	for _, old := range a.old {
		s.seen = append(s.seen, forgets{now + old.in, old.n})
	}
	if a.calls > 0 {
		// The server counted from when it was asked, at the earliest.
		s.held = append(s.held, &hold{a.calls, asked + a.good, a.bucket})
		slices.SortFunc(s.held, func(a, b *hold) int { return int(a.until - b.until) })
		if s.gap == 0 {
			s.line.wake(now, max(now, asked+a.good-2*s.link.bucket))
		}
	}
	if a.penalty > s.line.penalty.remains(now)+s.link.bucket {
		s.line.penalise(now, a.penalty)
	}
}

// tend renews a lease that is about to end and was used.
func (s *shared) tend(now moment, limit int) {
	if !s.link.is(leasing) || s.gap != 0 || s.taken == 0 {
		return
	}
	s.ask(now, limit, 0)
}

// spare hands half of the lease that ends first to the line's quota.
func (s *shared) spare(now moment, limit int) (until moment, n int) {
	if !s.link.is(leasing) {
		return 0, 0
	}
	s.expire(now)
	for _, h := range s.held {
		if n = (h.calls + 1) / 2; n > 0 {
			h.calls -= n
			s.mine.advance(now)
			s.mine.charge(n)
			s.taken += n
			s.spareOf, s.spareIn = h, s.mine.current
			return h.until, n
		}
	}
	return 0, 0
}

func (s *shared) undo(now moment, n int) {
	s.mine.advance(now)
	s.mine.undo(s.spareIn, n)
	s.taken -= min(n, s.taken)
	if slices.Contains(s.held, s.spareOf) {
		s.spareOf.calls += n
		return
	}
	s.back = append(s.back, unusedPart{s.spareOf.bucket, n})
}

func (s *shared) expect(now moment, limit, k int) time.Duration {
	switch mode(s.link.mode.Load()) {
	case leasing:
		if k -= s.inHand(now); k <= 0 || s.gap == 0 {
			return 0
		}
		if now >= s.next {
			if k -= s.freed(now, limit); k <= 0 {
				return 0
			}
		}
		return max(0, s.next-now) + time.Duration(k-1)*s.gap
	case alone:
		if share := s.share(now, limit); share > 0 {
			return s.own.expect(now, share, k)
		}
		return s.untilShare(now)
	}
	return 0
}

// freed is how many calls the server may give at once by now, going by what it
// said last.
func (s *shared) freed(now moment, limit int) int {
	used := limit - s.left
	for _, f := range s.seen {
		if now >= f.at {
			used -= f.n
		}
	}
	if s.single {
		return max(0, limit-used)
	}
	return max(0, limit/2-used)
}

func (s *shared) state(now moment, limit int) (left int, reset time.Duration) {
	if s.link.is(alone) {
		if share := s.share(now, limit); share > 0 {
			return s.own.state(now, share)
		}
		return 0, s.untilShare(now)
	}
	if s.seenAt == 0 {
		return limit, 0
	}
	left = s.left + s.inHand(now)
	for _, f := range s.seen {
		if now >= f.at {
			left += f.n
		} else if reset == 0 || f.at-now < reset {
			reset = f.at - now
		}
	}
	return min(max(0, left), limit), reset
}

func (s *shared) foreign(now moment, n int, forgotten time.Duration) {
	s.own.foreign(now, n, forgotten)
	s.mine.foreign(now, n, forgotten)
	ago := max(0, s.link.length-forgotten)
	s.spent = append(s.spent, spending{now - ago, n})
	s.flush()
}

func (s *shared) slow(now moment) {
	s.own.slow(now)
	s.note.spaced = s.link.length
	s.flush()
}

func (s *shared) punished(_ moment, wait time.Duration) {
	s.note.penalty = max(s.note.penalty, wait)
	s.flush()
}

func (s *shared) idle(now moment) bool {
	s.mine.advance(now)
	return s.mine.used == 0 && !s.asking && len(s.spent) == 0 && s.note.empty()
}

func (s *shared) drop() { s.link.quit(s) }
