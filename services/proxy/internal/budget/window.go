package budget

import "time"

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
	bucket time.Duration
	calls  runs
	newest uint32 // index of the newest bucket
	sum    int32  // of calls
	pace   moment // when the next spaced call may go
	care   *care  // after a 429; nil when it is forgotten
	alone  bool   // one caller has the window to itself
	ahead  uint32 // the bucket in which calls handed out ahead of need count
}

// A care is what a 429 leaves behind for a while.
type care struct {
	caution  int    // gaps are 1+caution times as long
	easeAt   moment // when caution is halved
	spacedTo moment // until when every call is spaced
}

func newWindow(minute time.Duration) window {
	return window{bucket: bucketOf(minute)}
}

// bucketOf is the length of a bucket.
func bucketOf(minute time.Duration) time.Duration { return max(minute/fineness, time.Millisecond) }

// used is the number of calls that count.
func (w *window) used() int { return int(w.sum) }

func (w *window) current() int64 { return int64(w.newest) }

// length is for how long a call counts.
func (w *window) length() time.Duration { return span * w.bucket }

func (w *window) index(now moment) int64 { return int64(now / w.bucket) }

// advance forgets what is too old at now.
func (w *window) advance(now moment) {
	w.newest = uint32(max(w.current(), w.index(now)))
	w.sum -= int32(w.calls.forget(w.current() - span + 1))
	if c := w.care; c != nil && now >= c.easeAt {
		c.caution /= 2
		c.easeAt = now + w.length()/4
		if c.caution == 0 && now >= c.spacedTo {
			w.care = nil
		}
	}
}

// charge counts n calls as made now.
func (w *window) charge(n int) {
	w.calls.add(w.current(), n)
	w.sum += int32(n)
}

// undo takes back n calls of a bucket: they were not made.
func (w *window) undo(index int64, n int) {
	w.sum -= int32(w.calls.sub(index, n))
}

// atOnce is how many calls may go unspaced.
func (w *window) atOnce(now moment, limit int) int {
	if w.spaced(now) {
		return 0
	}
	if w.alone {
		return limit - w.used()
	}
	return max(limit/2, 1) - w.used()
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
	if left := limit - w.used(); left > 0 && now >= w.pace {
		gap, late := w.gap(now, limit), max(w.pace, now-lateness*w.bucket)
		n := min(want-got, left, 1+int((now-late)/gap))
		w.charge(n)
		w.pace = late + time.Duration(n)*gap
		got += n
	}
	return got, w.next(now, limit)
}

// next is when a further call may go.
func (w *window) next(now moment, limit int) moment {
	if w.used() >= limit && w.alone && !w.spaced(now) {
		return w.firstFree(w.used() - limit + 1)
	}
	if w.used() >= limit {
		return max(w.firstFree(w.used()-limit+1), w.pace)
	}
	if w.atOnce(now, limit) > 0 {
		return now
	}
	return max(w.pace, now)
}

// firstFree is when n of the calls that count now will have been forgotten.
func (w *window) firstFree(n int) moment {
	for index, calls := range w.calls.all() {
		if n -= calls; n <= 0 {
			return w.freed(index)
		}
	}
	return w.freed(w.current())
}

// freed is when the calls of a bucket are forgotten.
func (w *window) freed(index int64) moment { return moment(index+span) * w.bucket }

// gap is the time between spaced calls: the longest of those that each keep
// something back until a bucket of old calls is forgotten.
func (w *window) gap(now moment, limit int) time.Duration {
	gap := float64(w.length()) / float64(limit)
	free := limit - w.used()
	for index, calls := range w.calls.all() {
		if free <= 0 {
			break
		}
		gap = max(gap, float64(w.freed(index)-now)/float64(free))
		free += calls
	}
	if w.care != nil {
		gap *= float64(1 + w.care.caution)
	}
	return max(1, time.Duration(gap/catchUp))
}

// expect estimates how long the k-th further call will have to wait.
func (w *window) expect(now moment, limit, k int) time.Duration {
	w.advance(now)
	if k -= max(0, w.atOnce(now, limit)); k <= 0 {
		return 0
	}
	if w.alone && !w.spaced(now) {
		rounds, place := (k-1)/limit, (k-1)%limit+1
		return w.firstFree(max(0, w.used()-limit)+place) - now + time.Duration(rounds)*w.length()
	}
	return max(0, w.next(now, limit)-now) + time.Duration(k-1)*w.gap(now, limit)
}

// state is how many calls are left and how long until there are more.
func (w *window) state(now moment, limit int) (left int, reset time.Duration) {
	w.advance(now)
	if w.used() == 0 {
		return limit, 0
	}
	return max(0, limit-w.used()), w.firstFree(max(1, w.used()-limit+1)) - now
}

// foreign counts calls that somebody else has made, to be forgotten after
// the time given.
func (w *window) foreign(now moment, n int, forgotten time.Duration) {
	w.advance(now)
	index := w.index(now + forgotten)
	index = min(max(index-span+1, w.current()-span+1, 0), w.current())
	w.calls.add(index, n)
	w.sum += int32(n)
}

// lone tells whether one caller has the window to itself.
func (w *window) lone(alone bool) { w.alone = alone }

// slow makes the window careful after the provider has said that it let too
// much through: no bursts for a minute, and gaps that start out longer.
func (w *window) slow(now moment) {
	if w.care == nil {
		w.care = new(care)
	}
	w.care.caution = min(2*w.care.caution+1, 7)
	w.care.easeAt = now + w.length()/4
	w.care.spacedTo = now + w.length()
}

// spaced tells that every call is to be spaced.
func (w *window) spaced(now moment) bool { return w.care != nil && now < w.care.spacedTo }
