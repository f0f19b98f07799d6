package budget

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// made is a call or several, as a provider would note them.
type made struct {
	at moment
	n  int
}

// most is the largest number of calls within any span of time of that length.
func most(log []made, length time.Duration) int {
	best, sum, first := 0, 0, 0
	for _, m := range log {
		sum += m.n
		for m.at-log[first].at >= length {
			sum -= log[first].n
			first++
		}
		best = max(best, sum)
	}
	return best
}

// Whatever is asked for and whenever, no minute holds more than the limit, nor
// does a minute and two buckets: calls may arrive out of step.
func TestWindowNeverOver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 300).Draw(t, "limit")
		w := newWindow(time.Minute)
		var log []made
		var now moment
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "pause")) / time.Duration(rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, "scale"))
			got, next := w.take(now, limit, rapid.IntRange(1, 400).Draw(t, "want"))
			if got > 0 {
				log = append(log, made{now, got})
			}
			if next < now {
				t.Fatalf("next is %s before now", now-next)
			}
			if rapid.Bool().Draw(t, "patient") {
				now = next
			}
			if rapid.IntRange(0, 9).Draw(t, "undo") == 0 && got > 0 {
				w.undo(w.current(), got)
				log = log[:len(log)-1]
			}
		}
		if n := most(log, time.Minute+(slack-1)*w.bucket); n > limit {
			t.Fatalf("%d calls where %d are allowed", n, limit)
		}
	})
}

// After any past, whoever asks on and on gets nearly all of the limit, and
// never waits much longer than an even pace would have it.
func TestWindowSteady(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(2, 1000).Draw(t, "limit")
		w := newWindow(time.Minute)
		var now moment
		for range rapid.IntRange(0, 20).Draw(t, "past") {
			now += time.Duration(rapid.Int64Range(0, int64(15*time.Second)).Draw(t, "pause"))
			w.take(now, limit, rapid.IntRange(1, limit).Draw(t, "want"))
		}
		const minutes = 10
		begin, last, total := now, now, 0
		for now < begin+minutes*time.Minute {
			got, next := w.take(now, limit, 1)
			if got > 0 {
				total++
				last = now
			}
			if wait := now - last; wait > 3*w.length()/time.Duration(limit)+2*w.bucket {
				t.Fatalf("nothing for %s with a limit of %d", wait, limit)
			}
			if got == 0 && next <= now {
				t.Fatalf("nothing now and no later moment named")
			}
			now = next
		}
		// The minute in which the past still counts is not steady yet.
		if least := (minutes-1)*limit*98/100 - 1; total < least {
			t.Fatalf("%d calls in %d minutes with a limit of %d; want %d", total, minutes, limit, least)
		}
	})
}

func TestWindowForeign(t *testing.T) {
	w := newWindow(time.Minute)
	now := moment(5 * time.Minute)
	if got, _ := w.take(now, 100, 20); got != 20 {
		t.Fatalf("got %d of 20", got)
	}
	w.foreign(now, 60, 10*time.Second)
	if left, _ := w.state(now, 100); left != 20 {
		t.Errorf("%d left; want 20", left)
	}
	if left, _ := w.state(now+9*time.Second, 100); left != 20 {
		t.Errorf("%d left after 9 s; want 20", left)
	}
	if left, _ := w.state(now+11*time.Second, 100); left != 80 {
		t.Errorf("%d left after 11 s; want 80", left)
	}
}

func TestWindowSlow(t *testing.T) {
	w := newWindow(time.Minute)
	w.slow(0)
	got, next := w.take(0, 60, 30)
	if got != 1 {
		t.Errorf("%d calls went at once after a 429; want 1", got)
	}
	if next < time.Second {
		t.Errorf("the next call may go after %s already", next)
	}
	if got, _ := w.take(2*time.Minute, 60, 30); got != 30 {
		t.Errorf("%d calls went at once two minutes later; want 30", got)
	}
}
