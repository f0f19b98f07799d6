package postgres_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/postgres"
	"github.com/sando-dev/sando/services/proxy/internal/writes/writestest"
)

// The server is shared by the tests of this package; each has a database.
var (
	shared  *server
	counter atomic.Int64
)

func TestMain(m *testing.M) {
	var err error
	if shared, err = startServer(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "these tests need a PostgreSQL server:", err)
		os.Exit(1)
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func open(t *testing.T) writes.Store {
	t.Helper()
	dsn := shared.database(t, fmt.Sprintf("writes_%d", counter.Add(1)))
	if err := postgres.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), dsn)
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
	dsn := shared.database(t, "unmigrated")
	if _, err := postgres.Open(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "run the migrations") {
		t.Errorf("a database without a schema: %v", err)
	}
}

func TestAddressIsNotShown(t *testing.T) {
	for _, dsn := range []string{"postgres://u:hunter2@127.0.0.1:1/db?sslmode=never", "postgres://u:hunter2@127.0.0.1:1/db?connect_timeout=1"} {
		if _, err := postgres.Open(t.Context(), dsn); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error is %v", err)
		}
	}
}

// A program of the version before starts on a schema that this one knows nothing of yet.
func TestOpenTakesANewerSchema(t *testing.T) {
	dsn := shared.database(t, fmt.Sprintf("writes_%d", counter.Add(1)))
	if err := postgres.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `INSERT INTO proxy_writes_version (version_id, is_applied) VALUES (1000, true)`); err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
