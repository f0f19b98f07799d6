// Package sqlstore keeps override versions in SQLite or PostgreSQL. Both run the same statements.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/sando-dev/sando/kit/postgres"
	"github.com/sando-dev/sando/services/unified/internal/store"
)

// DB is a store in a SQL database.
type DB struct {
	db *sql.DB
	// remote says that a server has the database, which may go away between a commit and its answer.
	remote bool
}

var _ store.Store = (*DB)(nil)

// Close closes the database.
func (d *DB) Close() error { return d.db.Close() }

const columns = `id, environment_id, integrated_account_id, model, resource, number, revision, body, author, reason, created_at`

// Append stores a version. The update of the revision comes first: its row lock makes writers take turns.
func (d *DB) Append(ctx context.Context, v store.Version, expected *int32) (store.Version, error) {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return v, fmt.Errorf("store: begin: %w", err)
	}
	// After a commit this does nothing.
	defer func() { _ = tx.Rollback() }()
	if err := tx.QueryRowContext(ctx, `UPDATE revision SET newest = newest + 1 RETURNING newest`).Scan(&v.Revision); err != nil {
		return v, fmt.Errorf("store: revision: %w", err)
	}
	var current int32
	err = tx.QueryRowContext(ctx, `SELECT coalesce(max(number), 0) FROM override_version
		WHERE environment_id = $1 AND integrated_account_id = $2 AND model = $3 AND resource = $4`,
		v.Environment, v.Account, v.Model, v.Resource).Scan(&current)
	if err != nil {
		return v, fmt.Errorf("store: current number: %w", err)
	}
	if expected != nil && *expected != current {
		return v, fmt.Errorf("%w: %d instead of %d", store.ErrConflict, current, *expected)
	}
	v.Number = current + 1
	v.CreatedAt = v.CreatedAt.UTC().Truncate(time.Microsecond)
	_, err = tx.ExecContext(ctx, `INSERT INTO override_version (`+columns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`,
		v.ID, v.Environment, v.Account, v.Model, v.Resource, v.Number, v.Revision, v.Body, v.Author, v.Reason, v.CreatedAt.UnixMicro())
	if err != nil {
		return v, fmt.Errorf("store: insert: %w", err)
	}
	if err := tx.Commit(); err != nil {
		if _, refused := postgres.Answered(err); refused || !d.remote {
			return v, fmt.Errorf("store: commit: %w", err)
		}
		return v, fmt.Errorf("%w: commit: %w", store.ErrInDoubt, err)
	}
	return v, nil
}

// Revision is the newest revision.
func (d *DB) Revision(ctx context.Context) (int64, error) {
	var n int64
	if err := d.db.QueryRowContext(ctx, `SELECT newest FROM revision`).Scan(&n); err != nil {
		return 0, fmt.Errorf("store: revision: %w", err)
	}
	return n, nil
}

// Since lists the current versions of the scopes that changed.
func (d *DB) Since(ctx context.Context, revision int64) ([]store.Version, error) {
	return d.list(ctx, `SELECT `+columns+` FROM override_version v WHERE revision > $1 AND NOT EXISTS (
		SELECT 1 FROM override_version n WHERE n.environment_id = v.environment_id AND n.integrated_account_id = v.integrated_account_id
			AND n.model = v.model AND n.resource = v.resource AND n.number > v.number)
		ORDER BY revision`, revision)
}

// Version finds one version.
func (d *DB) Version(ctx context.Context, s store.Scope, number int32) (store.Version, error) {
	v, err := scan(d.db.QueryRowContext(ctx, `SELECT `+columns+` FROM override_version
		WHERE environment_id = $1 AND integrated_account_id = $2 AND model = $3 AND resource = $4 AND number = $5`,
		s.Environment, s.Account, s.Model, s.Resource, number))
	if errors.Is(err, sql.ErrNoRows) {
		return v, store.ErrNotFound
	}
	return v, err
}

// Versions lists versions, newest first.
func (d *DB) Versions(ctx context.Context, q store.Query) ([]store.Version, error) {
	before := q.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	return d.list(ctx, `SELECT `+columns+` FROM override_version
		WHERE environment_id = $1 AND integrated_account_id IN ('', $2) AND model = $3 AND resource = $4 AND revision < $5
		ORDER BY revision DESC LIMIT $6`,
		q.Environment, q.Account, q.Model, q.Resource, before, q.Limit)
}

func (d *DB) list(ctx context.Context, query string, args ...any) ([]store.Version, error) {
	rows, err := d.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer rows.Close()
	var all []store.Version
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return all, nil
}

func scan(row interface{ Scan(...any) error }) (v store.Version, err error) {
	var micros int64
	err = row.Scan(&v.ID, &v.Environment, &v.Account, &v.Model, &v.Resource, &v.Number, &v.Revision, &v.Body, &v.Author, &v.Reason, &micros)
	if err != nil {
		return v, fmt.Errorf("store: %w", err)
	}
	v.CreatedAt = time.UnixMicro(micros).UTC()
	return v, nil
}
