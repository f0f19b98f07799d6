package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

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

func TestOpenWantsMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "writes.db")
	if _, err := sqlite.Open(t.Context(), path); err == nil {
		t.Error("a file that is not there was opened")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path); err == nil {
		t.Error("a file without a schema was opened")
	}
}

// A program of the version before starts on a schema that this one knows nothing of yet.
func TestOpenTakesANewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "writes.db")
	if err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO writes_version (version_id, is_applied) VALUES (1000, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
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
