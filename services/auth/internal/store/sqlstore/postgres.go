package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/sando-dev/sando/kit/postgres"
)

const (
	// maxConnections is how many connections one process takes; several replicas share the server's.
	maxConnections = 24
	// connectWithin bounds the opening of a connection where the URL does not (connect_timeout): who wants one may have left, but the next one needs it.
	connectWithin = 10 * time.Second
	// connectionLife lets balancers in front of a cluster move connections.
	connectionLife = 30 * time.Minute
)

// OpenPostgres opens a database that has been migrated; an older schema is an error.
func OpenPostgres(ctx context.Context, url string) (*DB, error) {
	pool, err := connectPostgres(ctx, url, postgres.Bound)
	if err != nil {
		return nil, err
	}
	if err := current(ctx, pool, postgresDialect()); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return newDB(ctx, pool, pool, pool, postgresDialect())
}

// CheckPostgres says whether a database answers and has the schema that this binary needs. It changes nothing.
func CheckPostgres(ctx context.Context, url string) error {
	pool, err := connectPostgres(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(current(ctx, pool, postgresDialect()), pool.Close())
}

// MigratePostgres brings the schema to the newest version. Processes that do so at once wait for each other.
func MigratePostgres(ctx context.Context, url string) error {
	pool, err := connectPostgres(ctx, url)
	if err != nil {
		return err
	}
	return errors.Join(bring(ctx, pool, postgresDialect()), pool.Close())
}

func connectPostgres(ctx context.Context, url string, bound ...func(parameters map[string]string)) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		// The driver's own error could quote the URL, which holds a password.
		return nil, errors.New("store: the postgres URL cannot be read")
	}
	for _, f := range bound {
		f(cfg.RuntimeParams)
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = connectWithin
	}
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(maxConnections)
	pool.SetMaxIdleConns(maxConnections)
	pool.SetConnMaxLifetime(connectionLife)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store: postgres: %w", err), pool.Close())
	}
	return pool, nil
}

func postgresDialect() dialect {
	return dialect{
		name:     "postgres",
		lock:     " FOR UPDATE",
		bytewise: ` COLLATE "C"`,
		duplicate: func(err error) bool {
			return postgresCode(err) == "23505" // unique_violation
		},
		retry: func(err error) bool {
			code := postgresCode(err)
			return code == "40001" || code == "40P01" // serialization_failure, deadlock_detected
		},
		// The driver calls some errors safe to retry that come after the commit was sent, so nothing but the server's own word counts.
		refused: func(err error) bool {
			_, answered := postgres.Answered(err)
			return answered
		},
	}
}

func postgresCode(err error) string {
	state, _ := postgres.Answered(err)
	return state
}
