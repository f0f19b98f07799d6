package sqlstore

import (
	"context"
	"fmt"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const selectDataKey = `SELECT account_id, environment_id, wrapped_by, wrapped FROM data_keys`

func scanDataKey(row scanner) (store.DataKey, error) {
	var k store.DataKey
	return k, found("data key", row.Scan(&k.AccountID, &k.EnvironmentID, &k.WrappedBy, &k.Wrapped))
}

// sealedField is one row of a credential.
type sealedField struct {
	name    string
	version int64
	sealed  []byte
	key     store.DataKey
}

func scanField(row scanner) (sealedField, error) {
	var f sealedField
	return f, found("credential", row.Scan(&f.name, &f.version, &f.sealed, &f.key.AccountID, &f.key.EnvironmentID, &f.key.WrappedBy, &f.key.Wrapped))
}

func (r reader) Credential(ctx context.Context, accountID string) (store.Credential, error) {
	// One statement, so that the key and the fields are of one moment.
	fields, err := collect(ctx, r, "credential", scanField, `SELECT f.field, f.version, f.sealed, k.account_id, k.environment_id, k.wrapped_by, k.wrapped
		FROM data_keys k JOIN credential_fields f ON f.account_id = k.account_id WHERE k.account_id = $1`, accountID)
	if err != nil {
		return store.Credential{}, err
	}
	if len(fields) == 0 {
		return store.Credential{}, store.ErrNotFound
	}
	c := store.Credential{DataKey: fields[0].key, Version: fields[0].version, Fields: make(map[string][]byte, len(fields))}
	for _, f := range fields {
		if f.version != c.Version {
			return store.Credential{}, fmt.Errorf("store: the credential of account %s is of versions %d and %d", accountID, c.Version, f.version)
		}
		c.Fields[f.name] = f.sealed
	}
	return c, nil
}

func (r reader) DataKeys(ctx context.Context, notWrappedBy, afterAccount string, limit int) ([]store.DataKey, error) {
	return collect(ctx, r, "data keys", scanDataKey, selectDataKey+" WHERE wrapped_by <> $1 AND account_id > $2 ORDER BY account_id LIMIT $3",
		notWrappedBy, afterAccount, limit)
}

func (r reader) CountDataKeys(ctx context.Context, notWrappedBy string) (int, error) {
	n, err := one(ctx, r, scanNumber, "SELECT COUNT(*) FROM data_keys WHERE wrapped_by <> $1", notWrappedBy)
	return int(n), err
}

func (r reader) WrappingKeys(ctx context.Context) ([]string, error) {
	return collect(ctx, r, "wrapping keys", scanText, "SELECT DISTINCT wrapped_by FROM data_keys ORDER BY wrapped_by")
}

func (w writer) PutCredential(ctx context.Context, c store.Credential) error {
	for _, query := range []string{
		`DELETE FROM credential_fields WHERE account_id = $1`,
		`DELETE FROM data_keys WHERE account_id = $1`,
	} {
		if _, err := w.count(ctx, "replace credential", query, c.AccountID); err != nil {
			return err
		}
	}
	err := w.exec(ctx, "insert data key", `INSERT INTO data_keys (account_id, environment_id, wrapped_by, wrapped) VALUES ($1, $2, $3, $4)`,
		c.AccountID, c.EnvironmentID, c.WrappedBy, c.Wrapped)
	if err != nil {
		return err
	}
	for name, sealed := range c.Fields {
		err := w.exec(ctx, "insert field", `INSERT INTO credential_fields (account_id, field, version, sealed) VALUES ($1, $2, $3, $4)`,
			c.AccountID, name, c.Version, sealed)
		if err != nil {
			return err
		}
	}
	return nil
}

func (w writer) RewrapDataKey(ctx context.Context, old, with store.DataKey) (bool, error) {
	n, err := w.count(ctx, "rewrap", `UPDATE data_keys SET wrapped_by = $3, wrapped = $4 WHERE account_id = $1 AND wrapped = $2`,
		old.AccountID, old.Wrapped, with.WrappedBy, with.Wrapped)
	return n == 1, err
}
