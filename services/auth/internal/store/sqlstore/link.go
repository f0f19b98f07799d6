package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

func scanLink(row scanner) (store.Link, error) {
	var (
		l    store.Link
		open string
	)
	err := row.Scan(&l.ID, &l.EnvironmentID, &l.TenantID, &l.AccountID, &l.Integration, &open, scanList{&l.Scopes}, &l.RedirectURI, &l.Persist,
		&l.CreatedBy, moment{&l.CreatedAt}, moment{&l.ExpiresAt}, moment{&l.CompletedAt}, moment{&l.SecretExpiresAt})
	l.Context = json.RawMessage(open)
	return l, found("link", err)
}

func (r reader) LinkByHash(ctx context.Context, hash []byte) (store.Link, error) {
	return one(ctx, r, scanLink, `SELECT l.id, l.environment_id, l.tenant_id, l.account_id, l.integration, l.context, l.scopes,
		l.redirect_uri, l.persist, l.created_by, l.created_at, l.expires_at, l.completed_at, s.expires_at
		FROM secrets s JOIN links l ON l.id = s.owner_id WHERE s.hash = $1`+r.lock, hash)
}

func (w writer) InsertLink(ctx context.Context, l store.Link, hash []byte) error {
	open := l.Context
	if open == nil {
		open = json.RawMessage("{}")
	}
	err := w.exec(ctx, "insert link", `INSERT INTO links (id, environment_id, tenant_id, account_id, integration, context, scopes, redirect_uri,
		persist, created_by, created_at, expires_at, completed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		l.ID, l.EnvironmentID, l.TenantID, l.AccountID, l.Integration, string(open), list(l.Scopes), l.RedirectURI,
		l.Persist, l.CreatedBy, micros(l.CreatedAt), micros(l.ExpiresAt), micros(l.CompletedAt))
	if err != nil {
		return err
	}
	return w.addSecret(ctx, l.ID, hash, l.ExpiresAt)
}

func (w writer) UpdateLink(ctx context.Context, l store.Link) error {
	return w.exec(ctx, "update link", `UPDATE links SET account_id = $3, completed_at = $4 WHERE id = $1 AND environment_id = $2`,
		l.ID, l.EnvironmentID, l.AccountID, micros(l.CompletedAt))
}

func (w writer) AddLinkSecret(ctx context.Context, linkID string, hash []byte, expiresAt time.Time) error {
	return w.addSecret(ctx, linkID, hash, expiresAt)
}
