package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
)

// Check tries the store and every key on it, for an operator who wants to know what is wrong before or while a server runs. It changes nothing.
func Check(ctx context.Context, cfg Config) error {
	k, err := loadKeys(cfg.Keys)
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	if err := checkSchema(ctx, cfg.Store); err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	s, err := openStore(store.Patient(ctx), cfg.Store) // which has nothing left to migrate
	if err != nil {
		return fmt.Errorf("auth: %w", err)
	}
	_, err = k.unknown(ctx, s)
	if err != nil {
		err = fmt.Errorf("auth: %w", err)
	}
	return errors.Join(err, k.ring.Try(), s.Close())
}

// checkSchema says whether there is a store with the schema that this binary needs.
func checkSchema(ctx context.Context, c StoreConfig) error {
	url := c.URL.Reveal()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok && path != "" {
		return sqlstore.CheckSQLite(ctx, strings.TrimPrefix(path, "//"))
	}
	if kind, _, _ := strings.Cut(url, ":"); isPostgres(kind) {
		return sqlstore.CheckPostgres(ctx, url)
	}
	return nil // opening says what is wrong with the URL
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
	s, err := openStore(store.Patient(ctx), c)
	if err != nil {
		return err
	}
	return s.Close()
}
