package sqlstore

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/kit/migrate/migratetest"
	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	migratetest.Run(t, migratetest.Backend{
		Fresh: func(t *testing.T) string { return server.Database(t, "") },
		Connect: func(t *testing.T, where string) *sql.DB {
			db, err := connect(where)
			if err != nil {
				t.Fatal(err)
			}
			return db
		},
		Check: CheckPostgres, Migrate: MigratePostgres,
		Serve: func(ctx context.Context, where string) error {
			db, err := OpenPostgres(ctx, where)
			if err != nil {
				return err
			}
			return db.Close()
		},
		Notes: "goose_db_version", Tables: migratetest.TablesOfPostgres,
	})
	storetest.Run(t, func(t *testing.T) (store.Store, store.Store) {
		dsn := server.Database(t, "")
		if err := MigratePostgres(t.Context(), dsn); err != nil {
			t.Fatal(err)
		}
		return openPostgres(t, dsn), openPostgres(t, dsn)
	})
}

func TestPostgresURLStaysSecret(t *testing.T) {
	_, err := OpenPostgres(t.Context(), "postgres://u:hunter2@[broken")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
}

func openPostgres(t *testing.T, dsn string) store.Store {
	t.Helper()
	db, err := OpenPostgres(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
