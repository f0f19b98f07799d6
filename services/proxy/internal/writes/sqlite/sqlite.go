// Package sqlite keeps write records in an SQLite file: the store of a single
// process, and the embedded default.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"github.com/sando-dev/sando/kit/migrate"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is a writes.Store in a file. Transactions go through one connection,
// reads through others.
type Store struct{ write, read *sql.DB }

// Migrate makes or updates the file.
func Migrate(ctx context.Context, path string) error {
	// The file is for its owner only; SQLite gives its companions the same mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	db, err := connect(path, 1, wal)
	if err != nil {
		return err
	}
	return errors.Join(withSchema(func(s migrate.Schema) error { return s.Up(ctx, db) }), db.Close())
}

// Check says whether there is a file that has been brought up to date. It
// changes nothing.
func Check(ctx context.Context, path string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("write records: there is no database yet, `sando migrate` makes it: %w", err)
	}
	db, err := connect(path, 1, "query_only(1)")
	if err != nil {
		return err
	}
	return errors.Join(current(ctx, db), db.Close())
}

// Open opens a file that Migrate has brought up to date.
func Open(ctx context.Context, path string) (*Store, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("write records: %w", err)
	}
	write, err := connect(path, 1, wal)
	if err != nil {
		return nil, err
	}
	read, err := connect(path, 4, wal)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	s := &Store{write, read}
	if err := current(ctx, write); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// cache is what a connection adds to the pages that SQLite keeps for the
// process, in KiB, instead of 2,000: rows are written, changed twice and hardly
// read again, and the system's page cache holds them as well.
const cache = "cache_size(-512)"

// wal lets readers go on while one writes.
const wal = "journal_mode(WAL)"

// connect opens path. A commit is on the disk when it returns.
func connect(path string, conns int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{
		"_pragma": append([]string{"busy_timeout(5000)", "synchronous(FULL)", cache}, pragmas...),
		"_txlock": {"immediate"},
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("write records: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// current refuses a file that has not been brought up to date.
func current(ctx context.Context, db *sql.DB) error {
	return withSchema(func(s migrate.Schema) error { return s.Check(ctx, db) })
}

// withSchema hands out what the tables are made by.
func withSchema(use func(migrate.Schema) error) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := use(migrate.Schema{Dialect: goose.DialectSQLite3, Files: files, Table: "writes_version"}); err != nil {
		return fmt.Errorf("write records: %w", err)
	}
	return nil
}

// Apply takes all steps in one transaction.
func (s *Store) Apply(ctx context.Context, ops []writes.Op) (_ []writes.Result, err error) {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	results := make([]writes.Result, len(ops))
	for i, op := range ops {
		if results[i], err = step(ctx, tx, op); err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return results, nil
}

func step(ctx context.Context, tx *sql.Tx, op writes.Op) (writes.Result, error) {
	text, args := statement(op)
	done, err := tx.ExecContext(ctx, text, args...)
	if err != nil {
		return writes.Result{}, err
	}
	n, err := done.RowsAffected()
	if err != nil || n > 0 {
		return writes.Result{Applied: n > 0}, err
	}
	row, _, err := scan(tx.QueryRowContext(ctx, selectRow+" WHERE id = ?", op.Row.ID[:]))
	return writes.Result{Row: row}, err
}

func statement(op writes.Op) (text string, args []any) {
	r := op.Row
	if op.Verb == writes.Insert {
		return `INSERT INTO writes (id, environment, account, operation, body_digest, owner, state, answer, created_ms, changed_ms)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
			[]any{
				r.ID[:], r.Environment, r.Account, r.Operation, r.Digest[:], r.Owner, string(r.State), r.Answer,
				r.Created.UnixMilli(), r.Changed.UnixMilli(),
			}
	}
	from := [2]string{} // a state that is not given matches none
	for i, state := range op.From {
		from[i] = string(state)
	}
	if op.Verb == writes.Delete {
		return `DELETE FROM writes WHERE id = ? AND owner = ? AND state IN (?, ?)`, []any{r.ID[:], op.Owner, from[0], from[1]}
	}
	return `UPDATE writes SET owner = ?, state = ?, answer = ?, changed_ms = ? WHERE id = ? AND owner = ? AND state IN (?, ?)`,
		[]any{r.Owner, string(r.State), r.Answer, r.Changed.UnixMilli(), r.ID[:], op.Owner, from[0], from[1]}
}

const selectRow = `SELECT id, environment, account, operation, body_digest, owner, state, answer, created_ms, changed_ms FROM writes`

func scan(found *sql.Row) (row writes.Row, ok bool, err error) {
	var (
		key, digest      []byte
		created, changed int64
	)
	err = found.Scan(&key, &row.Environment, &row.Account, &row.Operation, &digest, &row.Owner, &row.State, &row.Answer, &created, &changed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return writes.Row{}, false, nil
	case err != nil:
		return writes.Row{}, false, err
	}
	copy(row.ID[:], key)
	copy(row.Digest[:], digest)
	row.Created, row.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return row, true, nil
}

// Read gives a row.
func (s *Store) Read(ctx context.Context, id writes.ID) (writes.Row, bool, error) {
	return scan(s.read.QueryRowContext(ctx, selectRow+" WHERE id = ?", id[:]))
}

// Newest gives the row with an answer that changed last.
func (s *Store) Newest(ctx context.Context, since time.Time) (writes.Row, bool, error) {
	return scan(s.read.QueryRowContext(ctx, selectRow+" WHERE state = 'done' AND answer <> '' AND changed_ms >= ? ORDER BY changed_ms DESC LIMIT 1",
		since.UnixMilli()))
}

// Beat records that owner lives until the time given.
func (s *Store) Beat(ctx context.Context, owner string, until time.Time) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO write_owners (owner, until_ms) VALUES (?, ?)
		ON CONFLICT (owner) DO UPDATE SET until_ms = excluded.until_ms`, owner, until.UnixMilli())
	return err
}

// Alive gives the time until which owner lives.
func (s *Store) Alive(ctx context.Context, owner string) (time.Time, error) {
	var until int64
	err := s.read.QueryRowContext(ctx, `SELECT until_ms FROM write_owners WHERE owner = ?`, owner).Scan(&until)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	}
	return time.UnixMilli(until).UTC(), nil
}

// Purge removes old rows and owners.
func (s *Store) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	done, err := s.write.ExecContext(ctx, `DELETE FROM writes WHERE id IN
		(SELECT id FROM writes WHERE state IN ('begun', 'done') AND changed_ms < ? ORDER BY changed_ms LIMIT ?)`, before.UnixMilli(), limit)
	if err != nil {
		return 0, err
	}
	n, err := done.RowsAffected()
	if err != nil {
		return 0, err
	}
	_, err = s.write.ExecContext(ctx, `DELETE FROM write_owners WHERE owner IN
		(SELECT owner FROM write_owners WHERE until_ms < ? LIMIT ?)`, before.UnixMilli(), limit)
	return int(n), err
}

// Close closes the file.
func (s *Store) Close() error { return errors.Join(s.write.Close(), s.read.Close()) }
