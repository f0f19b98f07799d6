package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/sando-dev/sando/kit/migrate"
)

//go:embed migrations
var migrations embed.FS

// bring brings the schema to the newest version.
func bring(ctx context.Context, db *sql.DB, d dialect) error {
	s, err := d.schema()
	if err != nil {
		return err
	}
	if err := s.Up(ctx, db); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// current refuses a schema that is older than this binary needs. It changes nothing.
func current(ctx context.Context, db *sql.DB, d dialect) error {
	s, err := d.schema()
	if err != nil {
		return err
	}
	if err := s.Check(ctx, db); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// schema is what the tables are made by.
func (d dialect) schema() (migrate.Schema, error) {
	files, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return migrate.Schema{}, fmt.Errorf("store: %w", err)
	}
	kind := goose.DialectSQLite3
	if d.name == "postgres" {
		kind = goose.DialectPostgres
	}
	return migrate.Schema{Dialect: kind, Files: files}, nil
}
