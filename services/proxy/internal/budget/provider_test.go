package budget_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

// Three callers of one account want more than there is, for ten minutes, from
// the stand-in for Torii, which enforces its published limits by either reading
// of a minute: no 429 comes from it, little is left unused, and each gets its
// share.
func TestTenMinutesOfTorii(t *testing.T) {
	const limit, minutes = 100, 10
	for name, window := range map[string]emulator.Window{"sliding": emulator.SlidingWindow, "fixed": emulator.FixedWindow} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				torii := emulator.New(emulator.Options{Users: 1, Now: time.Now, RateWindow: window})
				b := budget.NewMemory(budget.Options{})
				defer b.Close()
				ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
				defer cancel()
				var refused, served atomic.Int64
				call := func(c budget.Caller) bool {
					permit, err := b.Acquire(ctx, key, limit, c, 30*time.Second)
					var no *budget.Exhausted
					if errors.As(err, &no) {
						select {
						case <-time.After(no.RetryAfter):
						case <-ctx.Done():
						}
					}
					if err != nil {
						return false
					}
					time.Sleep(rand.N(150 * time.Millisecond))
					r := httptest.NewRequest(http.MethodGet, emulator.BasePath+"/roles", nil)
					r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
					answer := httptest.NewRecorder()
					torii.ServeHTTP(answer, r)
					switch answer.Code {
					case http.StatusOK:
						served.Add(1)
					case http.StatusTooManyRequests:
						refused.Add(1)
					default:
						t.Errorf("status %d: %s", answer.Code, answer.Body)
					}
					permit.Learn(answer.Code, answer.Header())
					return true
				}
				callers := []budget.Caller{{Account: "a", Principal: "sync"}, {Account: "a", Principal: "agent"}, {Account: "a", Principal: "report"}}
				var got [3]atomic.Int64
				for i, c := range callers { // all are known from the start
					call(c)
					got[i].Add(1)
				}
				var wg sync.WaitGroup
				for i, c := range callers {
					for range []int{4, 40, 4}[i] {
						wg.Go(func() {
							for ctx.Err() == nil {
								if call(c) {
									got[i].Add(1)
								}
							}
						})
					}
				}
				wg.Wait()
				if n := refused.Load(); n > 0 {
					t.Errorf("Torii answered 429 %d times", n)
				}
				if n := served.Load(); n < minutes*limit*98/100 {
					t.Errorf("%d calls were served in %d minutes, want 98 %% of %d", n, minutes, minutes*limit)
				}
				for i := range got {
					if part := float64(got[i].Load()) / float64(served.Load()); math.Abs(part-1./3) > 0.06 {
						t.Errorf("%s got %.3f of the calls", callers[i].Principal, part)
					}
				}
			})
		})
	}
}
