package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// append adds entries behind the head.
func (f *fixture) append(environmentID string, entries ...store.LogEntry) {
	f.t.Helper()
	f.write(func(w store.Writer) error {
		head, err := w.ChainHead(f.ctx, environmentID)
		if err != nil {
			return err
		}
		for i := range entries {
			e := &entries[i]
			e.EnvironmentID, e.Sequence = environmentID, head.Sequence+int64(i)+1
			e.ID, e.Body, e.Hash = fmt.Sprintf("%s-%d", environmentID, e.Sequence), []byte(fmt.Sprint("body", e.Sequence)), []byte(fmt.Sprint("hash", e.Sequence))
			if e.CreatedAt.IsZero() {
				e.CreatedAt = f.now
			}
		}
		return w.AppendLog(f.ctx, head, entries)
	})
}

func sequences(rows []store.LogEntry) []int64 {
	var all []int64
	for _, e := range rows {
		all = append(all, e.Sequence)
	}
	return all
}

func logFilters(t *testing.T, f *fixture) {
	e, other := f.environment(), f.environment()
	f.append(other.ID, store.LogEntry{Type: "admin"})
	f.append(e.ID,
		store.LogEntry{Type: "admin", Status: 200},
		store.LogEntry{Type: "mcp", Status: 200, AccountID: "a1", MCPServerID: "m1", ToolName: "list_all_torii_users", CreatedAt: f.now.Add(time.Second)},
		store.LogEntry{Type: "mcp", Status: 403, AccountID: "a2", MCPServerID: "m2", ToolName: "get", CreatedAt: f.now.Add(2 * time.Second)},
	)
	for _, c := range []struct {
		name   string
		filter store.LogFilter
		want   []int64
	}{
		{"all", store.LogFilter{}, []int64{3, 2, 1}},
		{"type", store.LogFilter{Type: "mcp"}, []int64{3, 2}},
		{"status", store.LogFilter{Status: 200}, []int64{2, 1}},
		{"account", store.LogFilter{Accounts: []string{"a2"}}, []int64{3}},
		{"no account", store.LogFilter{Accounts: []string{}}, nil},
		{"server", store.LogFilter{MCPServerID: "m1"}, []int64{2}},
		{"tool", store.LogFilter{ToolName: "get"}, []int64{3}},
		{"after", store.LogFilter{CreatedAfter: f.now}, []int64{3, 2}},
		{"before", store.LogFilter{CreatedBefore: f.now.Add(2 * time.Second)}, []int64{2, 1}},
		{"all at once", store.LogFilter{Type: "mcp", Status: 403, ToolName: "get", CreatedAfter: f.now}, []int64{3}},
	} {
		c.filter.EnvironmentID = e.ID
		rows, err := f.LogEntries(f.ctx, c.filter, 0, 10)
		f.must(err)
		diff(t, c.name, c.want, sequences(rows))
	}
	rows, err := f.LogEntries(f.ctx, store.LogFilter{EnvironmentID: e.ID}, 3, 1)
	f.must(err)
	diff(t, "the page before the third", []int64{2}, sequences(rows))
	if string(rows[0].Body) != "body2" || string(rows[0].Hash) != "hash2" {
		t.Errorf("body %q, hash %q", rows[0].Body, rows[0].Hash)
	}
}

func chain(t *testing.T, f *fixture) {
	e := f.environment()
	f.append(e.ID, store.LogEntry{Type: "admin"}, store.LogEntry{Type: "admin"})
	head, err := f.ChainHead(f.ctx, e.ID)
	f.must(err)
	diff(t, "head", store.ChainHead{EnvironmentID: e.ID, Sequence: 2, Hash: []byte("hash2"), PrunedHash: []byte{}}, head)
	_, err = f.ChainHead(f.ctx, f.id())
	notFound(t, "the chain of an unknown environment", err)

	stale := head
	stale.Sequence = 1
	notFound(t, "appending to an old head", f.Update(f.ctx, func(w store.Writer) error {
		return w.AppendLog(f.ctx, stale, []store.LogEntry{{EnvironmentID: e.ID, Sequence: 3, ID: "x", Body: []byte{}, Hash: []byte{}}})
	}))
	known, err := f.LogHas(f.ctx, e.ID, []string{e.ID + "-1", "unknown"})
	f.must(err)
	diff(t, "known ids", map[string]bool{e.ID + "-1": true}, known)
}

