package sqlstore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/store/storetest"
)

func TestSQLite(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, store.Store) {
		path := filepath.Join(t.TempDir(), "a folder", "unified.db")
		return openSQLite(t, path), openSQLite(t, path)
	})
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
