// Package migratetest holds what every store whose schema is brought by
// kit/migrate must do before its tables are used.
package migratetest

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/migrate"
)

// A Backend is a store as its package knows it. Where is a file or a URL.
type Backend struct {
	// Fresh makes an empty database.
	Fresh func(t *testing.T) (where string)
	// Connect opens a database for the test to look into; the suite closes it.
	Connect func(t *testing.T, where string) *sql.DB
	// Check and Migrate are the package's.
	Check, Migrate func(ctx context.Context, where string) error
	// Serve opens the store as a serving process does, and closes it; nil where
	// that migrates.
	Serve func(ctx context.Context, where string) error
	// Notes is where the database keeps note of the steps taken.
	Notes string
	// Tables counts the tables, of whatever schema, that are not the database's own.
	Tables string
}

// Counts of tables for Backend.Tables.
const (
	TablesOfSQLite   = `SELECT count(*) FROM sqlite_master WHERE type = 'table'`
	TablesOfPostgres = `SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`
)

// Run runs the suite.
func Run(t *testing.T, b Backend) {
	t.Run("an empty database is refused and left empty", func(t *testing.T) {
		where := b.Fresh(t)
		b.refuse(t, where)
		if n := b.count(t, where); n != 0 {
			t.Errorf("looking made %d tables", n)
		}
	})
	t.Run("a migrated one is taken, also twice", func(t *testing.T) {
		b.take(t, b.migrated(t))
	})
	t.Run("one that lacks a step is refused", func(t *testing.T) {
		where := b.migrated(t)
		b.exec(t, where, `DELETE FROM `+b.Notes+` WHERE version_id = (SELECT max(version_id) FROM `+b.Notes+`)`)
		b.refuse(t, where)
	})
	t.Run("one of the next version is taken", func(t *testing.T) {
		where := b.migrated(t)
		b.exec(t, where, `INSERT INTO `+b.Notes+` (version_id, is_applied) VALUES (1000, true)`)
		b.take(t, where)
	})
}

func (b Backend) migrated(t *testing.T) (where string) {
	t.Helper()
	where = b.Fresh(t)
	for range 2 { // the second time finds nothing to do
		if err := b.Migrate(t.Context(), where); err != nil {
			t.Fatal(err)
		}
	}
	return where
}

// open are the ways to open a store that must agree.
func (b Backend) open() map[string]func(context.Context, string) error {
	ways := map[string]func(context.Context, string) error{"checking": b.Check}
	if b.Serve != nil {
		ways["serving"] = b.Serve
	}
	return ways
}

func (b Backend) refuse(t *testing.T, where string) {
	t.Helper()
	for how, open := range b.open() {
		if err := open(t.Context(), where); !errors.Is(err, migrate.ErrBehind) || !strings.Contains(err.Error(), "migrate`") {
			t.Errorf("%s: %v, want the advice to migrate", how, err)
		}
	}
}

func (b Backend) take(t *testing.T, where string) {
	t.Helper()
	for how, open := range b.open() {
		if err := open(t.Context(), where); err != nil {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func (b Backend) exec(t *testing.T, where, statement string) {
	t.Helper()
	db := b.Connect(t, where)
	_, err := db.ExecContext(t.Context(), statement)
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func (b Backend) count(t *testing.T, where string) (n int) {
	t.Helper()
	db := b.Connect(t, where)
	if err := errors.Join(db.QueryRowContext(t.Context(), b.Tables).Scan(&n), db.Close()); err != nil {
		t.Fatal(err)
	}
	return n
}
