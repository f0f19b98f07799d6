package sqlstore

import (
	"context"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

func scanCheckpoint(row scanner) (store.Checkpoint, error) {
	var c store.Checkpoint
	return c, found("checkpoint", row.Scan(&c.EnvironmentID, &c.Sequence, &c.Signed, moment{&c.CreatedAt}))
}

func (r reader) Checkpoints(ctx context.Context, environmentID string, fromSequence int64) ([]store.Checkpoint, error) {
	return collect(ctx, r, "checkpoints", scanCheckpoint, `SELECT environment_id, sequence, signed, created_at FROM checkpoints
		WHERE environment_id = $1 AND sequence >= $2 ORDER BY sequence`, environmentID, fromSequence)
}

func (w writer) PutCheckpoint(ctx context.Context, c store.Checkpoint) error {
	_, err := w.count(ctx, "put checkpoint", `DELETE FROM checkpoints WHERE environment_id = $1 AND sequence = $2`, c.EnvironmentID, c.Sequence)
	if err != nil {
		return err
	}
	return w.exec(ctx, "put checkpoint", `INSERT INTO checkpoints (environment_id, sequence, signed, created_at) VALUES ($1, $2, $3, $4)`,
		c.EnvironmentID, c.Sequence, c.Signed, micros(c.CreatedAt))
}
