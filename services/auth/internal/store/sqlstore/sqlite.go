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
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// OpenSQLite opens the database at path, which it makes with mode 0600 when there is none. One connection writes, several read, and
// others only look tokens up; deleted content is overwritten, and a commit is on disk before it is reported.
func OpenSQLite(ctx context.Context, path string) (*DB, error) {
	if err := bringSQLite(ctx, path); err != nil {
		return nil, err
	}
	wait := answerWithin
	if store.IsPatient(ctx) {
		wait = lockWithin
	}
	write, err := connectSQLite(path, wait)
	if err != nil {
		return nil, err
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

// bringSQLite makes the database, or brings it up to date; another process may be doing the same.
func bringSQLite(ctx context.Context, path string) error {
	write, err := connectSQLite(path, lockWithin)
	if err != nil {
		return err
	}
	return errors.Join(bring(ctx, write, sqliteDialect()), write.Close())
}

// lockWithin is how long those who can wait do so for another process that holds the database.
const lockWithin = 10 * time.Second

// connectSQLite opens the writing connection.
func connectSQLite(path string, wait time.Duration) (*sql.DB, error) {
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
	write, err := sql.Open("sqlite", dsn(path, wait, "journal_mode(WAL)"))
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
	read, err := sql.Open("sqlite", dsn(path, lockWithin, "query_only(1)", readerCache))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	readers := max(4, runtime.NumCPU())
	read.SetMaxOpenConns(readers)
	read.SetMaxIdleConns(readers)
	return read, nil
}

func dsn(path string, wait time.Duration, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	// The time to wait comes first: switching to WAL may have to wait already.
	q.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()))
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
		// Whatever a commit answers but success, it was not made, or is undone when the file is next opened.
		refused: func(error) bool { return true },
	}
}

func sqliteCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return 0
}
