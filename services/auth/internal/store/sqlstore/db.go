// Package sqlstore keeps auth's state in SQLite or PostgreSQL. Both run the same statements: times are integers of microseconds (0 is
// never), lists are JSON, placeholders are $1.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// DB is a store in a SQL database.
type DB struct {
	reader
	write   *sql.DB
	dialect dialect
	// identify finds the owner of a secret, on lookups.
	identify *sql.Stmt
	lookups  *sql.DB
	// limit bounds an operation; 0 does not. Reading within the process needs no bound, so that the reader has its own.
	limit time.Duration
	// follow finds what was revoked, on lookups; may be nil.
	follow *sql.Stmt
	// statements are what transactions run most; may be nil.
	statements statements
}

var _ store.Store = (*DB)(nil)

// dialect is what the two databases do differently.
type dialect struct {
	name string
	// local says that a look-up by key is answered within the process, in microseconds.
	local bool
	// lock ends a SELECT whose row must not change before the end of the transaction.
	lock string
	// bytewise follows a text that is compared by its bytes, as Go does, where that is not how the database compares.
	bytewise string
	// duplicate recognises a row that exists already.
	duplicate func(error) bool
	// retry recognises a transaction that lost against another and may be run again.
	retry func(error) bool
	// refused recognises a commit that the database has answered: it did not take effect.
	refused func(error) bool
}

// newDB prepares what is asked for on every introspection. The pools may be one and the same.
func newDB(ctx context.Context, lookups, read, write *sql.DB, d dialect) (*DB, error) {
	identify, err := lookups.PrepareContext(ctx, selectIdentity+" WHERE s.hash = $1")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: prepare: %w", err), lookups.Close(), read.Close(), write.Close())
	}
	db := &DB{reader: reader{q: read, bytewise: d.bytewise}, write: write, dialect: d, identify: identify, lookups: lookups}
	if !store.IsPatient(ctx) {
		db.limit = answerWithin
	}
	if !d.local {
		db.reader.limit = db.limit
	}
	return db, nil
}

// Close closes the database.
func (db *DB) Close() error {
	err := errors.Join(db.identify.Close(), db.statements.close(), db.write.Close())
	if db.follow != nil {
		err = errors.Join(err, db.follow.Close())
	}
	if pool, ok := db.q.(*sql.DB); ok && pool != db.write {
		err = errors.Join(err, pool.Close())
	}
	if db.lookups != db.write {
		err = errors.Join(err, db.lookups.Close())
	}
	return err
}

// TokenByHash finds the owner of a secret by the prepared statement.
func (db *DB) TokenByHash(ctx context.Context, hash []byte) (store.Identity, error) {
	ctx, cancel, err := db.brief(ctx)
	if err != nil {
		return store.Identity{}, fmt.Errorf("store: token: %w", err)
	}
	defer cancel()
	id, err := scanIdentity(db.identify.QueryRowContext(ctx, hash))
	return id, judged(ctx, err)
}

// Events reads events by the prepared statement, if there is one: every introspection catches up first.
func (db *DB) Events(ctx context.Context, after int64, limit int) ([]store.Event, error) {
	if db.follow == nil {
		return db.reader.Events(ctx, after, limit)
	}
	ctx, cancel, err := db.brief(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: events: %w", err)
	}
	defer cancel()
	rows, err := db.follow.QueryContext(ctx, after, limit)
	all, err := gather("events", scanEvent, rows, err)
	return all, judged(ctx, err)
}

// brief is the context of a look-up by key. Where the database is local, two goroutines that wait for the end of the context would cost more than
// the look-up, and its pool has nothing that it could have to wait for.
func (db *DB) brief(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if db.dialect.local {
		return context.WithoutCancel(ctx), func() {}, ctx.Err()
	}
	ctx, cancel := within(ctx, db.limit)
	return ctx, cancel, nil
}

// attempts bounds how often a transaction is run.
const attempts = 5

