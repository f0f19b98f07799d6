package sqlstore

import (
	"context"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const tokenColumns = `t.id, t.kind, t.environment_id, t.name, t.accounts, t.services, t.operations, t.may_read, t.may_write,
	t.expires_at, t.last_used_at, t.created_at, t.updated_at, t.config, t.require_second, t.last_client`

const selectToken = `SELECT ` + tokenColumns + ` FROM tokens t`

const selectIdentity = `SELECT ` + tokenColumns + `, e.mcp_origins, s.expires_at
	FROM secrets s JOIN tokens t ON t.id = s.owner_id JOIN environments e ON e.id = t.environment_id`

func tokenDest(t *store.Token) []any {
	return []any{
		&t.ID, &t.Kind, &t.EnvironmentID, &t.Name,
		scanList{&t.Accounts},
		scanList{&t.Services},
		scanList{&t.Operations},
		&t.Read, &t.Write,
		moment{&t.ExpiresAt},
		moment{&t.LastUsedAt},
		moment{&t.CreatedAt},
		moment{&t.UpdatedAt},
		&t.Config, &t.RequireSecond, &t.LastClient,
	}
}

func scanToken(row scanner) (store.Token, error) {
	var t store.Token
	return t, found("token", row.Scan(tokenDest(&t)...))
}

func scanIdentity(row scanner) (store.Identity, error) {
	var i store.Identity
	dest := append(tokenDest(&i.Token), scanList{&i.MCPOrigins}, moment{&i.SecretExpiresAt})
	return i, found("token", row.Scan(dest...))
}

func (r reader) TokenByHash(ctx context.Context, hash []byte) (store.Identity, error) {
	return one(ctx, r, scanIdentity, selectIdentity+" WHERE s.hash = $1", hash)
}

func (r reader) TokenByID(ctx context.Context, id string) (store.Identity, error) {
	return one(ctx, r, scanIdentity, `SELECT `+tokenColumns+`, e.mcp_origins, t.expires_at
		FROM tokens t JOIN environments e ON e.id = t.environment_id WHERE t.id = $1`, id)
}

func (r reader) Token(ctx context.Context, environmentID, kind, id string) (store.Token, error) {
	return one(ctx, r, scanToken, selectToken+" WHERE t.id = $1 AND t.environment_id = $2 AND t.kind = $3"+r.lock, id, environmentID, kind)
}

func (r reader) Tokens(ctx context.Context, f store.TokenFilter, p store.Page) ([]store.Token, error) {
	var w where
	w.and("environment_id = ?", f.EnvironmentID)
	w.and("kind = ?", f.Kind)
	if f.AccountID != "" {
		w.and("account_id = ?", f.AccountID)
	}
	query := selectToken + w.page(p)
	return collect(ctx, r, "tokens", scanToken, query, w.args...)
}

// accountOf is the one account of a token that is made for an account.
func accountOf(t store.Token) string {
	if t.Kind != store.KindAPI && len(t.Accounts) == 1 {
		return t.Accounts[0]
	}
	return ""
}

// blob is bytes for a column that is never null.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func (w writer) InsertToken(ctx context.Context, t store.Token, hash []byte) error {
	err := w.exec(ctx, "insert token", `INSERT INTO tokens (id, kind, environment_id, account_id, name, accounts, services, operations,
		may_read, may_write, expires_at, last_used_at, created_at, updated_at, config, require_second, last_client)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)`,
		t.ID, t.Kind, t.EnvironmentID, accountOf(t), t.Name, list(t.Accounts), list(t.Services), list(t.Operations),
		t.Read, t.Write, micros(t.ExpiresAt), micros(t.LastUsedAt), micros(t.CreatedAt), micros(t.UpdatedAt), blob(t.Config), t.RequireSecond, t.LastClient)
	if err != nil {
		return err
	}
	return w.addSecret(ctx, t.ID, hash, time.Time{})
}

