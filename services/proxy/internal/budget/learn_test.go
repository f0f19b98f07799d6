package budget_test

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

func header(pairs ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// TestS12RetryAfter: no number of a provider's stops calls for longer than an
// hour, and none makes a 429 one to be tried again at once.
func TestS12RetryAfter(t *testing.T) {
	for _, c := range []struct {
		name, value string
		want        time.Duration
	}{
		{"Retry-After", "99999999999", time.Hour},
		{"Retry-After", "9223372036854775807", time.Hour},
		{"Retry-After", "99999999999999999999", time.Hour},
		{"Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT", time.Hour},
		{"Retry-After", "3.5", 4 * time.Second},
		{"Retry-After", "-1", 2 * time.Second},
		{"Retry-After", "soon", 2 * time.Second},
		{"Retry-After", "0", 2 * time.Second},
		{"Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT", 2 * time.Second},
		{"RateLimit", `"default";r=0;t=999999999999999`, time.Hour},
		{"RateLimit", `"default";r=0;t=9223372037`, time.Hour},
	} {
		t.Run(c.name+" "+c.value, func(t *testing.T) {
			inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
				pass(t, b, 100).Learn(429, header(c.name, c.value))
				if wait := refused(t, b, 100, c.want/2); wait < c.want-time.Second || wait > c.want {
					t.Errorf("wait %v, want %v", wait, c.want)
				}
			})
		})
	}
	for _, reset := range []string{"99999999999", "999999999999999", "9223372037"} {
		t.Run("RateLimit-Reset "+reset, func(t *testing.T) {
			inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
				pass(t, b, 100).Learn(429, header("RateLimit-Remaining", "0", "RateLimit-Reset", reset))
				if wait := refused(t, b, 100, time.Minute); wait > time.Hour {
					t.Errorf("wait %v", wait)
				}
			})
		})
	}
}

func TestTooManyRequests(t *testing.T) {
	for _, c := range []struct {
		name string
		h    func() http.Header
		want time.Duration
	}{
		{"seconds", func() http.Header { return header("Retry-After", "30") }, 30 * time.Second},
		{"date", func() http.Header {
			return header("Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))
		}, 20 * time.Second},
		{"reset", func() http.Header { return header("RateLimit-Remaining", "0", "RateLimit-Reset", "7") }, 7 * time.Second},
		{"nothing", func() http.Header { return nil }, 2 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, limit := range []int{100, 0} {
				inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
					pass(t, b, limit).Learn(429, c.h())
					if wait := refused(t, b, limit, c.want/2); wait < c.want-time.Second || wait > c.want {
						t.Errorf("told to come back in %s; want %s", wait, c.want)
					}
					time.Sleep(c.want)
					pass(t, b, limit)
				})
			}
		})
	}
}

// A provider that keeps refusing without a time is asked less and less.
func TestStrikes(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		for _, want := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
			pass(t, b, 100).Learn(429, nil)
			if wait := refused(t, b, 100, 0); wait != want*time.Second {
				t.Errorf("the penalty is %s; want %s", wait, want*time.Second)
			}
			time.Sleep(want * time.Second)
		}
		pass(t, b, 100).Learn(200, nil)
		pass(t, b, 100).Learn(429, nil)
		if wait := refused(t, b, 100, 0); wait != 2*time.Second {
			t.Errorf("the penalty after a success is %s; want 2s", wait)
		}
	})
}

