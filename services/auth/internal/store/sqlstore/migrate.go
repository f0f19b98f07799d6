package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the schema to the newest version.
func migrate(ctx context.Context, db *sql.DB, dialect string, opts ...goose.ProviderOption) error {
	p, err := provider(db, dialect, opts...)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	return nil
}

// current refuses a schema that is older than this binary needs.
func current(ctx context.Context, db *sql.DB, dialect string) error {
	p, err := provider(db, dialect)
	if err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if pending {
		return fmt.Errorf("store: the database schema is older than this version needs; run `sando migrate`")
	}
	return nil
}

func provider(db *sql.DB, dialect string, opts ...goose.ProviderOption) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations/"+dialect)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	kind := goose.DialectSQLite3
	if dialect == "postgres" {
		kind = goose.DialectPostgres
	}
	p, err := goose.NewProvider(kind, db, files, opts...)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return p, nil
}
