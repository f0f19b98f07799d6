package budget

import (
	"iter"
	"time"
)

// A moment is a time on a budget's monotonic clock.
type moment = time.Duration

const (
	// fineness is the number of buckets in the provider's minute: 250 ms each.
	fineness = 240
	// slack is the number of buckets for which a call is remembered beyond the
	// minute. One is lost to rounding; the others allow for calls that take
	// unequal time to arrive. Each costs 0.4 % of the limit.
	slack = 3
	// lateness is the number of buckets' worth of spaced calls that are made
	// good when nobody could ask in time.
	lateness = 4
	// span is the number of buckets that are remembered.
	span = fineness + slack
	// catchUp is how much faster than even the rest of a budget is paced, so
	// that what a pause left unused is made good.
	catchUp = 1.05
)

// A window counts the calls of the last minute, and decides when there may be
// another. It is not safe for concurrent use.
//
// While one caller is alone, all of the limit goes as soon as it is asked for.
// With several it is half. From there on calls are spaced so that, at the present pace, some are left until the ones
// already made are a minute old. The spacing of steady demand becomes even, and
// no burst, however large, leaves the next caller with nothing for a minute.
type window struct {
	bucket  time.Duration
	counts  [span]uint32 // by index modulo span
	current int64        // index of the newest bucket
	oldest  int64        // no bucket before this one has calls
	used    int          // sum of counts

	pace   moment        // when the next spaced call may go
	gap    time.Duration // between spaced calls
	gapAt  int64         // bucket for which gap was worked out
	gapFor int           // limit for which it was

	alone bool // one caller has the window to itself

	caution  int    // gaps are 1+caution times as long
	easeAt   moment // when caution is halved
	spacedTo moment // until when every call is spaced
}

func newWindow(minute time.Duration) *window {
	return &window{bucket: max(minute/fineness, time.Millisecond), gapAt: -1}
}

// length is for how long a call counts.
func (w *window) length() time.Duration { return span * w.bucket }

func (w *window) index(now moment) int64 { return int64(now / w.bucket) }

// advance forgets what is too old at now.
func (w *window) advance(now moment) {
	index := w.index(now)
	if index-w.current >= span {
		clear(w.counts[:])
		w.used, w.current = 0, index
		return
	}
	for w.current < index {
		w.current++
		slot := &w.counts[w.current%span]
		w.used -= int(*slot)
		*slot = 0
	}
}

// charge counts n calls as made now.
func (w *window) charge(n int) {
	w.counts[w.current%span] += uint32(n)
	w.used += n
}

// undo takes back n calls of a bucket: they were not made.
func (w *window) undo(index int64, n int) {
	if w.current-index >= span {
		return
	}
	w.counts[index%span] -= uint32(n)
	w.used -= n
}

// atOnce is how many calls may go unspaced.
func (w *window) atOnce(now moment, limit int) int {
	if now < w.spacedTo {
		return 0
	}
	if w.alone {
		return limit - w.used
	}
	return max(limit/2, 1) - w.used
}

// take counts up to want calls as made now and returns how many. When they are
// fewer than wanted, next is when there may be more.
func (w *window) take(now moment, limit, want int) (got int, next moment) {
	w.advance(now)
	if got = min(want, max(0, w.atOnce(now, limit))); got > 0 {
		w.charge(got)
		w.pace = now
	}
	if got == want {
		return got, now
	}
	if left := limit - w.used; left > 0 {
		n := min(want-got, left, w.due(now, limit))
		if n > 0 {
			w.charge(n)
			w.pace = max(w.pace, now-lateness*w.bucket) + time.Duration(n)*w.gap
			got += n
		}
	}
	return got, w.next(now, limit)
}

// due is how many spaced calls may go now.
func (w *window) due(now moment, limit int) int {
	w.space(now, limit)
	if now < w.pace {
		return 0
	}
	return 1 + int((now-max(w.pace, now-lateness*w.bucket))/w.gap)
}

