package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const selectLog = `SELECT environment_id, sequence, id, log_type, created_at, account_id, mcp_server_id, tool_name, status, body, hash FROM log_entries`

func scanLog(row scanner) (store.LogEntry, error) {
	var e store.LogEntry
	err := row.Scan(&e.EnvironmentID, &e.Sequence, &e.ID, &e.Type, moment{&e.CreatedAt}, &e.AccountID, &e.MCPServerID, &e.ToolName,
		&e.Status, &e.Body, &e.Hash)
	return e, found("log entry", err)
}

func (r reader) LogEntries(ctx context.Context, f store.LogFilter, beforeSequence int64, limit int) ([]store.LogEntry, error) {
	var w where
	w.and("environment_id = ?", f.EnvironmentID)
	if beforeSequence > 0 {
		w.and("sequence < ?", beforeSequence)
	}
	if f.Accounts != nil {
		w.in("account_id", f.Accounts)
	}
	for _, c := range []struct{ condition, value string }{
		{"log_type = ?", f.Type},
		{"mcp_server_id = ?", f.MCPServerID},
		{"tool_name = ?", f.ToolName},
	} {
		if c.value != "" {
			w.and(c.condition, c.value)
		}
	}
	if f.Status != 0 {
		w.and("status = ?", f.Status)
	}
	if !f.CreatedAfter.IsZero() {
		w.and("created_at > ?", micros(f.CreatedAfter))
	}
	if !f.CreatedBefore.IsZero() {
		w.and("created_at < ?", micros(f.CreatedBefore))
	}
	query := selectLog + w.String() + fmt.Sprintf(" ORDER BY sequence DESC LIMIT %d", limit)
	return collect(ctx, r, "log", scanLog, query, w.args...)
}

func (r reader) LogChain(ctx context.Context, environmentID string, fromSequence int64, limit int) ([]store.LogEntry, error) {
	return collect(ctx, r, "log", scanLog, selectLog+" WHERE environment_id = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3",
		environmentID, fromSequence, limit)
}

func (r reader) LogHas(ctx context.Context, environmentID string, ids []string) (map[string]bool, error) {
	var w where
	w.and("environment_id = ?", environmentID)
	w.in("id", ids)
	known, err := collect(ctx, r, "log ids", scanText, "SELECT id FROM log_entries"+w.String(), w.args...)
	has := make(map[string]bool, len(known))
	for _, id := range known {
		has[id] = true
	}
	return has, err
}

func (r reader) ChainHead(ctx context.Context, environmentID string) (store.ChainHead, error) {
	h := store.ChainHead{EnvironmentID: environmentID}
	err := r.q.QueryRowContext(ctx, `SELECT sequence, hash, pruned_sequence, pruned_hash FROM chains WHERE environment_id = $1`+r.lock, environmentID).
		Scan(&h.Sequence, &h.Hash, &h.PrunedSequence, &h.PrunedHash)
	return h, found("chain", err)
}

func (w writer) AppendLog(ctx context.Context, head store.ChainHead, entries []store.LogEntry) error {
	if len(entries) == 0 {
		return nil
	}
	for _, e := range entries {
		err := w.exec(ctx, "append log", `INSERT INTO log_entries (environment_id, sequence, id, log_type, created_at, account_id, mcp_server_id,
			tool_name, status, body, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			e.EnvironmentID, e.Sequence, e.ID, e.Type, micros(e.CreatedAt), e.AccountID, e.MCPServerID, e.ToolName, e.Status, e.Body, e.Hash)
		if err != nil {
			return err
		}
	}
	last := entries[len(entries)-1]
	return w.exec(ctx, "move chain", `UPDATE chains SET sequence = $3, hash = $4 WHERE environment_id = $1 AND sequence = $2`,
		head.EnvironmentID, head.Sequence, last.Sequence, last.Hash)
}

func (w writer) PruneLog(ctx context.Context, environmentID string, upTo int64) error {
	err := w.exec(ctx, "prune log", `UPDATE chains SET pruned_sequence = $2, pruned_hash =
		(SELECT hash FROM log_entries WHERE environment_id = $1 AND sequence = $2)
		WHERE environment_id = $1 AND EXISTS (SELECT 1 FROM log_entries WHERE environment_id = $1 AND sequence = $2)`, environmentID, upTo)
	if err != nil {
		return err
	}
	if _, err = w.count(ctx, "prune log", `DELETE FROM checkpoints WHERE environment_id = $1 AND sequence < $2`, environmentID, upTo); err != nil {
		return err
	}
	_, err = w.count(ctx, "prune log", `DELETE FROM log_entries WHERE environment_id = $1 AND sequence <= $2`, environmentID, upTo)
	return err
}

func (r reader) LogEndBefore(ctx context.Context, environmentID string, before time.Time) (int64, error) {
	var end int64
	err := r.q.QueryRowContext(ctx, `SELECT COALESCE(
		(SELECT MIN(sequence) - 1 FROM log_entries WHERE environment_id = $1 AND created_at >= $2),
		(SELECT MAX(sequence) FROM log_entries WHERE environment_id = $1), 0)`, environmentID, micros(before)).Scan(&end)
	if err != nil {
		return 0, fmt.Errorf("store: log: %w", err)
	}
	return end, nil
}

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
