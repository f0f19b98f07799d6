package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
	"github.com/sando-dev/sando/services/auth/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	migrated := server.Database(t, "")
	if _, err := sqlstore.OpenPostgres(t.Context(), migrated); err == nil || !strings.Contains(err.Error(), "sando migrate") {
		t.Fatalf("an empty database: %v, want the advice to migrate", err)
	}
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