// next is when a further call may go.
func (w *window) next(now moment, limit int) moment {
	if w.used >= limit && w.alone && now >= w.spacedTo {
		return w.firstFree(w.used - limit + 1)
	}
	if w.used >= limit {
		return max(w.firstFree(w.used-limit+1), w.pace)
	}
	if w.atOnce(now, limit) > 0 {
		return now
	}
	w.space(now, limit)
	return max(w.pace, now)
}

// first gives the oldest bucket that has calls; the newest when none has.
func (w *window) first() int64 {
	w.oldest = max(w.oldest, w.current-span+1)
	for w.oldest < w.current && w.counts[w.oldest%span] == 0 {
		w.oldest++
	}
	return w.oldest
}

// firstFree is when n of the calls that count now will have been forgotten.
func (w *window) firstFree(n int) moment {
	for i := w.first(); i <= w.current; i++ {
		if n -= int(w.counts[i%span]); n <= 0 {
			return w.freed(i)
		}
	}
	return w.freed(w.current)
}

// freed is when the calls of a bucket are forgotten.
func (w *window) freed(index int64) moment { return moment(index+span) * w.bucket }

// space works out the gap between spaced calls, once a bucket: the longest of
// those that each keep something back until a bucket of old calls is
// forgotten.
func (w *window) space(now moment, limit int) {
	if w.caution > 0 && now >= w.easeAt {
		w.caution /= 2
		w.easeAt = now + w.length()/4
		w.gapAt = -1
	}
	if w.gapAt == w.current && w.gapFor == limit {
		return
	}
	w.gapAt, w.gapFor = w.current, limit
	gap := float64(w.length()) / float64(limit)
	free := limit - w.used
	for i := w.first(); i <= w.current && free > 0; i++ {
		if w.counts[i%span] == 0 {
			continue
		}
		gap = max(gap, float64(w.freed(i)-now)/float64(free))
		free += int(w.counts[i%span])
	}
	w.gap = max(1, time.Duration(gap/catchUp*float64(1+w.caution)))
}

// expect estimates how long the k-th further call will have to wait.
func (w *window) expect(now moment, limit, k int) time.Duration {
	w.advance(now)
	if k -= max(0, w.atOnce(now, limit)); k <= 0 {
		return 0
	}
	if w.alone && now >= w.spacedTo {
		rounds, place := (k-1)/limit, (k-1)%limit+1
		return w.firstFree(max(0, w.used-limit)+place) - now + time.Duration(rounds)*w.length()
	}
	w.space(now, limit)
	return max(0, w.next(now, limit)-now) + time.Duration(k-1)*w.gap
}

// state is how many calls are left and how long until there are more.
func (w *window) state(now moment, limit int) (left int, reset time.Duration) {
	w.advance(now)
	if w.used == 0 {
		return limit, 0
	}
	return max(0, limit-w.used), w.firstFree(max(1, w.used-limit+1)) - now
}

// foreign counts calls that somebody else has made, to be forgotten after
// the time given.
func (w *window) foreign(now moment, n int, forgotten time.Duration) {
	w.advance(now)
	index := w.index(now + forgotten)
	index = min(max(index-span+1, w.current-span+1, 0), w.current)
	w.counts[index%span] += uint32(n)
	w.used += n
	w.oldest = min(w.oldest, index)
	w.gapAt = -1
}

// all yields the buckets that count and their calls.
func (w *window) all() iter.Seq2[int64, int] {
	return func(yield func(int64, int) bool) {
		for i := w.first(); i <= w.current; i++ {
			if n := int(w.counts[i%span]); n > 0 && !yield(i, n) {
				return
			}
		}
	}
}

// lone tells whether one caller has the window to itself.
func (w *window) lone(alone bool) { w.alone = alone }

// slow makes the window careful after the provider has said that it let too
// much through: no bursts for a minute, and gaps that start out longer.
func (w *window) slow(now moment) {
	w.caution = min(2*w.caution+1, 7)
	w.easeAt = now + w.length()/4
	w.spacedTo = now + w.length()
	w.gapAt = -1
}
