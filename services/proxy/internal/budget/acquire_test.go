package budget_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

// inBubble runs a test with a budget in simulated time.
func inBubble(t *testing.T, o budget.Options, test func(*testing.T, budget.Budget)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := budget.NewMemory(o)
		defer b.Close()
		test(t, b)
	})
}

var someone = budget.Caller{Account: "a", Principal: "p"}

// pass expects a permit without waiting.
func pass(t *testing.T, b budget.Budget, limit int) budget.Permit {
	t.Helper()
	p, err := b.Acquire(t.Context(), key, limit, someone, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// refused expects an Exhausted without waiting.
func refused(t *testing.T, b budget.Budget, limit int, maxWait time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	_, err := b.Acquire(t.Context(), key, limit, someone, maxWait)
	var no *budget.Exhausted
	if !errors.As(err, &no) || no.RetryAfter <= 0 {
		t.Fatalf("got %v; want Exhausted with a time", err)
	}
	if time.Since(began) != 0 {
		t.Fatalf("refused after %s; want at once", time.Since(began))
	}
	return no.RetryAfter
}

// use takes n calls out of the budget, as fast as it gives them.
func use(t *testing.T, b budget.Budget, limit, n int) {
	t.Helper()
	for range n {
		if _, err := b.Acquire(t.Context(), key, limit, someone, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
}

// accompanied lets another caller make one call.
func accompanied(t *testing.T, b budget.Budget, limit int) {
	t.Helper()
	if _, err := b.Acquire(t.Context(), key, limit, other, 0); err != nil {
		t.Fatal(err)
	}
}

func TestHalfAtOnce(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		accompanied(t, b, 100)
		for range 49 {
			pass(t, b, 100)
		}
		limit, left, reset := b.State(key)
		if limit != 100 || left != 50 || reset < time.Minute || reset > 61*time.Second {
			t.Errorf("state is %d, %d, %s", limit, left, reset)
		}
	})
}

// Whoever comes back when told to is let in.
func TestRetryAfterIsHonest(t *testing.T) {
	for _, limit := range []int{1, 7, 100} {
		inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
			for range 5 {
				use(t, b, limit, max(1, limit/2))
				for {
					if _, err := b.Acquire(t.Context(), key, limit, someone, 0); err != nil {
						break
					}
				}
				time.Sleep(refused(t, b, limit, 0))
				pass(t, b, limit)
			}
		})
	}
}

func TestRefusedEarly(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		use(t, b, 10, 10)
		refused(t, b, 10, time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := b.Acquire(ctx, key, 10, someone, time.Hour)
		var no *budget.Exhausted
		if !errors.As(err, &no) || ctx.Err() != nil {
			t.Errorf("with a deadline too near: %v; want Exhausted at once", err)
		}
	})
}

func TestGivingUp(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		use(t, b, 10, 10)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := b.Acquire(ctx, key, 10, someone, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller went away: %v", err)
		}
		if _, err := b.Acquire(ctx, key, 10, someone, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("the caller was away: %v", err)
		}
		// The place in the queue is free again: the next one waits for its own
		// turn only.
		began := time.Now()
		if _, err := b.Acquire(t.Context(), key, 10, someone, time.Hour); err != nil {
			t.Fatal(err)
		}
		if wait := time.Since(began); wait > 61*time.Second {
			t.Errorf("waited %s", wait)
		}
	})
}

func TestQueueIsBounded(t *testing.T) {
	inBubble(t, budget.Options{MaxQueue: 4}, func(t *testing.T, b budget.Budget) {
		use(t, b, 10, 10)
		var wg sync.WaitGroup
		out := make(chan string, 10)
		enter := func(c budget.Caller) {
			wg.Go(func() {
				if _, err := b.Acquire(t.Context(), key, 10, c, time.Hour); err != nil {
					out <- c.Account
				}
			})
			synctest.Wait()
		}
		for range 5 {
			enter(budget.Caller{Account: "loud"})
		}
		if len(out) != 1 {
			t.Fatalf("%d of 5 were refused; want 1", len(out))
		}
		enter(budget.Caller{Account: "quiet"})
		if len(out) != 2 {
			t.Fatalf("%d were refused; want 2", len(out))
		}
		wg.Wait()
		close(out)
		for account := range out {
			if account != "loud" {
				t.Errorf("%s was refused", account)
			}
		}
	})
}

func TestCloseRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.NewMemory(budget.Options{})
		use(t, b, 10, 10)
		failed := make(chan error)
		go func() {
			_, err := b.Acquire(t.Context(), key, 10, someone, time.Hour)
			failed <- err
		}()
		synctest.Wait()
		for range 2 {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
		var no *budget.Exhausted
		if err := <-failed; !errors.As(err, &no) {
			t.Errorf("a waiting call got %v", err)
		}
		if _, err := b.Acquire(t.Context(), key, 10, someone, time.Hour); !errors.As(err, &no) {
			t.Errorf("a later call got %v", err)
		}
	})
}

func TestIdleKeysGo(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		use(t, b, 100, 60)
		if limit, left, _ := b.State(key); limit != 100 || left != 40 {
			t.Errorf("state is %d, %d", limit, left)
		}
		time.Sleep(50 * time.Second)
		if limit, _, _ := b.State(key); limit != 100 {
			t.Error("a key in use was forgotten")
		}
		time.Sleep(2 * time.Minute)
		if limit, left, reset := b.State(key); limit != 0 || left != 0 || reset != 0 {
			t.Errorf("an idle key is still there: %d, %d, %s", limit, left, reset)
		}
		pass(t, b, 100)
	})
}

func TestKeysAreApart(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		use(t, b, 2, 2)
		for i, k := range []budget.Key{
			{Origin: "other", Organization: key.Organization, Operation: key.Operation},
			{Origin: key.Origin, Organization: "other", Operation: key.Operation},
			{Origin: key.Origin, Organization: key.Organization, Operation: "other"},
		} {
			if _, err := b.Acquire(t.Context(), k, 2, someone, 0); err != nil {
				t.Errorf("key %d: %v", i, err)
			}
		}
	})
}

func TestLimitChanges(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		use(t, b, 100, 20)
		refused(t, b, 20, 0)
		pass(t, b, 100)
	})
}

func TestFastPathAllocatesNothing(t *testing.T) {
	b := budget.NewMemory(budget.Options{})
	defer b.Close()
	ctx := context.Background()
	if n := testing.AllocsPerRun(1000, func() {
		p, err := b.Acquire(ctx, key, 1_000_000_000, someone, 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Learn(200, nil)
	}); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	for _, limit := range []int{1, 10, 1000} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
				m := newMeter(time.Minute, limit)
				var wg sync.WaitGroup
				for range 64 {
					wg.Go(func() {
						for range 100 {
							if _, err := b.Acquire(t.Context(), key, limit, someone, 0); err == nil {
								m.call()
							}
						}
					})
				}
				wg.Wait()
				m.check(t)
				if m.total < max(1, limit/2) {
					t.Errorf("%d calls passed", m.total)
				}
			})
		})
	}
}

// TestD8NoLeaveWithoutTime: a call whose time ends as its turn comes gets no
// leave, which it could not use, and none is lost on it.
func TestD8NoLeaveWithoutTime(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		pass(t, b, 10).Learn(http.StatusTooManyRequests, http.Header{"Retry-After": {"2"}})
		_, before, _ := b.State(key)
		began := time.Now()
		_, err := b.Acquire(t.Context(), key, 10, someone, 2*time.Second)
		if _, exhausted := errors.AsType[*budget.Exhausted](err); !exhausted || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %s; want Exhausted after 2s", err, time.Since(began))
		}
		pass(t, b, 10)
		if _, after, _ := b.State(key); before != 0 || after < 8 {
			t.Errorf("%d calls left in the penalty, %d after it; want 0, and all but the two made", before, after)
		}
	})
}
