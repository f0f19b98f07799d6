package budget_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
)

// BenchmarkAcquireFree is all that a call costs: leave, what is learned from the
// answer, and the state for its header.
func BenchmarkAcquireFree(b *testing.B) {
	m := budget.NewMemory(budget.Options{})
	defer m.Close()
	ctx, c := context.Background(), budget.Caller{Account: "a", Principal: "p"}
	h := http.Header{"Content-Type": {"application/json"}}
	b.ReportAllocs()
	for b.Loop() {
		permit, err := m.Acquire(ctx, key, 1_000_000_000, c, 0)
		if err != nil {
			b.Fatal(err)
		}
		permit.Learn(200, h)
		m.State(key)
	}
}

func BenchmarkAcquireFreeParallel(b *testing.B) {
	m := budget.NewMemory(budget.Options{})
	defer m.Close()
	ctx, c := context.Background(), budget.Caller{Account: "a", Principal: "p"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := m.Acquire(ctx, key, 1_000_000_000, c, 0); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkState(b *testing.B) {
	m := budget.NewMemory(budget.Options{})
	defer m.Close()
	if _, err := m.Acquire(context.Background(), key, 100, budget.Caller{}, 0); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		m.State(key)
	}
}

func BenchmarkRefused(b *testing.B) {
	m := budget.NewMemory(budget.Options{})
	defer m.Close()
	ctx, c := context.Background(), budget.Caller{Account: "a", Principal: "p"}
	for range 100 {
		if _, err := m.Acquire(ctx, key, 100, c, 0); err != nil {
			break
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Acquire(ctx, key, 100, c, 0); err == nil {
			continue
		}
	}
}