// Update runs f in one transaction.
func (db *DB) Update(ctx context.Context, f func(store.Writer) error) error {
	bounded, cancel := within(ctx, db.limit)
	defer cancel()
	for n := 1; ; n++ {
		err := db.once(ctx, bounded, f)
		switch {
		case err == nil:
			return nil
		case n < attempts && (db.dialect.retry(err) || store.IsPatient(ctx) && locked(err)):
			continue
		case db.dialect.duplicate(err):
			return fmt.Errorf("%w: %w", store.ErrConflict, err)
		default:
			return judged(bounded, err)
		}
	}
}

// once tries a transaction. All of it is bounded, but within the process no more than the wait for the one connection that writes: what a transaction
// does there takes no time, and its statements would wait for the end of the context at a cost.
func (db *DB) once(ctx, bounded context.Context, f func(store.Writer) error) error {
	conn, err := db.write.Conn(bounded)
	if err != nil {
		return fmt.Errorf("store: connect: %w", err)
	}
	defer conn.Close()
	if !db.dialect.local {
		ctx = bounded
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("store: begin: %w", err)
	}
	// After a commit this does nothing.
	defer func() { _ = tx.Rollback() }()
	// f has the context of the caller, which may outlive the transaction's.
	if err := f(writer{reader{q: prepared{tx, ctx, db.statements}, lock: db.dialect.lock, bytewise: db.dialect.bytewise}}); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store: commit: %w", err)
	}
	if err := tx.Commit(); err != nil {
		err = fmt.Errorf("store: commit: %w", err)
		if !db.dialect.refused(err) {
			return store.InDoubt(err)
		}
		return err
	}
	return nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// reader looks, in a transaction or outside of one.
type reader struct {
	q              querier
	lock, bytewise string
	// limit bounds an operation outside of a transaction; 0 does not.
	limit time.Duration
}

// writer changes, in a transaction.
type writer struct{ reader }

var _ store.Writer = writer{}

// exec runs a statement that changes at least one row; none is ErrNotFound.
func (w writer) exec(ctx context.Context, what, query string, args ...any) error {
	n, err := w.count(ctx, what, query, args...)
	if err == nil && n == 0 {
		return store.ErrNotFound
	}
	return err
}

// count runs a statement and says how many rows it changed.
func (w writer) count(ctx context.Context, what, query string, args ...any) (int64, error) {
	res, err := w.q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("store: %s: %w", what, err)
	}
	return res.RowsAffected()
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// collect reads all rows of a query.
func collect[T any](ctx context.Context, r reader, what string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	ctx, cancel := within(ctx, r.limit)
	defer cancel()
	rows, err := r.q.QueryContext(ctx, query, args...)
	all, err := gather(what, scan, rows, err)
	return all, judged(ctx, err)
}

// one reads the row of a query.
func one[T any](ctx context.Context, r reader, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	ctx, cancel := within(ctx, r.limit)
	defer cancel()
	v, err := scan(r.q.QueryRowContext(ctx, query, args...))
	return v, judged(ctx, err)
}

// gather reads the rows that a query has answered, and closes them.
func gather[T any](what string, scan func(scanner) (T, error), rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, fmt.Errorf("store: %s: %w", what, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: %s: %w", what, err)
	}
	return all, nil
}

// scanText reads a row of one text.
func scanText(row scanner) (string, error) {
	var s string
	err := row.Scan(&s)
	return s, err
}

// scanBytes reads a row of some bytes.
func scanBytes(row scanner) ([]byte, error) {
	var b []byte
	return b, found("bytes", row.Scan(&b))
}

// scanNumber reads a row of one number.
func scanNumber(row scanner) (int64, error) {
	var n int64
	return n, found("number", row.Scan(&n))
}

// found turns the absence of a row into ErrNotFound.
func found(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	default:
		return fmt.Errorf("store: %s: %w", what, err)
	}
}

// micros is a time as it is stored; zero is never.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment reads a stored time.
type moment struct{ t *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(v any) error {
	us, ok := v.(int64)
	if !ok {
		return fmt.Errorf("store: a time is stored as %T", v)
	}
	*m.t = time.Time{}
	if us != 0 {
		*m.t = time.UnixMicro(us).UTC()
	}
	return nil
}
