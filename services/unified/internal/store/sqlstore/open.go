package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named sqlite

	"github.com/sando-dev/sando/kit/migrate"
	"github.com/sando-dev/sando/kit/postgres"
)

//go:embed migrations
var migrations embed.FS

// Schema is the PostgreSQL schema that unified keeps its tables in, so that it can share a database with other services.
const Schema = "sando_unified"

// OpenSQLite opens the database file at path, which it makes with mode 0600 and migrates.
func OpenSQLite(ctx context.Context, path string) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db, err := connectSQLite(path, "journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	if err := bring(ctx, db, goose.DialectSQLite3, "sqlite"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &DB{db: db}, nil
}

// CheckSQLite says whether there is a database at path with the schema that this binary needs. It changes nothing.
func CheckSQLite(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("store: there is no database yet, `sando migrate` makes it: %w", err)
	}
	db, err := connectSQLite(path, "query_only(1)")
	if err != nil {
		return err
	}
	return errors.Join(current(ctx, db, goose.DialectSQLite3, "sqlite"), db.Close())
}

// cache is what a connection adds to the pages that SQLite keeps for the process, in KiB, instead of 2,000: overrides are few, and held in memory besides.
const cache = "cache_size(-256)"

func connectSQLite(path string, pragmas ...string) (*sql.DB, error) {
	query := url.Values{
		"_txlock": {"immediate"},
		"_pragma": append([]string{"busy_timeout(2000)", "synchronous(FULL)", cache}, pragmas...),
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+strings.ReplaceAll(query.Encode(), "+", "%20"))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db.SetMaxOpenConns(4)
	return db, nil
}

// OpenPostgres connects to a migrated database; see MigratePostgres.
func OpenPostgres(ctx context.Context, dsn string) (*DB, error) {
	db, err := connect(dsn, postgres.Bound)
	if err != nil {
		return nil, err
	}
	if err := current(ctx, db, goose.DialectPostgres, "postgres"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &DB{db: db, remote: true}, nil
}

// CheckPostgres says whether a database answers and has the schema that this binary needs. It changes nothing.
func CheckPostgres(ctx context.Context, dsn string) error {
	db, err := connect(dsn)
	if err != nil {
		return err
	}
	return errors.Join(current(ctx, db, goose.DialectPostgres, "postgres"), db.Close())
}

// MigratePostgres makes the schema or brings it up to date. It needs the right to create; serving processes do not.
func MigratePostgres(ctx context.Context, dsn string) error {
	db, err := connect(dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA IF NOT EXISTS `+Schema); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return bring(ctx, db, goose.DialectPostgres, "postgres")
}

func connect(dsn string, bound ...func(parameters map[string]string)) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error of the parser may repeat the password.
		return nil, errors.New("store: the postgres:// URL cannot be read")
	}
	cfg.RuntimeParams["search_path"] = Schema
	for _, f := range bound {
		f(cfg.RuntimeParams)
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(8)
	return db, nil
}

// bring brings the schema to the newest version.
func bring(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string) error {
	s, err := schema(dialect, folder)
	if err != nil {
		return err
	}
	if err := s.Up(ctx, db); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// current refuses a schema that is older than this binary needs. It changes nothing.
func current(ctx context.Context, db *sql.DB, dialect goose.Dialect, folder string) error {
	s, err := schema(dialect, folder)
	if err != nil {
		return err
	}
	if err := s.Check(ctx, db); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// schema is what the tables are made by.
func schema(dialect goose.Dialect, folder string) (migrate.Schema, error) {
	files, err := fs.Sub(migrations, "migrations/"+folder)
	if err != nil {
		return migrate.Schema{}, fmt.Errorf("store: %w", err)
	}
	return migrate.Schema{Dialect: dialect, Files: files}, nil
}
