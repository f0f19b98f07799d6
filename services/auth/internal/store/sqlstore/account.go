package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const selectAccount = `SELECT id, environment_id, tenant_id, integration, method, status, context, organization_id, organization_name,
	last_error, forbidden, version, created_at, updated_at FROM accounts`

func scanAccount(row scanner) (store.Account, error) {
	var (
		a         store.Account
		forbidden string
		context   string
	)
	err := row.Scan(&a.ID, &a.EnvironmentID, &a.TenantID, &a.Integration, &a.Method, &a.Status, &context, &a.OrganizationID, &a.OrganizationName,
		&a.LastError, &forbidden, &a.Version, moment{&a.CreatedAt}, moment{&a.UpdatedAt})
	if err != nil {
		return a, found("account", err)
	}
	a.Context = json.RawMessage(context)
	if err := json.Unmarshal([]byte(forbidden), &a.Forbidden); err != nil {
		return a, fmt.Errorf("store: account: %w", err)
	}
	return a, nil
}

func (r reader) Account(ctx context.Context, environmentID, id string) (store.Account, error) {
	return one(ctx, r, scanAccount, selectAccount+" WHERE id = $1 AND environment_id = $2"+r.lock, id, environmentID)
}

func (r reader) AccountByID(ctx context.Context, id string) (store.Account, error) {
	return one(ctx, r, scanAccount, selectAccount+" WHERE id = $1"+r.lock, id)
}

func (r reader) Accounts(ctx context.Context, f store.AccountFilter, p store.Page) ([]store.Account, error) {
	var w where
	w.and("environment_id = ?", f.EnvironmentID)
	if f.IDs != nil {
		w.in("id", f.IDs)
	}
	for _, c := range []struct{ condition, value string }{
		{"tenant_id = ?", f.TenantID},
		{"status = ?", f.Status},
		{"integration = ?", f.Integration},
	} {
		if c.value != "" {
			w.and(c.condition, c.value)
		}
	}
	if !f.CreatedAfter.IsZero() {
		w.and("created_at > ?", micros(f.CreatedAfter))
	}
	if !f.CreatedBefore.IsZero() {
		w.and("created_at < ?", micros(f.CreatedBefore))
	}
	query := selectAccount + w.page(p)
	return collect(ctx, r, "accounts", scanAccount, query, w.args...)
}

// facts are the changeable columns of an account.
func facts(a store.Account) (context, forbidden string, err error) {
	b, err := json.Marshal(a.Forbidden)
	if err != nil {
		return "", "", fmt.Errorf("store: account: %w", err)
	}
	if a.Context == nil {
		return "{}", string(b), nil
	}
	return string(a.Context), string(b), nil
}

func (w writer) InsertAccount(ctx context.Context, a store.Account) error {
	open, forbidden, err := facts(a)
	if err != nil {
		return err
	}
	return w.exec(ctx, "insert account", `INSERT INTO accounts (id, environment_id, tenant_id, integration, method, status, context,
		organization_id, organization_name, last_error, forbidden, version, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		a.ID, a.EnvironmentID, a.TenantID, a.Integration, a.Method, a.Status, open,
		a.OrganizationID, a.OrganizationName, a.LastError, forbidden, a.Version, micros(a.CreatedAt), micros(a.UpdatedAt))
}

func (w writer) UpdateAccount(ctx context.Context, a store.Account) error {
	open, forbidden, err := facts(a)
	if err != nil {
		return err
	}
	return w.exec(ctx, "update account", `UPDATE accounts SET tenant_id = $3, method = $4, status = $5, context = $6, organization_id = $7,
		organization_name = $8, last_error = $9, forbidden = $10, version = $11, updated_at = $12 WHERE id = $1 AND environment_id = $2`,
		a.ID, a.EnvironmentID, a.TenantID, a.Method, a.Status, open, a.OrganizationID,
		a.OrganizationName, a.LastError, forbidden, a.Version, micros(a.UpdatedAt))
}

func (w writer) DeleteAccount(ctx context.Context, environmentID, id string) error {
	// The data key goes first and by name: destroying it is what unlinking means, whatever a cascade does.
	if _, err := w.count(ctx, "delete data key", `DELETE FROM data_keys WHERE account_id = $1 AND environment_id = $2`, id, environmentID); err != nil {
		return err
	}
	return w.exec(ctx, "delete account", `DELETE FROM accounts WHERE id = $1 AND environment_id = $2`, id, environmentID)
}

func (r reader) DueForRefresh(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return collect(ctx, r, "due for refresh", scanText, `SELECT id FROM accounts
		WHERE refresh_at <> 0 AND refresh_at <= $1 AND refresh_until < $1 ORDER BY refresh_at LIMIT $2`, micros(now), limit)
}

func scanLease(row scanner) (store.RefreshLease, error) {
	var l store.RefreshLease
	return l, found("refresh lease", row.Scan(&l.Holder, moment{&l.Until}))
}

func (w writer) RefreshLease(ctx context.Context, accountID string) (store.RefreshLease, error) {
	return one(ctx, w.reader, scanLease, `SELECT refresh_holder, refresh_until FROM accounts WHERE id = $1`, accountID)
}

func (w writer) ClaimRefresh(ctx context.Context, accountID string, l store.RefreshLease, now time.Time, dead store.RefreshLease) (bool, error) {
	n, err := w.count(ctx, "claim refresh", `UPDATE accounts SET refresh_holder = $2, refresh_until = $3
		WHERE id = $1 AND (refresh_until < $4 OR refresh_holder = $2 OR refresh_holder = $5 AND refresh_until = $6)`,
		accountID, l.Holder, micros(l.Until), micros(now), dead.Holder, micros(dead.Until))
	return n == 1, err
}

func (w writer) SetRefresh(ctx context.Context, accountID string, at time.Time) error {
	return w.exec(ctx, "set refresh", `UPDATE accounts SET refresh_at = $2, refresh_holder = '', refresh_until = 0 WHERE id = $1`,
		accountID, micros(at))
}
