package budget_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

// saturate has every budget want more than there is while disturb runs, and
// fails the test for any call over the limit.
func saturate(t *testing.T, all []budget.Budget, limit int, disturb func()) *meter {
	t.Helper()
	m := lenient(limit)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	var got atomic.Int64
	for _, b := range all {
		for range 8 {
			wg.Go(func() { want(ctx, b, limit, someone, m, &got) })
		}
	}
	disturb()
	cancel()
	wg.Wait()
	m.check(t)
	return m
}

// after waits in real time.
func after(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// A server that is gone for an instant only has forgotten everything, and so
// has one that was emptied.
func TestServerForgets(t *testing.T) {
	t.Parallel()
	const limit = 400
	for name, forget := range map[string]func(*testing.T, *valkey){
		"restarted": func(t *testing.T, v *valkey) { v.kill(t); v.start(t) },
		"emptied": func(t *testing.T, v *valkey) {
			if err := v.client.FlushAll(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := startValkey(t)
			all, _ := replicas(t, v, 2)
			m := saturate(t, all, limit, func() {
				for range 3 {
					after(t, tempo*2/3)
					forget(t, v)
				}
				after(t, 2*tempo)
			})
			if m.total < 3*limit*7/10 {
				t.Errorf("%d calls passed in four windows; want most of %d", m.total, 4*limit)
			}
		})
	}
}

// After the loss of the server a key that was in light use goes on; of one of
// which this replica knows nothing there is its free share, and then it waits
// for a window, for others may have used up the rest.
func TestUnknownCountsAsUsed(t *testing.T) {
	t.Parallel()
	const limit = 100
	v := startValkey(t)
	all, logs := replicas(t, v, 2)
	cold := key
	cold.Operation = "torii.apps.list"
	call := func(k budget.Key, wait time.Duration) error {
		_, err := all[0].Acquire(t.Context(), k, limit, someone, wait)
		return err
	}
	for range 5 {
		if err := call(key, tempo); err != nil {
			t.Fatal(err)
		}
	}
	v.kill(t)
	until(t, "the loss", &logs[0].lost, 1)
	if err := call(key, tempo/4); err != nil {
		t.Errorf("the key in use: %v", err)
	}
	for range limit / 4 {
		if err := call(cold, 0); err != nil {
			t.Fatalf("the free share of the cold key: %v", err)
		}
	}
	var no *budget.Exhausted
	if err := call(cold, 0); !errors.As(err, &no) || no.RetryAfter > 2*tempo {
		t.Fatalf("the cold key: %v; want Exhausted for about a window", err)
	}
	after(t, no.RetryAfter)
	passed := 0
	for call(cold, 0) == nil {
		passed++
	}
	if passed < limit/8 || passed > limit/2 {
		t.Errorf("%d calls of the cold key passed at once after a window; want a good part of %d", passed, limit/2)
	}
}

// What one replica learns holds for all.
func TestPenaltyIsShared(t *testing.T) {
	t.Parallel()
	v := startValkey(t)
	all, _ := replicas(t, v, 2)
	p, err := all[0].Acquire(t.Context(), key, 100, someone, tempo)
	if err != nil {
		t.Fatal(err)
	}
	p.Learn(429, header("Retry-After", "3"))
	ctx, cancel := context.WithTimeout(t.Context(), tempo)
	defer cancel()
	var no *budget.Exhausted
	for {
		_, err := all[1].Acquire(ctx, key, 100, someone, tempo/8)
		if errors.As(err, &no) && no.RetryAfter > time.Second {
			return
		}
		if err != nil && no == nil {
			t.Fatalf("the other replica never heard of the penalty: %v", err)
		}
	}
}

// Calls in steady use ask nobody: the server is asked in the background, a
// few times a second.
func TestWarmCallsAskNobody(t *testing.T) {
	t.Parallel()
	const calls = 200_000
	v := startValkey(t)
	all, _ := replicas(t, v, 1)
	for range calls {
		if _, err := all[0].Acquire(t.Context(), key, 300_000, someone, tempo); err != nil {
			t.Fatal(err)
		}
	}
	if !budget.Contended(all[0], key) {
		t.Error("nothing was leased")
	}
	if asked := v.scripts(t); asked > calls/100 {
		t.Errorf("%d calls asked the server %d times", calls, asked)
	}
}
