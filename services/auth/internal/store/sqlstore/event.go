package sqlstore

import (
	"context"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const selectEvents = `SELECT sequence, token_ids, account_ids, answers, signing_keys, at FROM events
	WHERE sequence > $1 ORDER BY sequence LIMIT $2`

func scanEvent(row scanner) (store.Event, error) {
	var e store.Event
	return e, found("event", row.Scan(&e.Sequence, scanList{&e.TokenIDs}, scanList{&e.AccountIDs}, scanList{&e.Answers}, &e.SigningKeys, moment{&e.At}))
}

func (r reader) Events(ctx context.Context, after int64, limit int) ([]store.Event, error) {
	return collect(ctx, r, "events", scanEvent, selectEvents, after, limit)
}

func (r reader) LastEvent(ctx context.Context) (int64, error) {
	return one(ctx, r, scanNumber, `SELECT value FROM event_counter WHERE id = 1`)
}

func (w writer) Publish(ctx context.Context, e store.Event) error {
	// The lock on the counter's row is held until the commit, so sequences become visible in order and without gaps.
	var err error
	if e.Sequence, err = one(ctx, w.reader, scanNumber, `UPDATE event_counter SET value = value + 1 WHERE id = 1 RETURNING value`); err != nil {
		return err
	}
	return w.exec(ctx, "publish", `INSERT INTO events (sequence, token_ids, account_ids, answers, signing_keys, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		e.Sequence, list(e.TokenIDs), list(e.AccountIDs), list(e.Answers), e.SigningKeys, micros(e.At))
}

func (w writer) PruneEvents(ctx context.Context, before time.Time) error {
	_, err := w.count(ctx, "prune events", `DELETE FROM events WHERE at < $1`, micros(before))
	return err
}
