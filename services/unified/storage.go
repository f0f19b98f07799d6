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
	url := c.URL.Reveal()
	if strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:") {
		return sqlstore.MigratePostgres(ctx, url)
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	return s.Close()
}
