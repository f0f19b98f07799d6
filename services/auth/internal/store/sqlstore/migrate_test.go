package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// From every earlier version, with data in it, the newest is reached and the data is still there.
func TestMigrationsKeepData(t *testing.T) {
	server := pgtest.Start(t)
	for _, backend := range []struct {
		name    string
		connect func() (*sql.DB, dialect)
	}{
		{"sqlite", func() (*sql.DB, dialect) {
			db, err := connectSQLite(filepath.Join(t.TempDir(), "auth.db"), lockWithin)
			if err != nil {
				t.Fatal(err)
			}
			return db, sqliteDialect()
		}},
		{"postgres", func() (*sql.DB, dialect) {
			db, err := connectPostgres(t.Context(), server.Database(t, ""))
			if err != nil {
				t.Fatal(err)
			}
			return db, postgresDialect()
		}},
	} {
		for version := int64(1); ; version++ {
			db, d := backend.connect()
			schema, err := d.schema()
			if err != nil {
				t.Fatal(err)
			}
			p, err := schema.Provider(db)
			if err != nil {
				t.Fatal(err)
			}
			newest := p.ListSources()[len(p.ListSources())-1].Version
			t.Run(fmt.Sprintf("%s from %d to %d", backend.name, version, newest), func(t *testing.T) {
				if _, err := p.UpTo(t.Context(), version); err != nil {
					t.Fatal(err)
				}
				keepsData(t, db, d)
			})
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if version == newest {
				break
			}
		}
	}
}

func keepsData(t *testing.T, db *sql.DB, d dialect) {
	ctx := t.Context()
	before, err := newDB(ctx, db, db, db, d)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	environment := store.Environment{ID: "e", Name: "Acme", CreatedAt: now, UpdatedAt: now}
	account := store.Account{ID: "a", EnvironmentID: "e", TenantID: "t", Context: []byte(`{"n":1}`), Version: 1, CreatedAt: now, UpdatedAt: now}
	credential := store.Credential{DataKey: store.DataKey{AccountID: "a", EnvironmentID: "e", WrappedBy: "k", Wrapped: []byte{1, 2}}, Version: 1, Fields: map[string][]byte{"f": {3}}}
	token := store.Token{ID: "t", Kind: store.KindAPI, EnvironmentID: "e", CreatedAt: now, UpdatedAt: now}
	entry := store.LogEntry{EnvironmentID: "e", Sequence: 1, ID: "01-a", Type: "admin", CreatedAt: now, Status: 200, Body: []byte("{}"), Hash: []byte{1}}
	err = before.Update(ctx, func(w store.Writer) error {
		return errors.Join(w.InsertEnvironment(ctx, environment), w.InsertAccount(ctx, account), w.PutCredential(ctx, credential), w.InsertToken(ctx, token, []byte("h")),
			w.AppendLog(ctx, store.ChainHead{EnvironmentID: "e"}, []store.LogEntry{entry}))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := bring(ctx, db, d); err != nil {
		t.Fatal(err)
	}
	if err := current(ctx, db, d); err != nil {
		t.Fatal(err)
	}
	// What the version before kept one by one, and still appends, makes one chain with what this one keeps together.
	entries := []store.LogEntry{entry}
	for _, n := range []int{minBlock, 1, minBlock} {
		head := store.ChainHead{EnvironmentID: "e", Sequence: int64(len(entries))}
		for range n {
			next := entry
			next.Sequence = int64(len(entries) + 1)
			next.ID = fmt.Sprintf("01-b%02d", next.Sequence)
			entries = append(entries, next)
		}
		if err := before.Update(ctx, func(w store.Writer) error { return w.AppendLog(ctx, head, entries[head.Sequence:]) }); err != nil {
			t.Fatal(err)
		}
	}
	gotEntries, err := before.LogChain(ctx, "e", 1, 100)
	if diff := cmp.Diff(entries, gotEntries); diff != "" || err != nil {
		t.Errorf("the log after the migration: %v (-want +got):\n%s", err, diff)
	}
	known, err := before.LogHas(ctx, "e", []string{"01-a", "01-b02", "01-b99"})
	if diff := cmp.Diff(map[string]bool{"01-a": true, "01-b02": true}, known); diff != "" || err != nil {
		t.Errorf("known ids after the migration: %v (-want +got):\n%s", err, diff)
	}
	gotEnvironment, err1 := before.Environment(ctx, "e")
	gotAccount, err2 := before.Account(ctx, "e", "a")
	gotCredential, err3 := before.Credential(ctx, "a")
	gotToken, err4 := before.TokenByHash(ctx, []byte("h"))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	want := []any{environment, account, credential, token.ID}
	if diff := cmp.Diff(want, []any{gotEnvironment, gotAccount, gotCredential, gotToken.ID}); diff != "" {
		t.Errorf("after the migration (-want +got):\n%s", diff)
	}
}
