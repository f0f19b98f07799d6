package sqlstore_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/kit/migrate/migratetest"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
	"github.com/sando-dev/sando/services/auth/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	migratetest.Run(t, migratetest.Backend{
		Fresh: func(t *testing.T) string { return server.Database(t, "") },
		Connect: func(t *testing.T, where string) *sql.DB {
			db, err := sql.Open("pgx", where)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		Check: sqlstore.CheckPostgres, Migrate: sqlstore.MigratePostgres,
		Serve: func(ctx context.Context, where string) error {
			s, err := sqlstore.OpenPostgres(ctx, where)
			if err != nil {
				return err
			}
			return s.Close()
		},
		Notes: "goose_db_version", Tables: migratetest.TablesOfPostgres,
	})
	migrated := server.Database(t, "")
	// Several replicas that migrate at once wait for each other.
	errs := make(chan error, 3)
	for range cap(errs) {
		go func() { errs <- sqlstore.MigratePostgres(t.Context(), migrated) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	storetest.Run(t, func(t *testing.T) store.Store {
		s, err := sqlstore.OpenPostgres(t.Context(), server.Database(t, migrated))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func TestPostgresErrorsHideThePassword(t *testing.T) {
	for _, url := range []string{"postgres://auth:hunter2@127.0.0.1:1/db", "postgres://auth:hunter2@127.0.0.1:port/db"} {
		_, err := sqlstore.OpenPostgres(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error is %v", err)
		}
	}
}
