package postgres_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/kit/migrate/migratetest"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/postgres"
	"github.com/sando-dev/sando/services/proxy/internal/writes/writestest"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	open := func(t *testing.T) writes.Store {
		t.Helper()
		dsn := server.Database(t, "")
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
	t.Run("store", func(t *testing.T) { writestest.TestStore(t, open) })
	t.Run("ledger", func(t *testing.T) { writestest.TestLedger(t, open) })
	migratetest.Run(t, migratetest.Backend{
		Fresh: func(t *testing.T) string { return server.Database(t, "") },
		Connect: func(t *testing.T, where string) *sql.DB {
			db, err := sql.Open("pgx", where)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		Check: postgres.Check, Migrate: postgres.Migrate,
		Serve: func(ctx context.Context, where string) error {
			s, err := postgres.Open(ctx, where)
			if err != nil {
				return err
			}
			return s.Close()
		},
		Notes: "proxy_writes_version", Tables: migratetest.TablesOfPostgres,
	})
}

func TestAddressIsNotShown(t *testing.T) {
	for _, dsn := range []string{"postgres://u:hunter2@127.0.0.1:1/db?sslmode=never", "postgres://u:hunter2@127.0.0.1:1/db?connect_timeout=1"} {
		if _, err := postgres.Open(t.Context(), dsn); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error is %v", err)
		}
	}
}
