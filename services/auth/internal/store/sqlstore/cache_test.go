package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"modernc.org/sqlite"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// What SQLite keeps of the file in memory is what the writer may, and a little: with SQLite's own 2,000 KiB for each of nine connections it would
// fill over hours. All connections share one allowance, so a busy one may use all of it.
func TestSQLiteKeepsLittle(t *testing.T) {
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "auth.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx := t.Context()
	const entries = 2000 // of 2 kB, one at a time, as they are kept uncompressed then
	if err := s.Update(ctx, func(w store.Writer) error { return w.InsertEnvironment(ctx, store.Environment{ID: "e"}) }); err != nil {
		t.Fatal(err)
	}
	for n := range entries {
		entry := store.LogEntry{
			EnvironmentID: "e", Sequence: int64(n + 1), ID: fmt.Sprintf("%06d", n), Type: "admin", Status: 200,
			Body: fmt.Appendf(nil, `{"text":"%02000d"}`, n), Hash: []byte{1},
		}
		head := store.ChainHead{EnvironmentID: "e", Sequence: int64(n)}
		if err := s.Update(ctx, func(w store.Writer) error { return w.AppendLog(ctx, head, []store.LogEntry{entry}) }); err != nil {
			t.Fatal(err)
		}
	}
	for _, pool := range []*sql.DB{s.q.(*sql.DB), s.lookups} {
		if kept := keptByReading(ctx, t, pool); kept > 3000<<10 {
			t.Errorf("SQLite keeps %d kB of a file of 4 MB, want at most 3000", kept>>10)
		}
	}
}

// keptByReading reads the whole log on one connection and says how many bytes of pages that keeps.
func keptByReading(ctx context.Context, t *testing.T, pool *sql.DB) (kept int) {
	t.Helper()
	conn, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var bytes int
	if err := conn.QueryRowContext(ctx, `SELECT sum(length(body)) FROM log_entries`).Scan(&bytes); err != nil || bytes < 4000000 {
		t.Fatalf("the log has %d bytes (%v)", bytes, err)
	}
	err = conn.Raw(func(driver any) error {
		kept, _, err = driver.(sqlite.DBStatus).Status(sqlite.DBStatusCacheUsed, false)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept
}
