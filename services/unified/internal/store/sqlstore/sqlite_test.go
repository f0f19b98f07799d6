package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sando-dev/sando/kit/migrate/migratetest"
	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, store.Store) {
		path := filepath.Join(t.TempDir(), "a folder", "unified.db")
		return openSQLite(t, path), openSQLite(t, path)
	})
}

func TestSQLiteIsChecked(t *testing.T) {
	migratetest.Run(t, migratetest.Backend{
		Fresh: func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "unified.db")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		},
		Connect: func(t *testing.T, path string) *sql.DB {
			db, err := connectSQLite(path)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		Check: CheckSQLite,
		Migrate: func(ctx context.Context, path string) error {
			db, err := OpenSQLite(ctx, path)
			if err != nil {
				return err
			}
			return db.Close()
		},
		Notes: "goose_db_version", Tables: migratetest.TablesOfSQLite,
	})
	missing := filepath.Join(t.TempDir(), "unified.db")
	if err := CheckSQLite(t.Context(), missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func openSQLite(t *testing.T, path string) store.Store {
	t.Helper()
	db, err := OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	return db
}
