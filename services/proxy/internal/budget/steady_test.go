package budget_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

var key = budget.Key{Origin: "https://api.provider.test", Organization: "7", Operation: "torii.users.list"}

// demand calls as fast as it may, one call after the other, until ctx ends. A
// call takes up to latency to arrive and as long to be answered.
func demand(ctx context.Context, b budget.Budget, limit int, c budget.Caller, m *meter, latency time.Duration) (got int64) {
	for ctx.Err() == nil {
		permit, err := b.Acquire(ctx, key, limit, c, 30*time.Second)
		var no *budget.Exhausted
		switch {
		case errors.As(err, &no):
			select {
			case <-time.After(no.RetryAfter):
			case <-ctx.Done():
			}
			continue
		case err != nil:
			return got
		}
		time.Sleep(rand.N(latency))
		m.call()
		time.Sleep(rand.N(latency))
		permit.Learn(200, nil)
		got++
	}
	return got
}

// Three callers want more than there is, for ten minutes: nothing goes over
// the limit, little is left unused, and each gets its share.
func TestTenMinutes(t *testing.T) {
	for _, limit := range []int{5, 20, 100, 800} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := budget.NewMemory(budget.Options{})
				defer b.Close()
				m := newMeter(time.Minute, limit)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				var wg sync.WaitGroup
				var got [3]atomic.Int64
				callers := []budget.Caller{{Account: "a", Principal: "sync"}, {Account: "a", Principal: "agent"}, {Account: "b", Principal: "x"}}
				// All are known from the start: one that thinks itself alone may take
				// the whole first minute.
				for i, c := range callers {
					if _, err := b.Acquire(ctx, key, limit, c, time.Minute); err != nil {
						t.Fatal(err)
					}
					m.call()
					got[i].Add(1)
				}
				for i, c := range callers {
					workers := 4
					if c.Principal == "agent" {
						workers = 40
					}
					for range workers {
						wg.Go(func() { got[i].Add(demand(ctx, b, limit, c, m, 150*time.Millisecond)) })
					}
				}
				wg.Wait()
				m.check(t)
				if least := 10 * limit * 98 / 100; m.total < least {
					t.Errorf("%d calls passed in ten minutes; want at least %d", m.total, least)
				}
				// Half of the first minute's limit is a burst and goes to whoever
				// comes first: a twentieth of all. With few calls a minute some
				// cannot wait for their turn, and the shares are coarse.
				for i, share := range []float64{0.25, 0.25, 0.5} {
					if part := float64(got[i].Load()) / float64(m.total); math.Abs(part-share) > 0.07+0.5/float64(limit) {
						t.Errorf("caller %d got %.3f of the calls; its share is %.2f", i, part, share)
					}
				}
			})
		})
	}
}

// A caller that comes once in a while passes soon, however much another wants.
func TestQuietBesideLoud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const limit = 100
		b := budget.NewMemory(budget.Options{})
		defer b.Close()
		m := newMeter(time.Minute, limit)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		// It is known before the other comes, who else would have all to itself.
		if _, err := b.Acquire(ctx, key, limit, budget.Caller{Account: "quiet"}, 0); err != nil {
			t.Fatal(err)
		}
		m.call()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { demand(ctx, b, limit, budget.Caller{Account: "loud"}, m, 50*time.Millisecond) })
		}
		var worst time.Duration
		for range 55 {
			time.Sleep(9700 * time.Millisecond)
			began := time.Now()
			if _, err := b.Acquire(ctx, key, limit, budget.Caller{Account: "quiet"}, 4*time.Second); err != nil {
				t.Errorf("after %s: %v", time.Since(m.begun), err)
				continue
			}
			worst = max(worst, time.Since(began))
			m.call()
		}
		cancel()
		wg.Wait()
		m.check(t)
		if worst > 3*time.Second {
			t.Errorf("the quiet caller waited %s", worst)
		}
	})
}
