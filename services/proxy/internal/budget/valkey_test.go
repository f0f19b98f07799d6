package budget_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

// tempo is the minute of the tests that run in real time: a fifteenth of a
// real one, so that what the machine delays weighs fifteen times as much.
const tempo = 4 * time.Second

// lenient is a meter for those tests. Its minute is a twentieth short, for
// calls that the machine holds up between leave and count.
func lenient(limit int) *meter { return newMeter(tempo-tempo/20, limit) }

// heard counts what a budget says about its server.
type heard struct {
	slog.Handler
	sharing, lost atomic.Int64
}

func (h *heard) Enabled(context.Context, slog.Level) bool { return true }

func (h *heard) Handle(_ context.Context, r slog.Record) error {
	switch r.Message {
	case "rate budget: sharing":
		h.sharing.Add(1)
	default:
		h.lost.Add(1)
	}
	return nil
}

// until waits for a number that another goroutine counts up.
func until(t *testing.T, what string, n *atomic.Int64, want int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*tempo)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for n.Load() < want {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// replicas makes n budgets on one server, that share.
func replicas(t *testing.T, v *valkey, n int) ([]budget.Budget, []*heard) {
	t.Helper()
	return replicasOf(t, v, n, tempo)
}

// replicasOf makes them for a minute of that length. In a full minute a
// heartbeat may come three seconds late.
func replicasOf(t *testing.T, v *valkey, n int, minute time.Duration) ([]budget.Budget, []*heard) {
	t.Helper()
	var all []budget.Budget
	var logs []*heard
	for range n {
		h := &heard{Handler: slog.DiscardHandler}
		b := budget.NewValkey(budget.Options{Window: minute, Replicas: n, Log: slog.New(h)}, v.client)
		t.Cleanup(func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		})
		all, logs = append(all, b), append(logs, h)
	}
	for _, h := range logs {
		until(t, "sharing", &h.sharing, 1)
	}
	return all, logs
}

// want calls as fast as it may until ctx ends.
func want(ctx context.Context, b budget.Budget, limit int, c budget.Caller, m *meter, got *atomic.Int64) {
	for ctx.Err() == nil {
		permit, err := b.Acquire(ctx, key, limit, c, tempo/4)
		var no *budget.Exhausted
		switch {
		case errors.As(err, &no):
			select {
			case <-time.After(min(no.RetryAfter, tempo/10)):
			case <-ctx.Done():
			}
		case err == nil:
			m.call()
			permit.Learn(200, nil)
			got.Add(1)
		}
	}
}

func TestReplicasShare(t *testing.T) {
	t.Parallel()
	const limit = 400
	v := startValkey(t)
	all, _ := replicas(t, v, 2)
	m := lenient(limit)
	ctx, cancel := context.WithTimeout(t.Context(), 3*tempo)
	defer cancel()
	var wg sync.WaitGroup
	var got [2]atomic.Int64
	for i, b := range all {
		for range 8 {
			wg.Go(func() { want(ctx, b, limit, budget.Caller{Account: "a"}, m, &got[i]) })
		}
	}
	wg.Wait()
	m.check(t)
	t.Logf("%d calls of %d; %d and %d", m.total, 3*limit, got[0].Load(), got[1].Load())
	if m.total < 3*limit*85/100 {
		t.Errorf("%d calls passed in three windows; want most of %d", m.total, 3*limit)
	}
	for i := range got {
		if n := got[i].Load(); n < int64(m.total)*35/100 {
			t.Errorf("replica %d got %d of %d calls", i, n, m.total)
		}
	}
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	const limit = 400
	v := startValkey(t)
	all, logs := replicas(t, v, 2)
	m := lenient(limit)
	ctx, cancel := context.WithTimeout(t.Context(), 6*tempo)
	defer cancel()
	var wg sync.WaitGroup
	var got [2]atomic.Int64
	for i, b := range all {
		for range 8 {
			wg.Go(func() { want(ctx, b, limit, budget.Caller{Account: "a"}, m, &got[i]) })
		}
	}
	pause := func(d time.Duration) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	pause(tempo + tempo/2)
	v.kill(t)
	until(t, "the loss", &logs[0].lost, 1)
	until(t, "the loss", &logs[1].lost, 1)
	before := got[0].Load() + got[1].Load()
	pause(2 * tempo)
	if n := got[0].Load() + got[1].Load() - before; n < limit/2 {
		t.Errorf("%d calls passed in two windows without a server", n)
	}
	v.start(t)
	until(t, "sharing again", &logs[0].sharing, 2)
	until(t, "sharing again", &logs[1].sharing, 2)
	wg.Wait()
	m.check(t)
	t.Logf("%d calls of %d; %d and %d", m.total, 6*limit, got[0].Load(), got[1].Load())
	if m.total < 6*limit*3/4 {
		t.Errorf("%d calls passed in six windows; want most of %d", m.total, 6*limit)
	}
}

// A caller that only one replica knows may use everything at once, until
// another replica asks.
func TestReplicaAlone(t *testing.T) {
	t.Parallel()
	const limit = 100
	all, _ := replicas(t, startValkey(t), 2)
	rush := func(b budget.Budget) (passed int64) {
		var wg sync.WaitGroup
		var got atomic.Int64
		for range limit {
			wg.Go(func() {
				if _, err := b.Acquire(t.Context(), key, limit, someone, tempo/8); err == nil {
					got.Add(1)
				}
			})
		}
		wg.Wait()
		return got.Load()
	}
	if n := rush(all[0]); n != limit {
		t.Errorf("%d of %d passed for a replica alone", n, limit)
	}
	if _, err := all[1].Acquire(t.Context(), key, limit, someone, 2*tempo); err != nil {
		t.Fatal(err)
	}
	// What was leased last is forgotten last.
	after(t, tempo/8)
	if n := rush(all[0]); n < limit/4 || n > limit*3/4 {
		t.Errorf("%d passed at once beside another replica; want about half of %d", n, limit)
	}
}
