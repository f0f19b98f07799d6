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
	options, err := redis.ParseURL(cfg.ValkeyURL.Reveal())
	if err != nil {
		// The error repeats the URL, and with it the password.
		return nil, errors.New("rate.valkey_url is not a URL such as redis://valkey:6379/0")
	}
	client := redis.NewClient(options)
	return closing{Budget: budget.NewValkey(o, client), client: client}, nil
}

// closing closes the client with its budget.
type closing struct {
	budget.Budget
	client *redis.Client
}

func (c closing) Close() error { return errors.Join(c.Budget.Close(), c.client.Close()) }

// openStore opens the store that a URL names. SQLite is brought up to date here, PostgreSQL by `sando migrate`: a serving process need not have
// the right to change its tables.
func openStore(ctx context.Context, cfg StoreConfig) (writes.Store, error) {
	url := cfg.URL.Reveal()
	kind, rest, _ := strings.Cut(url, ":")
	switch {
	case kind == "sqlite" && rest != "":
		path := strings.TrimPrefix(rest, "//")
		if err := sqlite.Migrate(ctx, path); err != nil {
			return nil, err
		}
		return sqlite.Open(ctx, path)
	case kind == "postgres" || kind == "postgresql":
		return postgres.Open(ctx, url)
	default:
		return nil, fmt.Errorf("store.url starts with %q; it must be sqlite:PATH or postgres://", kind)
	}
}

// Migrate brings the store's tables up to date.
func Migrate(ctx context.Context, cfg StoreConfig) error {
	url := cfg.URL.Reveal()
	kind, rest, _ := strings.Cut(url, ":")
	switch {
	case kind == "sqlite" && rest != "":
		return sqlite.Migrate(ctx, strings.TrimPrefix(rest, "//"))
	case kind == "postgres" || kind == "postgresql":
		return postgres.Migrate(ctx, url)
	default:
		return fmt.Errorf("proxy: store.url starts with %q; it must be sqlite:PATH or postgres://", kind)
	}
}
