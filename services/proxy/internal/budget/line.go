package budget

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A supply is where the calls of a line come from. The line's lock guards it.
type supply interface {
	// lone tells whether only one caller uses the supply, so that all of it may
	// go at once. It holds until the next word.
	lone(alone bool)
	// take gives up to want calls to be made now. With fewer than wanted, next
	// is when to ask again; 0 when the supply wakes the line itself.
	take(now moment, limit, want int) (got int, next moment)
	// spare gives calls beyond those asked for, good until the moment given
	// and used without a lock. The last ones must have been undone.
	spare(now moment, limit int) (until moment, n int)
	// undo takes back what was not used of spare.
	undo(now moment, n int)
	// tend is called when the line's timer goes off.
	tend(now moment, limit int)
	// expect estimates how long the k-th further call waits.
	expect(now moment, limit, k int) time.Duration
	// state is how many calls are left, and how long until there are more.
	state(now moment, limit int) (left int, reset time.Duration)
	// foreign counts calls made by somebody else, for the time given.
	foreign(now moment, n int, forgotten time.Duration)
	// slow makes the supply careful after a 429.
	slow(now moment)
	// punished tells of a penalty, for others who share the supply.
	punished(now moment, wait time.Duration)
	// idle tells that nothing would be lost with the supply.
	idle(now moment) bool
	// drop ends the supply.
	drop()
}

// A line is one key: its supply, those who wait, and what the provider has
// said. It is also the permit of the calls that passed.
type line struct {
	clock    func() moment
	maxQueue int

	company company
	quota   quota
	limit   atomic.Int64 // as given by the last call
	guarded atomic.Bool  // there is a penalty: every answer matters

	mu      sync.Mutex
	dead    bool // evicted or closed
	supply  supply
	queue   queue
	timer   *time.Timer
	wakeAt  moment // when timer fires; 0 when it is not set
	learned int    // the limit by the provider's own word; 0 when it gave none
	penalty penalty
}

// fast takes a call without the lock, if there is one.
// Somebody who finds another caller alone is not let in here: what that one may
// take at once has to be taken back first.
func (l *line) fast(perMinute int, c Caller) bool {
	if l.limit.Load() != int64(perMinute) {
		return false
	}
	now := l.clock()
	if !l.company.same(c, now) {
		if l.company.alone(now) {
			return false
		}
		l.company.note(c, now)
	}
	return l.quota.take(now)
}

// acquire takes a call or joins the queue. ok is false when the line is dead:
// a new one must be looked up.
func (l *line) acquire(ctx context.Context, perMinute int, c Caller, maxWait time.Duration) (ok bool, err error) {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return false, nil
	}
	now := l.clock()
	l.limit.Store(int64(perMinute))
	l.recall(now)
	l.company.note(c, now)
	l.regard(now)
	if l.queue.length == 0 && l.passOne(now) {
		l.stock(now)
		l.mu.Unlock()
		return true, nil
	}
	w, refused := l.join(now, c, patience(ctx, maxWait))
	l.mu.Unlock()
	if refused != nil {
		return true, refused
	}
	return true, l.wait(ctx, w, maxWait)
}

// regard tells the supply whether one caller has the key to itself. Those who
// wait are there, however long ago they came.
func (l *line) regard(now moment) {
	l.supply.lone(l.company.alone(now) && !l.queue.mixed())
}

// patience is how long the caller can wait.
func patience(ctx context.Context, maxWait time.Duration) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(maxWait, time.Until(deadline))
	}
	return maxWait
}

// bound is the limit in force: the stricter of the published and the learned.
func (l *line) bound() int {
	limit := int(l.limit.Load())
	if l.learned > 0 && (limit == 0 || l.learned < limit) {
		return l.learned
	}
	return limit
}

// passOne lets one call through if that is possible now.
func (l *line) passOne(now moment) bool {
	if l.penalty.holds(now) {
		return false
	}
	if l.bound() > 0 {
		if got, _ := l.supply.take(now, l.bound(), 1); got == 0 {
			return false
		}
	}
	l.penalty.passed(now)
	return true
}

// stock fills the quota for calls that follow without a lock.
func (l *line) stock(now moment) {
	if l.guarded.Load() || l.bound() == 0 {
		return
	}
	if until, n := l.supply.spare(now, l.bound()); n > 0 {
		l.quota.put(until, min(n, quotaMost))
	}
}

