package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const selectEntry = `SELECT environment_id, sequence, id, log_type, created_at, account_id, mcp_server_id, tool_name, status, body, hash FROM log_entries`

func scanEntry(row scanner) (store.LogEntry, error) {
	var e store.LogEntry
	err := row.Scan(&e.EnvironmentID, &e.Sequence, &e.ID, &e.Type, moment{&e.CreatedAt}, &e.AccountID, &e.MCPServerID, &e.ToolName,
		&e.Status, &e.Body, &e.Hash)
	return e, found("log entry", err)
}

// insertRows gives entries rows of their own.
func (w writer) insertRows(ctx context.Context, entries []store.LogEntry) error {
	const columns = 11
	places := make([]string, len(entries))
	var args []any
	for i, e := range entries {
		row := make([]string, columns)
		for j := range row {
			row[j] = fmt.Sprintf("$%d", i*columns+j+1)
		}
		places[i] = "(" + strings.Join(row, ", ") + ")"
		args = append(args, e.EnvironmentID, e.Sequence, e.ID, e.Type, micros(e.CreatedAt), e.AccountID, e.MCPServerID, e.ToolName, e.Status, e.Body, e.Hash)
	}
	return w.exec(ctx, "append log", `INSERT INTO log_entries (environment_id, sequence, id, log_type, created_at, account_id, mcp_server_id,
		tool_name, status, body, hash) VALUES `+strings.Join(places, ", "), args...)
}

// matchingRows selects among the entries that have rows of their own.
func (r reader) matchingRows(ctx context.Context, f store.LogFilter, s stretch) ([]store.LogEntry, error) {
	after, before := s.bounds()
	var w where
	w.and("environment_id = ?", f.EnvironmentID)
	w.and("sequence > ?", after)
	w.and("sequence < ?", before)
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
	query := selectEntry + w.String() + fmt.Sprintf(" ORDER BY sequence %s LIMIT %d", s.direction(), s.Limit)
	return collect(ctx, r, "log", scanEntry, query, w.args...)
}
