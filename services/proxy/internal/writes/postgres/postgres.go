// Package postgres keeps write records in PostgreSQL, in a schema of their
// own: the store of several processes.
package postgres

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/sando-dev/sando/kit/migrate"
	"github.com/sando-dev/sando/kit/postgres"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
)

//go:embed migrations/*.sql
var migrations embed.FS

// errURL says no more, because pgx's text may show the password.
var errURL = errors.New("write records: the database's address cannot be read")

// Store is a writes.Store in a database.
type Store struct{ pool *pgxpool.Pool }

// Migrate makes or updates the schema. Its role needs the right to create one.
func Migrate(ctx context.Context, dsn string) error {
	return withSchema(dsn, func(s migrate.Schema, db *sql.DB) error { return s.Up(ctx, db) })
}

// Check says whether a database answers and has been brought up to date. It
// changes nothing.
func Check(ctx context.Context, dsn string) error {
	return withSchema(dsn, func(s migrate.Schema, db *sql.DB) error { return s.Check(ctx, db) })
}

// Open opens a database that Migrate has brought up to date.
func Open(ctx context.Context, dsn string) (*Store, error) {
	if err := Check(ctx, dsn); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errURL
	}
	postgres.Bound(cfg.ConnConfig.RuntimeParams)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("write records: %w", err)
	}
	return &Store{pool}, nil
}

// withSchema hands out a connection, and what the tables are made by.
func withSchema(dsn string, use func(migrate.Schema, *sql.DB) error) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return errURL
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*cfg)
	err = use(migrate.Schema{Dialect: goose.DialectPostgres, Files: files, Table: "proxy_writes_version"}, db)
	if err != nil {
		err = fmt.Errorf("write records: %w", err)
	}
	return errors.Join(err, db.Close())
}

// Apply takes all steps in one round trip and one transaction: a batch that
// names none is one. Rows are locked in the order of their ids, so that two
// processes never wait for each other.
func (s *Store) Apply(ctx context.Context, ops []writes.Op) ([]writes.Result, error) {
	order := make([]int, len(ops))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return bytes.Compare(ops[a].Row.ID[:], ops[b].Row.ID[:]) })
	batch := new(pgx.Batch)
	results := make([]writes.Result, len(ops))
	var refused []int
	for _, i := range order {
		text, args := statement(ops[i])
		batch.Queue(text, args...)
	}
	sent := s.pool.SendBatch(ctx, batch)
	var failed error
	for _, i := range order {
		tag, err := sent.Exec()
		if failed = err; failed != nil {
			break
		}
		if results[i].Applied = tag.RowsAffected() > 0; !results[i].Applied {
			refused = append(refused, i)
		}
	}
	if err := errors.Join(failed, sent.Close()); err != nil {
		return nil, err
	}
	return results, s.obstacles(ctx, ops, refused, results)
}

// obstacles reads the rows that stood in the way.
func (s *Store) obstacles(ctx context.Context, ops []writes.Op, refused []int, results []writes.Result) error {
	for _, i := range refused {
		row, _, err := s.Read(ctx, ops[i].Row.ID)
		if err != nil {
			return err
		}
		results[i].Row = row
	}
	return nil
}

func statement(op writes.Op) (text string, args []any) {
	r := op.Row
	from := make([]string, len(op.From))
	for i, state := range op.From {
		from[i] = string(state)
	}
	switch op.Verb {
	case writes.Insert:
		return `INSERT INTO proxy.writes (id, environment, account, operation, body_digest, owner, state, answer, created_ms, changed_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
			[]any{
				r.ID[:], r.Environment, r.Account, r.Operation, r.Digest[:], r.Owner, string(r.State), r.Answer,
				r.Created.UnixMilli(), r.Changed.UnixMilli(),
			}
	case writes.Delete:
		return `DELETE FROM proxy.writes WHERE id = $1 AND owner = $2 AND state = ANY ($3)`, []any{r.ID[:], op.Owner, from}
	default:
		return `UPDATE proxy.writes SET owner = $1, state = $2, answer = $3, changed_ms = $4
			WHERE id = $5 AND owner = $6 AND state = ANY ($7)`,
			[]any{r.Owner, string(r.State), r.Answer, r.Changed.UnixMilli(), r.ID[:], op.Owner, from}
	}
}

const selectRow = `SELECT id, environment, account, operation, body_digest, owner, state, answer, created_ms, changed_ms FROM proxy.writes`

// Read gives a row.
func (s *Store) Read(ctx context.Context, id writes.ID) (writes.Row, bool, error) {
	return scan(s.pool.QueryRow(ctx, selectRow+" WHERE id = $1", id[:]))
}

// Newest gives the row with an answer that changed last.
func (s *Store) Newest(ctx context.Context, since time.Time) (writes.Row, bool, error) {
	return scan(s.pool.QueryRow(ctx, selectRow+" WHERE state = 'done' AND answer <> '' AND changed_ms >= $1 ORDER BY changed_ms DESC LIMIT 1",
		since.UnixMilli()))
}

func scan(found pgx.Row) (row writes.Row, ok bool, err error) {
	var (
		key, digest      []byte
		created, changed int64
	)
	err = found.Scan(&key, &row.Environment, &row.Account, &row.Operation, &digest, &row.Owner, &row.State, &row.Answer, &created, &changed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return writes.Row{}, false, nil
	case err != nil:
		return writes.Row{}, false, err
	}
	copy(row.ID[:], key)
	copy(row.Digest[:], digest)
	row.Created, row.Changed = time.UnixMilli(created).UTC(), time.UnixMilli(changed).UTC()
	return row, true, nil
}

// Beat records that owner lives until the time given.
func (s *Store) Beat(ctx context.Context, owner string, until time.Time) error {
	_, err := s.pool.Exec(ctx, `INSERT INTO proxy.write_owners (owner, until_ms) VALUES ($1, $2)
		ON CONFLICT (owner) DO UPDATE SET until_ms = excluded.until_ms`, owner, until.UnixMilli())
	return err
}

// Alive gives the time until which owner lives.
func (s *Store) Alive(ctx context.Context, owner string) (time.Time, error) {
	var until int64
	err := s.pool.QueryRow(ctx, `SELECT until_ms FROM proxy.write_owners WHERE owner = $1`, owner).Scan(&until)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return time.Time{}, nil
	case err != nil:
		return time.Time{}, err
	}
	return time.UnixMilli(until).UTC(), nil
}

// Purge removes old rows and owners.
func (s *Store) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, `DELETE FROM proxy.writes WHERE id IN
		(SELECT id FROM proxy.writes WHERE state IN ('begun', 'done') AND changed_ms < $1
		 ORDER BY changed_ms LIMIT $2 FOR UPDATE SKIP LOCKED)`, before.UnixMilli(), limit)
	if err != nil {
		return 0, err
	}
	_, err = s.pool.Exec(ctx, `DELETE FROM proxy.write_owners WHERE owner IN
		(SELECT owner FROM proxy.write_owners WHERE until_ms < $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, before.UnixMilli(), limit)
	return int(tag.RowsAffected()), err
}

// Close closes the connections.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}