// recall takes back what is left in the quota.
func (l *line) recall(now moment) {
	if n := l.quota.recall(); n > 0 {
		l.supply.undo(now, n)
	}
}

// join puts a call into the queue, unless its wait is bound to be too long.
func (l *line) join(now moment, c Caller, patience time.Duration) (*waiter, error) {
	rank := l.queue.rank(c)
	expected := l.expect(now, rank)
	if expected > patience || patience <= 0 {
		return nil, &Exhausted{max(expected, time.Millisecond)}
	}
	if l.queue.length >= l.maxQueue {
		out := l.queue.makeRoom(c)
		if out == nil {
			return nil, &Exhausted{max(expected, time.Millisecond)}
		}
		out.refuse(l.expect(now, l.queue.rank(out.caller)))
	}
	w := &waiter{caller: c, deadline: now + patience, done: make(chan struct{})}
	l.queue.push(w)
	l.dispatch(now)
	return w, nil
}

// expect estimates the wait of the call with that rank. What is spaced begins
// when a penalty is over.
func (l *line) expect(now moment, rank int) time.Duration {
	wait := l.penalty.remains(now)
	if limit := l.bound(); limit > 0 {
		first := l.supply.expect(now, limit, 1)
		wait = max(wait, first) + l.supply.expect(now, limit, rank) - first
	}
	return wait
}

// wait waits until w is decided or gives up.
func (l *line) wait(ctx context.Context, w *waiter, maxWait time.Duration) error {
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	var gaveUp error
	select {
	case <-w.done:
	case <-timer.C:
	case <-ctx.Done():
		gaveUp = ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	if l.queue.remove(w) { // not decided yet
		if gaveUp != nil {
			return gaveUp
		}
		return &Exhausted{max(l.expect(now, l.queue.rank(w.caller)), time.Millisecond)}
	}
	if w.refused != nil {
		return w.refused
	}
	return nil
}

// dispatch serves the queue as far as possible, and sets the timer for the
// rest. The caller holds the lock.
func (l *line) dispatch(now moment) {
	l.regard(now)
	for l.queue.length > 0 && !l.penalty.holds(now) {
		want := l.queue.length
		if l.penalty.on() {
			want = 1
		}
		got, next := want, now
		if l.bound() > 0 {
			got, next = l.supply.take(now, l.bound(), want)
		}
		for range got {
			l.queue.pop().grant()
			l.penalty.passed(now)
		}
		if got < want {
			l.wake(now, next)
			return
		}
	}
	if l.queue.length > 0 {
		l.wake(now, l.penalty.ends(now))
	}
}

// wake has the queue looked at again at the moment given; 0 is never.
func (l *line) wake(now, at moment) {
	if at == 0 || l.wakeAt != 0 && l.wakeAt <= at && l.wakeAt > now {
		return
	}
	l.wakeAt = at
	after := max(0, at-now)
	if l.timer == nil {
		l.timer = time.AfterFunc(after, l.woken)
		return
	}
	l.timer.Reset(after)
}

// look has the queue looked at now.
func (l *line) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead {
		l.dispatch(l.clock())
	}
}

func (l *line) woken() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return
	}
	l.wakeAt = 0
	now := l.clock()
	l.recall(now)
	l.regard(now)
	if limit := l.bound(); limit > 0 {
		l.supply.tend(now, limit)
	}
	l.dispatch(now)
	if l.queue.length == 0 {
		l.stock(now)
	}
}

// state reports for State.
func (l *line) state() (limit, left int, reset time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	limit = l.bound()
	if l.dead || limit == 0 {
		return 0, 0, 0
	}
	now := l.clock()
	left, reset = l.supply.state(now, limit)
	left += l.quota.left() // which the supply counts as used
	if p := l.penalty.remains(now); p > 0 {
		left, reset = 0, max(reset, p)
	}
	return limit, left, reset
}

// evict ends the line if nothing would be lost with it.
func (l *line) evict() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock()
	l.recall(now)
	if l.queue.length > 0 || l.penalty.on() || !l.supply.idle(now) {
		return false
	}
	l.kill()
	return true
}

// close ends the line; those who wait are refused.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.queue.length > 0 {
		l.queue.pop().refuse(0)
	}
	l.kill()
}

func (l *line) kill() {
	l.dead = true
	l.quota.recall()
	l.supply.drop()
	if l.timer != nil {
		l.timer.Stop()
	}
}
