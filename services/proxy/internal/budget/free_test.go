package budget_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

// Keys that are asked for less than half of their limit cost the server
// nothing, however many there are and on however many replicas.
func TestFarFromTheLimitNobodyAsks(t *testing.T) {
	t.Parallel()
	const limit, keys = 100, 5000
	v := startValkey(t)
	all, _ := replicasOf(t, v, 2, time.Minute)
	before, began := v.scripts(t), time.Now()
	for i := range keys {
		k := key
		k.Organization = fmt.Sprint(i)
		for _, b := range all {
			for range limit / 4 / 5 {
				if _, err := b.Acquire(t.Context(), k, limit, someone, tempo); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	// Each replica sends a heartbeat now and then.
	beats := 2 * (1 + int(time.Since(began)/time.Second))
	if asked := v.scripts(t) - before; asked > beats+keys/100 {
		t.Errorf("%d keys far from their limit made the server run %d scripts; %d are heartbeats", keys, asked, beats)
	}
}

// What a replica spent without a word counts against the limit of the other,
// who gets all the rest.
func TestFreeSharesCount(t *testing.T) {
	t.Parallel()
	const limit = 200
	v := startValkey(t)
	all, _ := replicasOf(t, v, 2, time.Minute)
	m := newMeter(time.Minute, limit)
	spend := func(b budget.Budget, n int, wait time.Duration) (got int) {
		for range n {
			_, err := b.Acquire(t.Context(), key, limit, someone, wait)
			var no *budget.Exhausted
			switch {
			case err == nil:
				m.call()
				got++
			case !errors.As(err, &no):
				t.Fatal(err)
			}
		}
		return got
	}
	if n := spend(all[1], limit/4, 0); n != limit/4 {
		t.Fatalf("%d calls of a free share of %d", n, limit/4)
	}
	if n := spend(all[0], limit, 10*time.Second); n < limit/2 || n > limit*3/4 {
		t.Errorf("the other replica got %d calls of %d; a quarter was spent here", n, limit)
	}
	m.check(t)
	for i, b := range all {
		if !budget.Contended(b, key) {
			t.Errorf("replica %d never heard that the key is contended", i)
		}
	}
}

// Whoever keeps saying that it wants more than its share, on as many keys as
// there are, stays within the limit of each, from the first call on.
func TestNeverOverFromTheFirstCall(t *testing.T) {
	t.Parallel()
	const limit = 40
	v := startValkey(t)
	all, _ := replicas(t, v, 3)
	m := saturate(t, all, limit, func() { after(t, 2*tempo) })
	if m.total < 2*limit*8/10 {
		t.Errorf("%d calls passed in two windows; want most of %d", m.total, 2*limit)
	}
}

// A key that was contended and is asked for little becomes free again.
func TestContestEnds(t *testing.T) {
	t.Parallel()
	const limit, window = 40, tempo / 4
	v := startValkey(t)
	h := &heard{Handler: slog.DiscardHandler}
	b := budget.NewValkey(budget.Options{Window: window, Replicas: 2, Log: slog.New(h)}, v.client)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	until(t, "sharing", &h.sharing, 1)
	for range limit / 2 {
		if _, err := b.Acquire(t.Context(), key, limit, someone, tempo); err != nil {
			t.Fatal(err)
		}
	}
	if !budget.Contended(b, key) {
		t.Fatal("half of the limit is used, and the key is still free")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*tempo)
	defer cancel()
	calls := 0
	for budget.Contended(b, key) {
		if ctx.Err() != nil {
			t.Fatalf("the key is still contended after %d calls in %s", calls, 5*tempo)
		}
		if _, err := b.Acquire(ctx, key, limit, someone, window); err == nil {
			calls++
		}
		after(t, window/4)
	}
}
