package proxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/postgres"
	"github.com/sando-dev/sando/services/proxy/internal/writes/sqlite"
)

// openBudget makes the rate budget that a configuration asks for.
func openBudget(cfg RateConfig, log *slog.Logger) (budget.Budget, error) {
	o := budget.Options{Replicas: cfg.Replicas, Log: log}
	if cfg.ValkeyURL == "" {
		return budget.NewMemory(o), nil
	}
	client, err := dialValkey(cfg)
	if err != nil {
		return nil, err
	}
	return closing{Budget: budget.NewValkey(o, client), client: client}, nil
}

// dialValkey makes a client, which connects when it is used.
func dialValkey(cfg RateConfig) (*redis.Client, error) {
	options, err := redis.ParseURL(cfg.ValkeyURL.Reveal())
	if err != nil {
		// The error repeats the URL, and with it the password.
		return nil, errors.New("rate.valkey_url is not a URL such as redis://valkey:6379/0")
	}
	return redis.NewClient(options), nil
}

// closing closes the client with its budget.
type closing struct {
	budget.Budget
	client *redis.Client
}

func (c closing) Close() error { return errors.Join(c.Budget.Close(), c.client.Close()) }

// openStore opens the store that a URL names. SQLite is brought up to date here, PostgreSQL by `sando migrate`: a serving process need not have
// the right to change its tables.
func openStore(ctx context.Context, cfg StoreConfig) (s writes.Store, err error) {
	return s, each(cfg, func(path string) error {
		if err := sqlite.Migrate(ctx, path); err != nil {
			return err
		}
		s, err = sqlite.Open(ctx, path)
		return err
	}, func(url string) error {
		s, err = postgres.Open(ctx, url)
		return err
	})
}

// Migrate brings the store's tables up to date.
func Migrate(ctx context.Context, cfg StoreConfig) error {
	return each(cfg, func(path string) error { return sqlite.Migrate(ctx, path) }, func(url string) error { return postgres.Migrate(ctx, url) })
}

// Check says, for an operator who wants to know, what is wrong with the store and with Valkey. It changes nothing.
func Check(ctx context.Context, cfg Config) error {
	err := each(cfg.Store, func(path string) error { return sqlite.Check(ctx, path) }, func(url string) error { return postgres.Check(ctx, url) })
	if cfg.Rate.ValkeyURL == "" {
		return err
	}
	client, dialErr := dialValkey(cfg.Rate)
	if dialErr != nil {
		return errors.Join(err, dialErr)
	}
	if pingErr := client.Ping(ctx).Err(); pingErr != nil {
		err = errors.Join(err, fmt.Errorf("valkey: %w", pingErr))
	}
	return errors.Join(err, client.Close())
}

// each does what is to be done with the kind of store that a URL names.
func each(cfg StoreConfig, withSQLite, withPostgres func(string) error) error {
	url := cfg.URL.Reveal()
	kind, rest, _ := strings.Cut(url, ":")
	switch {
	case kind == "sqlite" && rest != "":
		return withSQLite(strings.TrimPrefix(rest, "//"))
	case kind == "postgres" || kind == "postgresql":
		return withPostgres(url)
	default:
		return fmt.Errorf("store.url starts with %q; it must be sqlite:PATH or postgres://", kind)
	}
}
