package budget_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

var other = budget.Caller{Account: "b", Principal: "q"}

// A lone caller may do what it could without a budget: use all at once.
func TestAloneAllAtOnce(t *testing.T) {
	for _, limit := range []int{1, 7, 100, 1000} {
		inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
			for range 3 {
				var wg sync.WaitGroup
				var passed atomic.Int64
				for range limit + 5 {
					wg.Go(func() {
						if _, err := b.Acquire(t.Context(), key, limit, someone, 0); err == nil {
							passed.Add(1)
						}
					})
				}
				wg.Wait()
				if passed.Load() != int64(limit) {
					t.Errorf("%d of %d passed at once", passed.Load(), limit)
				}
				if _, left, _ := b.State(key); left != 0 {
					t.Errorf("%d are left", left)
				}
				time.Sleep(refused(t, b, limit, 0))
			}
		})
	}
}

// A lone caller is told when all that it wants will go, and waits no longer.
func TestAloneExpects(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		use(t, b, 100, 100)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if _, err := b.Acquire(t.Context(), key, 100, someone, 61*time.Second); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if wait := refused(t, b, 100, time.Second); wait > 61*time.Second {
			t.Errorf("the next minute is %s away", wait)
		}
	})
}

// From the second caller on, half goes at once, until one of them has been away
// for a minute.
func TestCompanyHalvesWhatGoesAtOnce(t *testing.T) {
	inBubble(t, budget.Options{}, func(t *testing.T, b budget.Budget) {
		const limit = 100
		for range 10 {
			pass(t, b, limit)
		}
		if _, err := b.Acquire(t.Context(), key, limit, other, 0); err != nil {
			t.Fatal(err)
		}
		for range limit/2 - 10 { // the last one is the first of the spaced
			pass(t, b, limit)
		}
		refused(t, b, limit, 0)
		if _, left, _ := b.State(key); left != limit/2-1 {
			t.Errorf("%d are left beside another caller; want %d", left, limit/2-1)
		}
		time.Sleep(59 * time.Second)
		pass(t, b, limit)
		time.Sleep(2 * time.Second) // the other one was last here 61 s ago
		for {
			if _, left, _ := b.State(key); left == 0 {
				break
			}
			pass(t, b, limit)
		}
	})
}

// Whoever waits is there, also when its call came more than a minute ago.
func TestWaitingIsCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.NewMemory(budget.Options{})
		defer b.Close()
		const limit = 4
		use(t, b, limit, limit)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range 3 * limit {
			wg.Go(func() { _, _ = b.Acquire(ctx, key, limit, other, time.Hour) })
			wg.Go(func() { _, _ = b.Acquire(ctx, key, limit, someone, time.Hour) })
		}
		time.Sleep(2*time.Minute + 10*time.Second)
		if _, left, _ := b.State(key); left == 0 {
			t.Error("everything went at once although two callers wait")
		}
		cancel()
		wg.Wait()
	})
}

// Nothing goes over the limit when callers come and go, and one that stays
// alone gets nearly all.
func TestTenMinutesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 100
		b := budget.NewMemory(budget.Options{})
		defer b.Close()
		m := newMeter(time.Minute, limit)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { demand(ctx, b, limit, someone, m, 150*time.Millisecond) })
		}
		wg.Wait()
		m.check(t)
		if least := 10 * limit * 98 / 100; m.total < least {
			t.Errorf("%d calls passed in ten minutes; want at least %d", m.total, least)
		}
	})
}

func TestNeverOverWhenCompanyComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 60
		b := budget.NewMemory(budget.Options{})
		defer b.Close()
		m := newMeter(time.Minute, limit)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { demand(ctx, b, limit, someone, m, 100*time.Millisecond) })
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				visit, leave := context.WithTimeout(ctx, 40*time.Second)
				demand(visit, b, limit, other, m, 100*time.Millisecond)
				leave()
				time.Sleep(97 * time.Second)
			}
		})
		wg.Wait()
		m.check(t)
	})
}
