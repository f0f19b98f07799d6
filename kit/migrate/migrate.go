// Package migrate brings the schema of a SQL database to the version that a
// program needs, or says that it is not there yet, without touching it.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"
)

// ErrBehind says that steps are missing which this program needs.
var ErrBehind = errors.New("the database schema is older than this version needs")

// A Schema is the steps to what a program needs, and where a database keeps
// note of those taken.
type Schema struct {
	// Dialect is the database's: goose.DialectPostgres or goose.DialectSQLite3.
	Dialect goose.Dialect
	// Files holds the steps, named 00001_what.sql and so on, each for goose.
	Files fs.FS
	// Table is where the database keeps note; empty is goose's own name.
	Table string
}

// Up takes the steps that are missing. Processes that do so at once in one
// PostgreSQL wait for each other.
func (s Schema) Up(ctx context.Context, db *sql.DB) error {
	p, err := s.Provider(db)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Provider is goose's own handle, for tests that stop half-way.
func (s Schema) Provider(db *sql.DB) (*goose.Provider, error) {
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true), goose.WithTableName(s.table())}
	if s.Dialect == goose.DialectPostgres {
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 120)) // look every second, for two minutes
		if err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(s.Dialect, db, s.Files, opts...)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return p, nil
}

// Check is ErrBehind where a step is missing. It only reads: goose's own look
// would make its table, by a role that may not, or that then owns it. Steps
// that this program does not know are those of the next version, and fine.
func (s Schema) Check(ctx context.Context, db *sql.DB) error {
	taken, err := s.taken(ctx, db)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	p, err := goose.NewProvider(s.Dialect, db, s.Files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, step := range p.ListSources() {
		if !taken[step.Version] {
			return fmt.Errorf("%w: step %d has not been taken; run `sando migrate`", ErrBehind, step.Version)
		}
	}
	return nil
}

// taken lists the versions of the steps that a database has behind it.
func (s Schema) taken(ctx context.Context, db *sql.DB) (map[int64]bool, error) {
	store, err := database.NewStore(s.Dialect, s.table())
	if err != nil {
		return nil, err
	}
	// The driver's error for a table that does not exist differs, so the catalogues are asked first.
	exists := `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1`
	if s.Dialect == goose.DialectPostgres {
		exists = `SELECT count(*) FROM pg_tables WHERE schemaname = ANY (current_schemas(false)) AND tablename = $1`
	}
	var n int
	if err := db.QueryRowContext(ctx, exists, s.table()).Scan(&n); err != nil || n == 0 {
		return nil, err
	}
	rows, err := store.ListMigrations(ctx, db)
	if err != nil {
		return nil, err
	}
	taken := make(map[int64]bool, len(rows))
	for _, row := range rows {
		if _, seen := taken[row.Version]; !seen { // the newest note of a step counts
			taken[row.Version] = row.IsApplied
		}
	}
	return taken, nil
}

func (s Schema) table() string {
	if s.Table == "" {
		return goose.DefaultTablename
	}
	return s.Table
}
