package budget

import "time"

// shared is the supply of one key in one of several processes.
//
// Half of the limit is divided between the replicas beforehand: each may spend
// its free share within any minute and tells nobody. Who needs more has the
// server note that the key is contended. The others hear of it with their next
// heartbeat, tell what they spent, and from then on everybody leases; what
// somebody may have spent and has not told yet, the server keeps back. A key
// that is asked for less than half of its limit becomes free again.
type shared struct {
	link *link
	line *line
	key  Key

	mine    window // all calls of this process
	untold  runs   // those of them that the server does not know of
	single  bool   // one caller has the key to itself here
	asking  bool
	telling int       // reports under way; what is spent now would not be in them
	next    moment    // when to ask again
	leases  *leases   // nil while the key is free
	alone   *solitude // nil when this process was never alone with the key
	note    note      // untold: penalty and spacing
	toldTo  string    // generation that knows of mine, less untold
}

func newShared(k *link, key Key, l *line) *shared {
	s := &shared{link: k, line: l, key: key, mine: newWindow(k.opts.Window)}
	if until := k.contendedUntil(k.window(key)); until > k.clock() {
		s.leases = &leases{until: until}
	}
	return s
}

// lone tells whether one caller has the key to itself in this process.
func (s *shared) lone(alone bool) {
	s.single = alone
	if s.alone != nil {
		s.alone.lone(alone)
	}
}

// contended gives the leases of a key for which replicas have to lease; nil
// while it is free.
func (s *shared) contended(now moment) *leases {
	if s.leases != nil && now >= s.leases.until {
		// A loss of the server makes it last longer.
		s.leases.until = s.link.contendedUntil(s.link.window(s.key))
		if now >= s.leases.until {
			s.leases = nil
		}
	}
	return s.leases
}

// contend notes that replicas have to lease until a moment.
func (s *shared) contend(until moment) {
	if s.leases == nil {
		s.leases = new(leases)
	}
	s.leases.until = max(s.leases.until, until)
}

// take gives calls from the free share, from a lease, or from the share of a
// process that is alone.
func (s *shared) take(now moment, limit, want int) (got int, next moment) {
	s.advance(now)
	switch mode(s.link.mode.Load()) {
	case leasing:
		l := s.contended(now)
		if l == nil {
			if got = s.free(now, limit, want); got < want {
				return got, s.claim(now)
			}
			return got, now
		}
		got = l.draw(now, want)
		s.mine.charge(got)
		l.taken += got
		if got < want {
			return got, s.ask(now, limit, want-got)
		}
		s.prefetch(now, limit)
		return got, now
	case alone:
		return s.takeAlone(now, limit, want)
	}
	return 0, now + s.link.bucket
}

func (s *shared) advance(now moment) {
	s.mine.advance(now)
	s.untold.forget(s.mine.current() - span + 1)
}

// free takes calls out of this replica's free share.
func (s *shared) free(now moment, limit, want int) int {
	n := min(want, s.freely(now, limit))
	if n > 0 {
		s.mine.charge(n)
		s.untold.add(s.mine.current(), n)
	}
	return n
}

// freely is how many calls the free share still has.
func (s *shared) freely(now moment, limit int) int {
	if s.telling > 0 || s.mine.spaced(now) || !s.link.free(now) {
		return 0
	}
	return max(0, s.link.share(limit)-s.mine.used())
}

// spare hands the free share, or half of the lease that ends first, to the
// line's quota.
func (s *shared) spare(now moment, limit int) (until moment, n int) {
	if !s.link.is(leasing) {
		return 0, 0
	}
	s.advance(now)
	s.mine.ahead = s.mine.newest
	if l := s.contended(now); l != nil {
		until, n = l.spare(now)
		s.mine.charge(n)
		return until, n
	}
	n = s.free(now, limit, spareMost)
	return moment(s.mine.current()+1) * s.mine.bucket, n
}

func (s *shared) undo(now moment, n int) {
	s.advance(now)
	s.mine.undo(int64(s.mine.ahead), n)
	if s.leases == nil || s.leases.spareOf == nil {
		s.untold.sub(int64(s.mine.ahead), n)
		return
	}
	s.leases.undo(n)
}

func (s *shared) expect(now moment, limit, k int) time.Duration {
	switch mode(s.link.mode.Load()) {
	case leasing:
		if l := s.contended(now); l != nil {
			return l.expect(now, limit, k, s.single)
		}
	case alone:
		return s.expectAlone(now, limit, k)
	}
	return 0
}

func (s *shared) state(now moment, limit int) (left int, reset time.Duration) {
	s.advance(now)
	switch l := s.contended(now); {
	case s.link.is(alone):
		return s.stateAlone(now, limit)
	case l != nil && l.seenAt != 0:
		return l.state(now, limit)
	}
	return s.mine.state(now, limit)
}

// tend renews a lease that is about to end and was used.
func (s *shared) tend(now moment, limit int) {
	l := s.contended(now)
	if l == nil || !s.link.is(leasing) || l.gap != 0 || l.taken == 0 {
		return
	}
	s.ask(now, limit, 0)
}

func (s *shared) foreign(now moment, n int, forgotten time.Duration) {
	s.solitude().foreign(now, n, forgotten)
	s.mine.foreign(now, n, forgotten)
	s.untold.add(max(0, s.mine.index(now-max(0, s.link.length-forgotten))), n)
	s.flush()
}

func (s *shared) slow(now moment) {
	s.solitude().slow(now)
	s.mine.slow(now)
	s.note.spaced = s.link.length
	s.flush()
}

func (s *shared) punished(_ moment, wait time.Duration) {
	s.note.penalty = max(s.note.penalty, wait)
	s.flush()
}

func (s *shared) idle(now moment) bool {
	s.advance(now)
	return s.mine.used() == 0 && !s.asking && s.note.empty()
}

func (s *shared) drop() {}
