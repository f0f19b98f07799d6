package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/services/auth/internal/envelope"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
)

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

// checkKeys refuses to run with a ring that lacks the key of a stored credential, before anybody finds out by a failing call.
func checkKeys(ctx context.Context, s store.Reader, ring *envelope.Ring) error {
	held, err := s.WrappingKeys(ctx)
	if err != nil {
		return err
	}
	for _, id := range held {
		if !ring.Has(id) {
			return fmt.Errorf("stored credentials are wrapped by the key-encryption key %q, which the key ring lacks; add it to the list `encryption`, after the key in use", id)
		}
	}
	return nil
}
