package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// OpenSQLite opens the database at path, which it makes with mode 0600 when there is none. One connection writes, several read, and
// others only look tokens up; deleted content is overwritten, and a commit is on disk before it is reported.
func OpenSQLite(ctx context.Context, path string) (*DB, error) {
	write, err := connectSQLite(path)
	if err != nil {
		return nil, err
	}
	if err := bring(ctx, write, sqliteDialect()); err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read, err := readSQLite(path)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	lookups, err := readSQLite(path)
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	db, err := newDB(ctx, lookups, read, write, sqliteDialect())
	if err != nil {
		return nil, err
	}
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// CheckSQLite says whether there is a database at path with the schema that this binary needs. It changes nothing.
func CheckSQLite(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("store: there is no database yet, `sando migrate` makes it: %w", err)
	}
	read, err := readSQLite(path)
	if err != nil {
		return err
	}
	return errors.Join(current(ctx, read, sqliteDialect()), read.Close())
}

// connectSQLite opens the writing connection.
func connectSQLite(path string) (*sql.DB, error) {
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
	write, err := sql.Open("sqlite", dsn(path, "journal_mode(WAL)"))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	write.SetMaxOpenConns(1)
	return write, nil
}

// readerCache is what a reading connection adds to the pages that SQLite keeps, in KiB. The connections of a process share one allowance, the sum of
// theirs: with SQLite's own 2,000 for each of nine, it would go on filling for hours, with what the system's page cache holds as well. The writer keeps its
// 2,000: appends go to the same pages again and again.
const readerCache = "cache_size(-256)"

// readSQLite makes a pool of connections that read.
func readSQLite(path string) (*sql.DB, error) {
	read, err := sql.Open("sqlite", dsn(path, "query_only(1)", readerCache))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	readers := max(4, runtime.NumCPU())
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return read, nil
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	// The time to wait comes first: switching to WAL may have to wait already.
	q.Add("_pragma", "busy_timeout(10000)")
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	q.Add("_pragma", "synchronous(FULL)")
	q.Add("_pragma", "foreign_keys(1)")
	q.Add("_pragma", "secure_delete(1)")
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
}

func sqliteDialect() dialect {
	return dialect{
		name:  "sqlite",
		local: true,
		duplicate: func(err error) bool {
			code := sqliteCode(err)
			return code == sqlite3.SQLITE_CONSTRAINT_UNIQUE || code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
		},
		// A writer waits for its turn, so nothing is lost by a conflict.
		retry: func(error) bool { return false },
	}
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}
