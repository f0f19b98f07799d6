package sqlstore

import (
	"context"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const selectEnvironment = `SELECT id, name, frame_origins, redirect_uris, mcp_origins, log_retention, created_at, updated_at FROM environments`

func scanEnvironment(row scanner) (store.Environment, error) {
	var e store.Environment
	err := row.Scan(&e.ID, &e.Name, scanList{&e.FrameOrigins}, scanList{&e.RedirectURIs}, scanList{&e.MCPOrigins},
		&e.LogRetention, moment{&e.CreatedAt}, moment{&e.UpdatedAt})
	return e, found("environment", err)
}

func (r reader) Environment(ctx context.Context, id string) (store.Environment, error) {
	return one(ctx, r, scanEnvironment, selectEnvironment+" WHERE id = $1"+r.lock, id)
}

func (r reader) Environments(ctx context.Context) ([]store.Environment, error) {
	return collect(ctx, r, "environments", scanEnvironment, selectEnvironment+" ORDER BY id")
}

func (w writer) InsertEnvironment(ctx context.Context, e store.Environment) error {
	err := w.exec(ctx, "insert environment", `INSERT INTO environments
		(id, name, frame_origins, redirect_uris, mcp_origins, log_retention, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		e.ID, e.Name, list(e.FrameOrigins), list(e.RedirectURIs), list(e.MCPOrigins), int64(e.LogRetention), micros(e.CreatedAt), micros(e.UpdatedAt))
	if err != nil {
		return err
	}
	return w.exec(ctx, "insert chain", `INSERT INTO chains (environment_id, sequence, hash, pruned_sequence, pruned_hash)
		VALUES ($1, 0, $2, 0, $2)`, e.ID, []byte{})
}

func (w writer) UpdateEnvironment(ctx context.Context, e store.Environment) error {
	return w.exec(ctx, "update environment", `UPDATE environments SET
		name = $2, frame_origins = $3, redirect_uris = $4, mcp_origins = $5, log_retention = $6, updated_at = $7 WHERE id = $1`,
		e.ID, e.Name, list(e.FrameOrigins), list(e.RedirectURIs), list(e.MCPOrigins), int64(e.LogRetention), micros(e.UpdatedAt))
}
