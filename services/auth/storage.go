package auth

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
)

// Check opens the store and tries every key on it, for an operator who wants to know what is wrong before or while a server runs.
func Check(ctx context.Context, cfg Config) error {
	if path, ok := strings.CutPrefix(cfg.Store.URL.Reveal(), "sqlite:"); ok {
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); err != nil {
			return fmt.Errorf("auth: there is no database yet: `sando migrate` makes it: %w", err)
		}
	}
	o, err := OpenOperator(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(o.keys.ring.Try(), o.Close())
}

// openStore opens the store that a URL names.
func openStore(ctx context.Context, c StoreConfig) (store.Store, error) {
	kind, rest, ok := strings.Cut(c.URL.Reveal(), ":")
	switch {
	case c.URL == "":
		return nil, errors.New("store.url is not set: give sqlite:PATH or a postgres:// URL")
	case ok && kind == "sqlite" && rest != "":
		return sqlstore.OpenSQLite(ctx, strings.TrimPrefix(rest, "//"))
	case ok && isPostgres(kind):
		return sqlstore.OpenPostgres(ctx, c.URL.Reveal())
	default:
		return nil, fmt.Errorf("store.url starts with %q; it must be sqlite:PATH or a postgres:// URL", kind)
	}
}

func isPostgres(scheme string) bool { return scheme == "postgres" || scheme == "postgresql" }

// Migrate brings the schema of the store to what this version needs. Old and new versions may run beside each other meanwhile. SQLite needs no
// call: it is migrated when it is opened.
func Migrate(ctx context.Context, c StoreConfig) error {
	kind, _, _ := strings.Cut(c.URL.Reveal(), ":")
	if isPostgres(kind) {
		return sqlstore.MigratePostgres(ctx, c.URL.Reveal())
	}
	s, err := openStore(ctx, c)
	if err != nil {
		return err
	}
	return s.Close()
}
