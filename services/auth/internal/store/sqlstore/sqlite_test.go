package sqlstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sando-dev/sando/kit/migrate/migratetest"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
	"github.com/sando-dev/sando/services/auth/internal/store/storetest"
)

func openSQLite(t *testing.T, path string) store.Store {
	t.Helper()
	s, err := sqlstore.OpenSQLite(t.Context(), path)
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

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Store {
		return openSQLite(t, filepath.Join(t.TempDir(), "auth.db"))
	})
}

func TestSQLiteIsChecked(t *testing.T) {
	migratetest.Run(t, migratetest.Backend{
		Fresh: func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "auth.db")
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
		Check: sqlstore.CheckSQLite,
		Migrate: func(ctx context.Context, path string) error {
			s, err := sqlstore.OpenSQLite(ctx, path)
			if err != nil {
				return err
			}
			return s.Close()
		},
		Notes: "goose_db_version", Tables: migratetest.TablesOfSQLite,
	})
	missing := filepath.Join(t.TempDir(), "auth.db")
	if err := sqlstore.CheckSQLite(t.Context(), missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestSQLiteFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "auth.db")
	openSQLite(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", info.Mode().Perm())
	}
}

// What is deleted must be gone from the file, not only from the index.
func TestSQLiteOverwritesWhatIsDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.db")
	s, err := sqlstore.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	mark := []byte("a wrapped data key that stands out")
	e := store.Environment{ID: "e"}
	a := store.Account{ID: "a", EnvironmentID: "e"}
	key := store.Credential{DataKey: store.DataKey{AccountID: "a", EnvironmentID: "e", WrappedBy: "k", Wrapped: mark}, Fields: map[string][]byte{"f": {1}}}
	for _, change := range []func(store.Writer) error{
		func(w store.Writer) error { return w.InsertEnvironment(ctx, e) },
		func(w store.Writer) error { return w.InsertAccount(ctx, a) },
		func(w store.Writer) error { return w.PutCredential(ctx, key) },
		func(w store.Writer) error { return w.DeleteAccount(ctx, "e", "a") },
	} {
		if err := s.Update(ctx, change); err != nil {
			t.Fatal(err)
		}
	}
	// Closing folds the write-ahead log into the file.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal"} {
		content, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if bytes.Contains(content, mark) {
			t.Errorf("%s still holds the wrapped data key", filepath.Base(name))
		}
	}
}
