package grants_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/grants"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
	"github.com/sando-dev/sando/services/auth/internal/token"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// setup makes a minter on SQLite with one API token, and further minters on the same store.
func setup(tb testing.TB) (mint func() *grants.Minter, s store.Store, bearer string, hasher *token.Hasher) {
	tb.Helper()
	s, err := sqlstore.OpenSQLite(tb.Context(), filepath.Join(tb.TempDir(), "auth.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	hasher, err = token.NewHasher([]sealed.Key{sealed.Generate()})
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := grant.NewSigner([]sealed.Key{sealed.Generate()})
	if err != nil {
		tb.Fatal(err)
	}
	bearer = token.New(token.PrefixAPI)
	now := time.Now().UTC()
	err = s.Update(tb.Context(), func(w store.Writer) error {
		if err := w.InsertEnvironment(tb.Context(), store.Environment{ID: "e", CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		return w.InsertToken(tb.Context(), store.Token{ID: "t", Kind: store.KindAPI, EnvironmentID: "e", Read: true, CreatedAt: now, UpdatedAt: now}, hasher.Hash(bearer))
	})
	if err != nil {
		tb.Fatal(err)
	}
	return func() *grants.Minter {
		m, err := grants.New(grants.Options{Store: s, Hasher: hasher, Signer: signer, Now: time.Now})
		if err != nil {
			tb.Fatal(err)
		}
		return m
	}, s, bearer, hasher
}

func TestUsageIsWrittenInBatches(t *testing.T) {
	mint, s, bearer, _ := setup(t)
	m := mint()
	for range 100 {
		if _, err := m.Authenticate(t.Context(), bearer, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.FlushUsage(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	id, err := s.TokenByID(t.Context(), "t")
	if err != nil {
		t.Fatal(err)
	}
	if since := time.Since(id.LastUsedAt); since < 0 || since > 2*time.Minute || id.LastUsedAt.Second() != 0 {
		t.Errorf("last used %v", id.LastUsedAt)
	}
}

// A lookup that began before a revocation must not be remembered after it.
func TestForgetting(t *testing.T) {
	mint, s, bearer, _ := setup(t)
	m := mint()
	if _, err := m.Authenticate(t.Context(), bearer, ""); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(w store.Writer) error { return w.DeleteToken(t.Context(), "e", store.KindAPI, "t") }); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Authenticate(t.Context(), bearer, ""); err != nil {
		t.Fatalf("without an event the grant lives on: %v", err)
	}
	m.Forget([]store.Event{{TokenIDs: []string{"t"}}})
	if _, err := m.Authenticate(t.Context(), bearer, ""); err == nil {
		t.Error("the revoked token still works")
	}
}

func TestCachedIntrospectionDoesNotAllocate(t *testing.T) {
	mint, _, bearer, _ := setup(t)
	m := mint()
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		if _, err := m.Authenticate(ctx, bearer, ""); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkCached must stay below 2 microseconds.
func BenchmarkCached(b *testing.B) {
	mint, _, bearer, _ := setup(b)
	m := mint()
	for b.Loop() {
		if _, err := m.Authenticate(b.Context(), bearer, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUncached looks up in SQLite and signs; it must stay below 100 microseconds.
func BenchmarkUncached(b *testing.B) {
	mint, _, bearer, _ := setup(b)
	m := mint()
	event := []store.Event{{TokenIDs: []string{"t"}}}
	for b.Loop() {
		m.Forget(event)
		if _, err := m.Authenticate(b.Context(), bearer, ""); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCatchUp asks SQLite for revocations, as every introspection over the wire does first.
func BenchmarkCatchUp(b *testing.B) {
	_, s, _, _ := setup(b)
	hub, err := watch.NewHub(b.Context(), s, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := hub.Sync(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
