package sqlstore

import (
	"context"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

func scanKeyCheck(row scanner) (store.KeyCheck, error) {
	var c store.KeyCheck
	return c, found("key check", row.Scan(&c.Family, &c.ID, &c.Value))
}

func (r reader) KeyChecks(ctx context.Context) ([]store.KeyCheck, error) {
	return collect(ctx, r, "key checks", scanKeyCheck, `SELECT family, id, value FROM key_checks ORDER BY family, id`)
}

func (w writer) InsertKeyCheck(ctx context.Context, c store.KeyCheck) error {
	return w.exec(ctx, "insert key check", `INSERT INTO key_checks (family, id, value) VALUES ($1, $2, $3)`, c.Family, c.ID, c.Value)
}
