package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sando-dev/sando/kit/migrate/migratetest"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/sqlite"
	"github.com/sando-dev/sando/services/proxy/internal/writes/writestest"
)

func open(t *testing.T) writes.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a file with spaces?.db")
	if err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) { writestest.TestStore(t, open) }

func TestLedger(t *testing.T) { writestest.TestLedger(t, open) }

func TestSchemaIsChecked(t *testing.T) {
	migratetest.Run(t, migratetest.Backend{
		Fresh: func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "writes.db")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		},
		Connect: func(t *testing.T, path string) *sql.DB {
			db, err := sql.Open("sqlite", path)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		Check: sqlite.Check, Migrate: sqlite.Migrate,
		Serve: func(ctx context.Context, path string) error {
			s, err := sqlite.Open(ctx, path)
			if err != nil {
				return err
			}
			return s.Close()
		},
		Notes: "writes_version", Tables: migratetest.TablesOfSQLite,
	})
	missing := filepath.Join(t.TempDir(), "writes.db")
	_, err := sqlite.Open(t.Context(), missing)
	for _, err := range []error{err, sqlite.Check(t.Context(), missing)} {
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("no file: %v", err)
		}
	}
}

func TestFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "writes.db")
	for range 2 { // migrating again changes nothing
		if err := sqlite.Migrate(t.Context(), path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v", info.Mode().Perm())
	}
}