func prune(t *testing.T, f *fixture) {
	e := f.environment()
	entries := make([]store.LogEntry, 5)
	for i, minutes := range []int{0, 3, 1, 4, 2} { // what is recorded late is not in the order of its time
		entries[i].CreatedAt = f.now.Add(time.Duration(minutes) * time.Minute)
	}
	f.append(e.ID, entries...)
	for minutes, want := range map[int]int64{0: 0, 1: 1, 2: 1, 3: 1, 4: 3, 5: 5} {
		end, err := f.LogEndBefore(f.ctx, e.ID, f.now.Add(time.Duration(minutes)*time.Minute))
		f.must(err)
		if end != want {
			t.Errorf("older than minute %d is all up to %d, want %d", minutes, end, want)
		}
	}
	for _, sequence := range []int64{2, 3, 5, 5} {
		f.write(func(w store.Writer) error {
			return w.PutCheckpoint(f.ctx, store.Checkpoint{EnvironmentID: e.ID, Sequence: sequence, Signed: fmt.Sprint("signed ", sequence), CreatedAt: f.now})
		})
	}
	f.write(func(w store.Writer) error { return w.PruneLog(f.ctx, e.ID, 3) })
	rows, err := f.LogChain(f.ctx, e.ID, 0, 10)
	f.must(err)
	diff(t, "what is left", []int64{4, 5}, sequences(rows))
	points, err := f.Checkpoints(f.ctx, e.ID, 0)
	f.must(err)
	diff(t, "checkpoints left", []store.Checkpoint{
		{EnvironmentID: e.ID, Sequence: 3, Signed: "signed 3", CreatedAt: f.now}, {EnvironmentID: e.ID, Sequence: 5, Signed: "signed 5", CreatedAt: f.now},
	}, points)
	head, err := f.ChainHead(f.ctx, e.ID)
	f.must(err)
	diff(t, "head", store.ChainHead{EnvironmentID: e.ID, Sequence: 5, Hash: []byte("hash5"), PrunedSequence: 3, PrunedHash: []byte("hash3")}, head)
	notFound(t, "pruning up to an entry that is gone", f.Update(f.ctx, func(w store.Writer) error { return w.PruneLog(f.ctx, e.ID, 2) }))
}

func events(t *testing.T, f *fixture) {
	for i := range 3 {
		e := store.Event{TokenIDs: []string{fmt.Sprint("t", i)}, At: f.now}
		if i == 2 {
			e = store.Event{AccountIDs: []string{"a"}, SigningKeys: true, At: f.now.Add(time.Minute)}
		}
		f.write(func(w store.Writer) error { return w.Publish(f.ctx, e) })
	}
	last, err := f.LastEvent(f.ctx)
	f.must(err)
	got, err := f.Events(f.ctx, last-2, 10)
	f.must(err)
	diff(t, "events", []store.Event{
		{Sequence: last - 1, TokenIDs: []string{"t1"}, At: f.now},
		{Sequence: last, AccountIDs: []string{"a"}, SigningKeys: true, At: f.now.Add(time.Minute)},
	}, got)
	f.write(func(w store.Writer) error { return w.PruneEvents(f.ctx, f.now.Add(time.Second)) })
	got, err = f.Events(f.ctx, 0, 10)
	f.must(err)
	if len(got) != 1 || got[0].Sequence != last {
		t.Errorf("after pruning: %v", got)
	}
	if again, err := f.LastEvent(f.ctx); err != nil || again != last {
		t.Errorf("pruning moved the sequence to %d, %v", again, err)
	}
}

func concurrent(t *testing.T, f *fixture) {
	e := f.environment()
	const writers, each = 8, 10
	var wg sync.WaitGroup
	errs := make(chan error, writers*each)
	for n := range writers {
		wg.Go(func() {
			for i := range each {
				errs <- f.Update(f.ctx, func(w store.Writer) error {
					head, err := w.ChainHead(f.ctx, e.ID)
					if err != nil {
						return err
					}
					if err := w.Publish(f.ctx, store.Event{TokenIDs: []string{fmt.Sprint(n, i)}, At: f.now}); err != nil {
						return err
					}
					return w.AppendLog(f.ctx, head, []store.LogEntry{{
						EnvironmentID: e.ID, Sequence: head.Sequence + 1, ID: fmt.Sprint(n, "-", i), Type: "admin", CreatedAt: f.now, Body: []byte{1}, Hash: []byte{1},
					}})
				})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		f.must(err)
	}
	rows, err := f.LogChain(f.ctx, e.ID, 0, writers*each+1)
	f.must(err)
	if len(rows) != writers*each {
		t.Errorf("%d entries of %d are in the log", len(rows), writers*each)
	}
	seen, err := f.Events(f.ctx, 0, writers*each+1)
	f.must(err)
	if len(seen) != writers*each || seen[len(seen)-1].Sequence != int64(writers*each) {
		t.Errorf("%d events of %d", len(seen), writers*each)
	}
}