func (w writer) addSecret(ctx context.Context, owner string, hash []byte, expiresAt time.Time) error {
	return w.exec(ctx, "insert secret", `INSERT INTO secrets (hash, owner_id, expires_at) VALUES ($1, $2, $3)`, hash, owner, micros(expiresAt))
}

func (w writer) UpdateToken(ctx context.Context, t store.Token) error {
	return w.exec(ctx, "update token", `UPDATE tokens SET name = $4, operations = $5, may_read = $6, may_write = $7, expires_at = $8,
		updated_at = $9, config = $10, require_second = $11 WHERE id = $1 AND environment_id = $2 AND kind = $3`,
		t.ID, t.EnvironmentID, t.Kind, t.Name, list(t.Operations), t.Read, t.Write, micros(t.ExpiresAt), micros(t.UpdatedAt), blob(t.Config), t.RequireSecond)
}

func (w writer) DeleteToken(ctx context.Context, environmentID, kind, id string) error {
	if err := w.exec(ctx, "delete token", `DELETE FROM tokens WHERE id = $1 AND environment_id = $2 AND kind = $3`, id, environmentID, kind); err != nil {
		return err
	}
	_, err := w.count(ctx, "delete secrets", `DELETE FROM secrets WHERE owner_id = $1`, id)
	return err
}

func (w writer) ReplaceSecret(ctx context.Context, t store.Token, hash []byte, previousUntil time.Time) error {
	_, err := w.count(ctx, "end secrets", `UPDATE secrets SET expires_at = $2 WHERE owner_id = $1 AND (expires_at = 0 OR expires_at > $2)`,
		t.ID, micros(previousUntil))
	if err != nil {
		return err
	}
	return w.addSecret(ctx, t.ID, hash, time.Time{})
}

func (w writer) TouchTokens(ctx context.Context, used map[string]time.Time) error {
	for id, at := range used {
		_, err := w.count(ctx, "touch token", `UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2`, id, micros(at))
		if err != nil {
			return err
		}
	}
	return nil
}

func (w writer) TouchClient(ctx context.Context, environmentID, id, client string, at time.Time) error {
	return w.exec(ctx, "touch server", `UPDATE tokens SET last_client = $3, last_used_at = $4 WHERE id = $1 AND environment_id = $2 AND kind = $5`,
		id, environmentID, client, micros(at), store.KindMCP)
}

func (w writer) DeleteTokensOf(ctx context.Context, accountID string) ([]string, error) {
	_, err := w.count(ctx, "delete secrets", `DELETE FROM secrets WHERE owner_id IN (SELECT id FROM tokens WHERE account_id = $1)`, accountID)
	if err != nil {
		return nil, err
	}
	return collect(ctx, w.reader, "delete tokens", scanText, `DELETE FROM tokens WHERE account_id = $1 RETURNING id`, accountID)
}

func (w writer) DeleteExpired(ctx context.Context, tokensBefore, linksBefore time.Time) error {
	for _, c := range []struct {
		query  string
		before time.Time
	}{
		{`DELETE FROM tokens WHERE kind = 'account' AND expires_at < $1`, tokensBefore},
		{`DELETE FROM secrets WHERE expires_at <> 0 AND expires_at < $1 AND owner_id IN (SELECT id FROM tokens)`, tokensBefore},
		{`DELETE FROM secrets WHERE expires_at <> 0 AND expires_at < $1
			AND EXISTS (SELECT 1 FROM links WHERE id = owner_id AND links.expires_at <> secrets.expires_at)`, tokensBefore},
		{`DELETE FROM links WHERE expires_at < $1`, linksBefore},
	} {
		if _, err := w.count(ctx, "delete expired", c.query, micros(c.before)); err != nil {
			return err
		}
	}
	_, err := w.count(ctx, "delete orphans", `DELETE FROM secrets
		WHERE NOT EXISTS (SELECT 1 FROM tokens WHERE id = owner_id) AND NOT EXISTS (SELECT 1 FROM links WHERE id = owner_id)`)
	return err
}
