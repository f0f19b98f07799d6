package budget

import (
	"context"
	"math"
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
// said. It is also the permit of the calls that passed. There is one for each
// account that is in use, so what is rarely needed is behind a pointer.
type line struct {
	all     *lines
	company company
	quota   quota
	limit   atomic.Int32 // as given by the last call
	learned int32        // the limit by the provider's own word; 0 when it gave none

	mu      sync.Mutex
	dead    bool        // evicted or closed
	guarded atomic.Bool // there is a penalty: every answer matters
	supply  supply
	queue   *queue   // nil when nobody waits
	alarm   *alarm   // nil when it was never set
	penalty *penalty // nil when there is none
}

// An alarm has a line looked at later.
type alarm struct {
	timer *time.Timer
	at    moment // when it goes off; 0 when it is not set
}

func (l *line) clock() moment { return l.all.clock() }

// fast takes a call without the lock, if there is one.
// Somebody who finds another caller alone is not let in here: what that one may
// take at once has to be taken back first.
func (l *line) fast(perMinute int, c Caller) bool {
	if l.limit.Load() != most32(perMinute) {
		return false
	}
	now := l.clock()
	mark, tick := l.all.mark(c), l.all.tick(now)
	if !l.company.same(mark, tick) {
		if l.company.alone(tick) {
			return false
		}
		l.company.note(mark, tick)
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
	l.limit.Store(most32(perMinute))
	l.recall(now)
	l.company.note(l.all.mark(c), l.all.tick(now))
	l.regard(now)
	if l.queue.empty() && l.passOne(now) {
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
	l.supply.lone(l.company.alone(l.all.tick(now)) && !l.queue.mixed())
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
	if learned := int(l.learned); learned > 0 && (limit == 0 || learned < limit) {
		return learned
	}
	return limit
}

// most32 is n, or the most that fits: nobody makes two thousand million calls a
// minute.
func most32(n int) int32 { return int32(min(n, math.MaxInt32)) }

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
	if l.queue == nil {
		l.queue = new(queue)
	}
	if l.queue.length >= l.all.opts.MaxQueue {
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
	l.dismiss(now)
	for !l.queue.empty() && !l.penalty.holds(now) {
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
	if !l.queue.empty() {
		l.wake(now, l.penalty.ends(now))
	}
}

// dismiss refuses those whose time has run out: leave would be lost on them.
func (l *line) dismiss(now moment) {
	for _, w := range l.queue.removeIf(func(w *waiter) bool { return w.deadline <= now }) {
		w.refuse(max(l.expect(now, l.queue.rank(w.caller)), time.Millisecond))
	}
}

// wake has the queue looked at again at the moment given; 0 is never.
func (l *line) wake(now, at moment) {
	if at == 0 || l.alarm != nil && l.alarm.at != 0 && l.alarm.at <= at && l.alarm.at > now {
		return
	}
	after := max(0, at-now)
	if l.alarm == nil {
		l.alarm = &alarm{timer: time.AfterFunc(after, l.woken)}
	} else {
		l.alarm.timer.Reset(after)
	}
	l.alarm.at = at
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
	l.alarm.at = 0
	now := l.clock()
	l.recall(now)
	l.regard(now)
	if limit := l.bound(); limit > 0 {
		l.supply.tend(now, limit)
	}
	l.settle(now)
}

// settle serves the queue, and fills the quota if nobody is left in it.
func (l *line) settle(now moment) {
	l.dispatch(now)
	if l.queue.empty() {
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
	if !l.queue.empty() || l.penalty.on() || !l.supply.idle(now) {
		return false
	}
	l.kill()
	return true
}

// close ends the line; those who wait are refused.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for !l.queue.empty() {
		l.queue.pop().refuse(0)
	}
	l.kill()
}

func (l *line) kill() {
	l.dead = true
	l.quota.recall()
	l.supply.drop()
	if l.alarm != nil {
		l.alarm.timer.Stop()
	}
}
