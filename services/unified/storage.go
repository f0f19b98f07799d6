package unified

import (
	"context"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/store/sqlstore"
)

// openStore opens the store that a URL names.
func openStore(ctx context.Context, c StoreConfig) (store.Store, error) {
	url := c.URL.Reveal()
	kind, rest, _ := strings.Cut(url, ":")
	switch {
	case kind == "sqlite" && rest != "":
		return sqlstore.OpenSQLite(ctx, strings.TrimPrefix(rest, "//"))
	case kind == "postgres" || kind == "postgresql":
		return sqlstore.OpenPostgres(ctx, url)
	default:
		return nil, fmt.Errorf("store.url starts with %q; it must be sqlite:PATH or postgres://", kind)
	}
}

// Migrate brings the store up to date. SQLite also migrates itself when it is opened; PostgreSQL only does here, because it takes rights that a
// serving process should not have.
func Migrate(ctx context.Context, c StoreConfig) error {
	if c.isPostgres() {
		return sqlstore.MigratePostgres(ctx, c.URL.Reveal())
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	return s.Close()
}

// Check says, for an operator who wants to know, what is wrong with the store. It changes nothing.
func Check(ctx context.Context, c StoreConfig) error {
	url := c.URL.Reveal()
	if c.isPostgres() {
		return sqlstore.CheckPostgres(ctx, url)
	}
	kind, path, _ := strings.Cut(url, ":")
	if kind != "sqlite" || path == "" {
		return fmt.Errorf("store.url starts with %q; it must be sqlite:PATH or postgres://", kind)
	}
	return sqlstore.CheckSQLite(ctx, strings.TrimPrefix(path, "//"))
}

func (c StoreConfig) isPostgres() bool {
	url := c.URL.Reveal()
	return strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:")
}
