package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

const (
	selectSummary = `SELECT environment_id, last_sequence, first_sequence, least_id, greatest_id, oldest, newest, filter FROM log_blocks`
	insertBlock   = `INSERT INTO log_blocks (environment_id, last_sequence, first_sequence, least_id, greatest_id, oldest, newest, filter, entries)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
)

func scanSummary(row scanner) (summary, error) {
	var s summary
	err := row.Scan(&s.environmentID, &s.last, &s.first, &s.leastID, &s.greatestID, moment{&s.oldest}, moment{&s.newest}, &s.filter)
	return s, found("log block", err)
}

// insertBlock stores a run of entries in one row.
func (w writer) insertBlock(ctx context.Context, entries []store.LogEntry) error {
	s := summarise(entries)
	p := packers.Get().(*packer)
	defer packers.Put(p)
	return w.exec(ctx, "append log", insertBlock,
		s.environmentID, s.last, s.first, s.leastID, s.greatestID, micros(s.oldest), micros(s.newest), []byte(s.filter), p.pack(entries))
}

// entriesOf reads the entries of a block.
func (r reader) entriesOf(ctx context.Context, s summary) ([]store.LogEntry, error) {
	packed, err := one(ctx, r, scanBytes, `SELECT entries FROM log_blocks WHERE environment_id = $1 AND last_sequence = $2`, s.environmentID, s.last)
	if err != nil {
		return nil, err
	}
	return s.unpack(packed)
}

// blockStep is how many blocks are considered at once.
const blockStep = 100

// matchingBlocks selects among the entries in blocks.
func (r reader) matchingBlocks(ctx context.Context, f store.LogFilter, s stretch) ([]store.LogEntry, error) {
	var matching []store.LogEntry
	for len(matching) < s.Limit {
		blocks, err := r.nextBlocks(ctx, f, s)
		if err != nil || len(blocks) == 0 {
			return matching, err
		}
		after, before := s.bounds()
		for _, b := range blocks {
			if len(matching) >= s.Limit {
				break
			}
			if !b.mayMatch(f) {
				continue
			}
			entries, err := r.entriesOf(ctx, b)
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				if e.Sequence > after && e.Sequence < before && matches(f, e) {
					matching = append(matching, e)
				}
			}
		}
		if last := blocks[len(blocks)-1]; s.OldestFirst {
			s.After = last.last
		} else {
			s.Before = last.first
		}
	}
	return matching, nil
}

// nextBlocks lists the next blocks that the times do not rule out, in order.
func (r reader) nextBlocks(ctx context.Context, f store.LogFilter, s stretch) ([]summary, error) {
	after, before := s.bounds()
	var w where
	w.and("environment_id = ?", f.EnvironmentID)
	w.and("last_sequence > ?", after)
	w.and("first_sequence < ?", before)
	if !f.CreatedAfter.IsZero() {
		w.and("newest > ?", micros(f.CreatedAfter))
	}
	if !f.CreatedBefore.IsZero() {
		w.and("oldest < ?", micros(f.CreatedBefore))
	}
	return collect(ctx, r, "log", scanSummary, selectSummary+w.String()+fmt.Sprintf(" ORDER BY last_sequence %s LIMIT %d", s.direction(), blockStep), w.args...)
}

// matches does to an entry of a block what the conditions of matchingRows do to a row.
func matches(f store.LogFilter, e store.LogEntry) bool {
	return (f.Accounts == nil || slices.Contains(f.Accounts, e.AccountID)) &&
		(f.Type == "" || f.Type == e.Type) &&
		(f.MCPServerID == "" || f.MCPServerID == e.MCPServerID) &&
		(f.ToolName == "" || f.ToolName == e.ToolName) &&
		(f.Status == 0 || f.Status == e.Status) &&
		(f.CreatedAfter.IsZero() || e.CreatedAt.After(f.CreatedAfter)) &&
		(f.CreatedBefore.IsZero() || e.CreatedAt.Before(f.CreatedBefore))
}

// pruneBlocks removes the entries up to a sequence from the blocks. Of the block that holds it the rest is packed anew.
func (w writer) pruneBlocks(ctx context.Context, environmentID string, upTo int64) error {
	cut, err := collect(ctx, w.reader, "prune log", scanSummary, selectSummary+` WHERE environment_id = $1 AND first_sequence <= $2 AND last_sequence > $2`,
		environmentID, upTo)
	if err != nil {
		return err
	}
	var rest []store.LogEntry
	for _, s := range cut {
		entries, err := w.entriesOf(ctx, s)
		if err != nil {
			return err
		}
		rest = entries[upTo-s.first+1:]
	}
	if _, err := w.count(ctx, "prune log", `DELETE FROM log_blocks WHERE environment_id = $1 AND first_sequence <= $2`, environmentID, upTo); err != nil {
		return err
	}
	return w.insertLog(ctx, rest)
}

// insertLog stores entries in blocks, or in rows when they are few.
func (w writer) insertLog(ctx context.Context, entries []store.LogEntry) error {
	for len(entries) > 0 {
		n, insert := blockLength(entries), w.insertBlock
		if n == 0 {
			n, insert = len(entries), w.insertRows
		}
		if err := insert(ctx, entries[:n]); err != nil {
			return err
		}
		entries = entries[n:]
	}
	return nil
}