// When a penalty ends, one call tries; the others follow when it has passed,
// and then spaced.
func TestNoStorm(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		pass(t, b, 60).Learn(429, header("Retry-After", "10"))
		var passed atomic.Int64
		permits := make(chan budget.Permit, 100)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				p, err := b.Acquire(t.Context(), key, 60, someone, 10*time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				passed.Add(1)
				permits <- p
			})
		}
		synctest.Wait()
		if n := passed.Load(); n != 0 {
			t.Fatalf("%d calls passed during the penalty", n)
		}
		time.Sleep(12 * time.Second)
		if n := passed.Load(); n != 1 {
			t.Fatalf("%d calls try after the penalty; want 1", n)
		}
		(<-permits).Learn(429, header("Retry-After", "30"))
		time.Sleep(32 * time.Second)
		if n := passed.Load(); n != 2 {
			t.Fatalf("%d calls have tried after two penalties; want 2", n)
		}
		(<-permits).Learn(200, nil)
		synctest.Wait()
		if n := passed.Load(); n > 4 {
			t.Errorf("%d calls passed as soon as one had", n)
		}
		wg.Wait()
	})
}

// A permit whose answer is never learned from does not block for ever.
func TestLostProbe(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		pass(t, b, 100).Learn(429, header("Retry-After", "1"))
		time.Sleep(time.Second)
		pass(t, b, 100)
		use(t, b, 100, 1)
	})
}

func TestShortPatienceIsShed(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		p := pass(t, b, 2)
		use(t, b, 2, 1)
		shed := make(chan error)
		began := time.Now()
		go func() {
			_, err := b.Acquire(t.Context(), key, 2, someone, 65*time.Second)
			shed <- err
		}()
		synctest.Wait()
		p.Learn(429, header("Retry-After", "300"))
		if err := <-shed; err == nil || time.Since(began) != 0 {
			t.Errorf("a call that cannot outwait the penalty got %v after %s", err, time.Since(began))
		}
	})
}

func TestStricterLimitWins(t *testing.T) {
	for name, h := range map[string]http.Header{
		"draft":      header("RateLimit-Limit", "10", "RateLimit-Remaining", "9", "RateLimit-Reset", "60"),
		"older":      header("X-RateLimit-Limit", "10", "X-RateLimit-Remaining", "9", "X-RateLimit-Reset", "60"),
		"hyphens":    header("X-Rate-Limit-Limit", "10, 10;w=60", "X-Rate-Limit-Remaining", "9"),
		"structured": header("RateLimit", `"default";r=9;t=60`, "RateLimit-Policy", `"default";q=10;w=60`),
	} {
		t.Run(name, func(t *testing.T) {
			for _, published := range []int{100, 0} {
				inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
					pass(t, b, published).Learn(200, h)
					if limit, left, _ := b.State(key); limit != 10 || left > 9 {
						t.Errorf("with %d published: limit %d, %d left; want 10 and at most 9", published, limit, left)
					}
				})
			}
		})
	}
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		pass(t, b, 100).Learn(200, header("RateLimit-Limit", "5000", "RateLimit-Remaining", "4999"))
		if limit, left, _ := b.State(key); limit != 100 || left != 99 {
			t.Errorf("a laxer limit won: %d, %d left", limit, left)
		}
		pass(t, b, 100).Learn(200, header("RateLimit-Limit", "50", "RateLimit-Remaining", "49", "RateLimit-Reset", "3600"))
		if limit, _, _ := b.State(key); limit != 100 {
			t.Errorf("the limit of an hour was taken for one of a minute: %d", limit)
		}
	})
}

// Somebody else uses the same budget.
func TestForeignUse(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		pass(t, b, 100).Learn(200, header("RateLimit-Limit", "100", "RateLimit-Remaining", "30", "RateLimit-Reset", "20"))
		if _, left, _ := b.State(key); left != 30 {
			t.Errorf("%d left; want 30", left)
		}
		time.Sleep(21 * time.Second)
		if _, left, _ := b.State(key); left != 99 {
			t.Errorf("%d left after the reset; want 99", left)
		}
	})
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		at := strconv.FormatInt(time.Now().Add(15*time.Second).Unix(), 10)
		pass(t, b, 100).Learn(200, header("X-RateLimit-Limit", "100", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", at))
		if wait := refused(t, b, 100, 0); wait < 14*time.Second || wait > 15*time.Second {
			t.Errorf("nothing is left for 15 s, but the wait is %s", wait)
		}
	})
}
