package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// The log has two tables: log_entries with a row per entry, and log_blocks with many entries a row; see blockLength. A sequence is in one of them.

const (
	selectHead        = `SELECT sequence, hash, pruned_sequence, pruned_hash FROM chains WHERE environment_id = $1`
	moveHead          = `UPDATE chains SET sequence = $3, hash = $4 WHERE environment_id = $1 AND sequence = $2`
	selectKnownBlocks = selectSummary + ` WHERE environment_id = $1 AND greatest_id >= $2 AND least_id <= $3`
)

// selectKnownRows looks for entries that have rows of their own by the least and the greatest id.
func selectKnownRows(bytewise string) string {
	return `SELECT id FROM log_entries WHERE environment_id = $1 AND id` + bytewise + ` >= $2 AND id` + bytewise + ` <= $3`
}

func (r reader) LogEntries(ctx context.Context, f store.LogFilter, p store.LogPage) (entries []store.LogEntry, seen int64, err error) {
	// The two tables are read one after the other, while entries are added and removed. So they are read up to the head of the chain as it was before, and
	// again when a removal came between, which may pack entries from the one table into the other.
	const attempts = 3
	for n := 1; ; n++ {
		head, err := r.ChainHead(ctx, f.EnvironmentID)
		if err != nil {
			return nil, 0, err
		}
		s := stretch{p, head.Sequence}
		if entries, seen, err = r.entriesBetween(ctx, f, s); err != nil {
			return nil, 0, err
		}
		now, err := r.ChainHead(ctx, f.EnvironmentID)
		if err != nil || now.PrunedSequence == head.PrunedSequence || n == attempts {
			return entries, seen, err
		}
	}
}

// stretch is a part of the chain that does not change but for removals.
type stretch struct {
	store.LogPage
	head int64
}

// bounds are the sequences before the first and after the last.
func (s stretch) bounds() (after, before int64) {
	if s.Before > 0 && s.Before <= s.head {
		return s.After, s.Before
	}
	return s.After, s.head + 1
}

// direction is how SQL orders.
func (s stretch) direction() string {
	if s.OldestFirst {
		return "ASC"
	}
	return "DESC"
}

// closer ends the stretch at an entry that fills the page.
func (s stretch) closer(entries []store.LogEntry) stretch {
	switch last := len(entries) - 1; {
	case len(entries) < s.Limit || s.Limit <= 0:
	case s.OldestFirst:
		s.Before = entries[last].Sequence
	default:
		s.After = entries[last].Sequence
	}
	return s
}

func (r reader) entriesBetween(ctx context.Context, f store.LogFilter, s stretch) (entries []store.LogEntry, seen int64, err error) {
	entries, err = r.matchingRows(ctx, f, s)
	if err != nil {
		return nil, 0, err
	}
	// Blocks matter as far as the rows go, if these fill the page alone.
	packed, err := r.matchingBlocks(ctx, f, s.closer(entries))
	if err != nil {
		return nil, 0, err
	}
	entries = append(entries, packed...)
	slices.SortFunc(entries, func(a, b store.LogEntry) int {
		if s.OldestFirst {
			a, b = b, a
		}
		return cmp.Compare(b.Sequence, a.Sequence)
	})
	if entries = entries[:min(s.Limit, len(entries))]; len(entries) == s.Limit && s.Limit > 0 {
		return entries, entries[s.Limit-1].Sequence, nil
	}
	_, before := s.bounds()
	return entries, max(s.After, before-1), nil
}

func (r reader) LogChain(ctx context.Context, environmentID string, fromSequence int64, limit int) ([]store.LogEntry, error) {
	entries, err := collect(ctx, r, "log", scanEntry, selectEntry+" WHERE environment_id = $1 AND sequence >= $2 ORDER BY sequence LIMIT $3",
		environmentID, fromSequence, limit)
	if err != nil {
		return nil, err
	}
	// Blocks matter as far as the rows go, if these are enough alone, and no more of them than that have enough entries.
	end := int64(math.MaxInt64)
	if len(entries) == limit && limit > 0 {
		end = entries[limit-1].Sequence
	}
	blocks, err := collect(ctx, r, "log", scanSummary, selectSummary+` WHERE environment_id = $1 AND last_sequence >= $2 AND first_sequence < $3
		ORDER BY last_sequence LIMIT $4`, environmentID, fromSequence, end, limit/minBlock+2)
	if err != nil {
		return nil, err
	}
	packed := 0
	for _, s := range blocks {
		if packed >= limit {
			break
		}
		block, err := r.entriesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		later := block[max(0, fromSequence-s.first):]
		packed += len(later)
		entries = append(entries, later...)
	}
	slices.SortFunc(entries, func(a, b store.LogEntry) int { return int(a.Sequence - b.Sequence) })
	return entries[:min(limit, len(entries))], nil
}

