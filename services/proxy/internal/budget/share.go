package budget

import "time"

// A solitude is what a process spends of a key while it is without the server.
type solitude struct {
	window          // its calls of the time alone
	unknown  int    // what others may have used since the server was last asked
	lossSeen moment // the loss for which unknown was worked out
}

func (s *shared) solitude() *solitude {
	if s.alone == nil {
		s.alone = &solitude{window: newWindow(s.link.opts.Window)}
		s.alone.lone(s.single)
	}
	return s.alone
}

// takeAlone takes calls out of the free share, which the server still kept for
// this replica when it was lost, and out of the share of a process that is
// alone.
func (s *shared) takeAlone(now moment, limit, want int) (got int, next moment) {
	own := s.solitude()
	own.advance(now)
	if s.contended(now) == nil {
		got = s.free(now, limit, want)
		own.charge(got)
		if got == want {
			return got, now
		}
	}
	share := s.share(now, limit)
	if share <= 0 {
		return got, now + s.link.bucket
	}
	n, next := own.take(now, share, want-got)
	if n > 0 {
		s.mine.charge(n)
		s.untold.add(s.mine.current(), n)
	}
	return got + n, next
}

func (s *shared) expectAlone(now moment, limit, k int) time.Duration {
	if s.contended(now) == nil {
		if k -= s.freely(now, limit); k <= 0 {
			return 0
		}
	}
	if share := s.share(now, limit); share > 0 {
		return s.solitude().expect(now, share, k)
	}
	return s.untilShare(now)
}

func (s *shared) stateAlone(now moment, limit int) (left int, reset time.Duration) {
	if s.contended(now) == nil {
		left = s.freely(now, limit)
	}
	if share := s.share(now, limit); share > 0 {
		n, reset := s.solitude().state(now, share)
		return max(left, n), reset
	}
	return left, s.untilShare(now)
}

// share is this process's part of the limit while it is alone: what remains
// after all that may count already, divided by the replicas.
func (s *shared) share(now moment, limit int) int {
	own, used := s.solitude(), 0
	if s.leases != nil {
		for _, f := range s.leases.seen {
			if now < f.at {
				used += f.n
			}
		}
	}
	if lost := s.link.lostAt(); lost > 0 {
		if own.lossSeen != lost {
			own.lossSeen, own.unknown = lost, s.guess(lost, limit, used)
		}
		if now < s.known(lost) {
			used += own.unknown
		}
	}
	return max(0, limit-used) / s.link.opts.Replicas
}

// known is when nothing that others did before a loss counts any more.
func (s *shared) known(lost moment) moment {
	return lost + s.link.length + plentyBuckets*s.link.bucket
}

// guess is what others may have used between the last answer and the loss: all
// that may go at once, and spaced calls since then. Without an answer in the
// time that counts it is everything.
func (s *shared) guess(lost moment, limit, used int) int {
	if s.leases == nil || s.leases.seenAt == 0 || lost-s.leases.seenAt >= s.link.length {
		return limit
	}
	gap := max(1, time.Duration(float64(s.link.length)/float64(limit)/catchUp))
	spaced := int((lost-s.leases.seenAt)/gap) + 1
	return min(limit-used, max(0, limit/2-used)+spaced)
}

// untilShare is how long there is no share at all, at the most.
func (s *shared) untilShare(now moment) (wait time.Duration) {
	if s.leases != nil {
		for _, f := range s.leases.seen {
			if wait == 0 || f.at-now < wait {
				wait = max(0, f.at-now)
			}
		}
	}
	if s.solitude().unknown > 0 && wait == 0 {
		wait = max(0, s.known(s.link.lostAt())-now)
	}
	return wait
}
