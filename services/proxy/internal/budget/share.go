package budget

import "time"

// share is this process's part of the limit while it is alone: what remains
// after all that may count already, divided by the replicas.
func (s *shared) share(now moment, limit int) int {
	used := 0
	for _, f := range s.seen {
		if now < f.at {
			used += f.n
		}
	}
	if lost := s.link.lostAt(); lost > 0 {
		if s.lossSeen != lost {
			s.lossSeen, s.unknown = lost, s.guess(lost, limit, used)
		}
		if now < lost+s.link.length+plentyBuckets*s.link.bucket {
			used += s.unknown
		}
	}
	return max(0, limit-used) / s.link.opts.Replicas
}

// guess is what others may have used between the last answer and the loss: all
// that may go at once, and spaced calls since then. Without an answer in the
// time that counts it is everything.
func (s *shared) guess(lost moment, limit, used int) int {
	if s.seenAt == 0 || lost-s.seenAt >= s.link.length {
		return limit
	}
	gap := max(1, time.Duration(float64(s.link.length)/float64(limit)/catchUp))
	spaced := int((lost-s.seenAt)/gap) + 1
	return min(limit-used, max(0, limit/2-used)+spaced)
}

// untilShare is how long there is no share at all, at the most.
func (s *shared) untilShare(now moment) (wait time.Duration) {
	for _, f := range s.seen {
		if wait == 0 || f.at-now < wait {
			wait = max(0, f.at-now)
		}
	}
	if end := s.link.lostAt() + s.link.length + plentyBuckets*s.link.bucket - now; s.unknown > 0 && wait == 0 {
		wait = max(0, end)
	}
	return wait
}