func (r reader) LogHas(ctx context.Context, environmentID string, ids []string) (map[string]bool, error) {
	has := make(map[string]bool)
	if len(ids) == 0 {
		return has, nil
	}
	// Ids sort by time, so that little lies between the least and the greatest of a batch besides the batch itself.
	least, greatest := slices.Min(ids), slices.Max(ids)
	known, err := collect(ctx, r, "log ids", scanText, selectKnownRows(r.bytewise), environmentID, least, greatest)
	if err != nil {
		return nil, err
	}
	blocks, err := collect(ctx, r, "log ids", scanSummary, selectKnownBlocks, environmentID, least, greatest)
	if err != nil || len(known)+len(blocks) == 0 {
		return has, err
	}
	asked := make(map[string]bool, len(ids))
	for _, id := range ids {
		asked[id] = true
	}
	for _, id := range known {
		if asked[id] {
			has[id] = true
		}
	}
	for _, s := range blocks {
		packed, err := r.entriesOf(ctx, s)
		if err != nil {
			return nil, err
		}
		for _, e := range packed {
			if asked[e.ID] {
				has[e.ID] = true
			}
		}
	}
	return has, nil
}

func (r reader) LogEndBefore(ctx context.Context, environmentID string, before time.Time) (int64, error) {
	// The first that is not older ends what is: the oldest are looked at first, and no more than have to go.
	young, err := r.sequence(ctx, `SELECT sequence FROM log_entries WHERE environment_id = $1 AND created_at >= $2 ORDER BY sequence LIMIT 1`,
		environmentID, micros(before))
	if err != nil {
		return 0, err
	}
	blocks, err := collect(ctx, r, "log", scanSummary, selectSummary+` WHERE environment_id = $1 AND newest >= $2 ORDER BY last_sequence LIMIT 1`,
		environmentID, micros(before))
	if err != nil {
		return 0, err
	}
	for _, s := range blocks {
		packed, err := r.entriesOf(ctx, s)
		if err != nil {
			return 0, err
		}
		i := slices.IndexFunc(packed, func(e store.LogEntry) bool { return !e.CreatedAt.Before(before) })
		if at := packed[max(i, 0)].Sequence; young == 0 || at < young {
			young = at
		}
	}
	if young > 0 {
		return young - 1, nil
	}
	return r.sequence(ctx, `SELECT COALESCE(MAX(last), 0) FROM (
		SELECT MAX(sequence) AS last FROM log_entries WHERE environment_id = $1 UNION ALL
		SELECT MAX(last_sequence) FROM log_blocks WHERE environment_id = $1) AS ends`, environmentID)
}

// sequence reads one number; 0 for none.
func (r reader) sequence(ctx context.Context, query string, args ...any) (int64, error) {
	n, err := one(ctx, r, scanNumber, query, args...)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	return n, err
}

func (r reader) ChainHead(ctx context.Context, environmentID string) (store.ChainHead, error) {
	h, err := one(ctx, r, scanHead, selectHead+r.lock, environmentID)
	h.EnvironmentID = environmentID
	return h, err
}

func scanHead(row scanner) (store.ChainHead, error) {
	var h store.ChainHead
	return h, found("chain", row.Scan(&h.Sequence, &h.Hash, &h.PrunedSequence, &h.PrunedHash))
}

func (w writer) AppendLog(ctx context.Context, head store.ChainHead, entries []store.LogEntry) error {
	if len(entries) == 0 {
		return nil
	}
	last := entries[len(entries)-1]
	if err := w.insertLog(ctx, entries); err != nil {
		return err
	}
	return w.exec(ctx, "move chain", moveHead, head.EnvironmentID, head.Sequence, last.Sequence, last.Hash)
}

func (w writer) PruneLog(ctx context.Context, environmentID string, upTo int64) error {
	last, err := w.LogChain(ctx, environmentID, upTo, 1)
	if err != nil {
		return err
	}
	if len(last) == 0 || last[0].Sequence != upTo {
		return store.ErrNotFound
	}
	err = w.exec(ctx, "prune log", `UPDATE chains SET pruned_sequence = $2, pruned_hash = $3 WHERE environment_id = $1`, environmentID, upTo, last[0].Hash)
	if err != nil {
		return err
	}
	if _, err = w.count(ctx, "prune log", `DELETE FROM checkpoints WHERE environment_id = $1 AND sequence < $2`, environmentID, upTo); err != nil {
		return err
	}
	if _, err = w.count(ctx, "prune log", `DELETE FROM log_entries WHERE environment_id = $1 AND sequence <= $2`, environmentID, upTo); err != nil {
		return err
	}
	return w.pruneBlocks(ctx, environmentID, upTo)
}
