package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// append adds entries behind the head.
func (f *fixture) append(environmentID string, entries ...store.LogEntry) {
	f.t.Helper()
	f.must(f.tryAppend(environmentID, entries...))
}

func (f *fixture) tryAppend(environmentID string, entries ...store.LogEntry) error {
	return f.Update(f.ctx, func(w store.Writer) error {
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
		rows, _, err := f.LogEntries(f.ctx, c.filter, store.LogPage{Limit: 10})
		f.must(err)
		diff(t, c.name, c.want, sequences(rows))
		f.reads(c.name, c.filter, c.want)
	}
	rows, _, err := f.LogEntries(f.ctx, store.LogFilter{EnvironmentID: e.ID}, store.LogPage{Before: 3, Limit: 1})
	f.must(err)
	diff(t, "the page before the third", []int64{2}, sequences(rows))
	if string(rows[0].Body) != "body2" || string(rows[0].Hash) != "hash2" {
		t.Errorf("body %q, hash %q", rows[0].Body, rows[0].Hash)
	}
}

// reads follows the log from its beginning in pages of several sizes, which must give the same entries as reading it backwards.
func (f *fixture) reads(name string, filter store.LogFilter, newestFirst []int64) {
	f.t.Helper()
	want := slices.Clone(newestFirst)
	slices.Reverse(want)
	for _, limit := range []int{1, 3, 700} {
		if limit < 700 && len(want) > 20 {
			continue
		}
		var got []int64
		for after := int64(0); ; {
			rows, seen, err := f.LogEntries(f.ctx, filter, store.LogPage{After: after, OldestFirst: true, Limit: limit})
			f.must(err)
			got = append(got, sequences(rows)...)
			if seen < after || len(rows) > 0 && seen < rows[len(rows)-1].Sequence {
				f.t.Fatalf("%s: looked through up to %d after %d", name, seen, after)
			}
			after = seen
			if len(rows) < limit {
				break
			}
		}
		diff(f.t, fmt.Sprint(name, ", oldest first by ", limit), want, got)
	}
}

// TestE3 at the store: whoever follows the log while others add to it, in rows and in blocks, and remove its beginning, gets every entry once.
func followLog(t *testing.T, f *fixture) {
	e := f.environment()
	const writers, appends = 4, 25
	var writing sync.WaitGroup
	for n := range writers {
		writing.Go(func() {
			for i := range appends {
				if err := f.tryAppend(e.ID, make([]store.LogEntry, 1+(n+i)%3*9)...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writing.Wait(); close(done) }()
	var forwards []int64
	for after, last := int64(0), false; ; {
		rows, seen, err := f.LogEntries(f.ctx, store.LogFilter{EnvironmentID: e.ID}, store.LogPage{After: after, OldestFirst: true, Limit: 7})
		f.must(err)
		forwards = append(forwards, sequences(rows)...)
		after = seen
		backwards, _, err := f.LogEntries(f.ctx, store.LogFilter{EnvironmentID: e.ID}, store.LogPage{Limit: 50})
		f.must(err)
		for i, row := range backwards {
			if row.Sequence != backwards[0].Sequence-int64(i) {
				t.Fatalf("newest first: %v", sequences(backwards))
			}
		}
		if len(rows) > 0 {
			continue
		}
		if last {
			break
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
	head, err := f.ChainHead(f.ctx, e.ID)
	f.must(err)
	want := make([]int64, head.Sequence)
	for i := range want {
		want[i] = int64(i + 1)
	}
	diff(t, "the log as it was followed", want, forwards)
}

// many makes an append such as a busy proxy brings: 1200 entries, one each second, of 600 accounts and two statuses.
func (f *fixture) many() []store.LogEntry {
	entries := make([]store.LogEntry, 1200)
	for i := range entries {
		entries[i] = store.LogEntry{Type: "unified_proxy_api", AccountID: fmt.Sprint("a", i%600), Status: 200, CreatedAt: f.now.Add(time.Duration(i) * time.Second)}
		if i%400 == 399 {
			entries[i].Status = 429
		}
	}
	return entries
}

// A backend may keep entries that come together in another way than those that come alone; nobody sees it.
func manyAtOnce(t *testing.T, f *fixture) {
	e := f.environment()
	f.append(e.ID, store.LogEntry{Type: "admin", Status: 200, AccountID: "a7"})
	f.append(e.ID, f.many()...) // 2 to 1201
	f.append(e.ID, store.LogEntry{Type: "mcp", Status: 429, MCPServerID: "m1", ToolName: "get", CreatedAt: f.now.Add(time.Hour)})
	second := func(n int) time.Time { return f.now.Add(time.Duration(n) * time.Second) }
	for _, c := range []struct {
		name   string
		filter store.LogFilter
		before int64
		want   []int64
	}{
		{"all", store.LogFilter{}, 0, []int64{1202, 1201, 1200, 1199, 1198}},
		{"a page in the middle", store.LogFilter{}, 701, []int64{700, 699, 698, 697, 696}},
		{"the last page", store.LogFilter{}, 4, []int64{3, 2, 1}},
		{"type", store.LogFilter{Type: "unified_proxy_api"}, 0, []int64{1201, 1200, 1199, 1198, 1197}},
		{"type of few", store.LogFilter{Type: "admin"}, 0, []int64{1}},
		{"status", store.LogFilter{Status: 429}, 0, []int64{1202, 1201, 801, 401}},
		{"account", store.LogFilter{Accounts: []string{"a7"}}, 0, []int64{609, 9, 1}},
		{"accounts", store.LogFilter{Accounts: []string{"a7", "a9", "none"}}, 0, []int64{611, 609, 11, 9, 1}},
		{"an account before", store.LogFilter{Accounts: []string{"a7"}}, 609, []int64{9, 1}},
		{"no account", store.LogFilter{Accounts: []string{}}, 0, nil},
		{"an unknown account", store.LogFilter{Accounts: []string{"a600"}}, 0, nil},
		{"server", store.LogFilter{MCPServerID: "m1"}, 0, []int64{1202}},
		{"tool", store.LogFilter{ToolName: "get"}, 0, []int64{1202}},
		{"between", store.LogFilter{CreatedAfter: second(699), CreatedBefore: second(702)}, 0, []int64{703, 702}},
		{"all at once", store.LogFilter{Type: "unified_proxy_api", Status: 429, Accounts: []string{"a399"}, CreatedAfter: second(1)}, 0, []int64{401}},
	} {
		c.filter.EnvironmentID = e.ID
		rows, _, err := f.LogEntries(f.ctx, c.filter, store.LogPage{Before: c.before, Limit: 5})
		f.must(err)
		diff(t, c.name, c.want, sequences(rows))
		if c.before == 0 {
			all, _, err := f.LogEntries(f.ctx, c.filter, store.LogPage{Limit: 2000})
			f.must(err)
			f.reads(c.name, c.filter, sequences(all))
		}
	}
	for _, from := range []int64{0, 1, 2, 3, 513, 514, 1201, 1202, 1203} {
		rows, err := f.LogChain(f.ctx, e.ID, from, 2)
		f.must(err)
		var want []int64
		for n := max(from, 1); n <= 1202 && len(want) < 2; n++ {
			want = append(want, n)
		}
		diff(t, fmt.Sprint("the chain from ", from), want, sequences(rows))
	}
	rows, err := f.LogChain(f.ctx, e.ID, 1, 1202)
	f.must(err)
	for i, want := range f.many() {
		want.EnvironmentID, want.Sequence = e.ID, int64(i+2)
		want.ID, want.Body, want.Hash = fmt.Sprintf("%s-%d", e.ID, i+2), []byte(fmt.Sprint("body", i+2)), []byte(fmt.Sprint("hash", i+2))
		diff(t, fmt.Sprint("entry ", i+2), want, rows[i+1])
	}
	known, err := f.LogHas(f.ctx, e.ID, []string{e.ID + "-1", e.ID + "-2", e.ID + "-1201", e.ID + "-1202", e.ID + "-1203", e.ID, "zzz"})
	f.must(err)
	diff(t, "known ids", map[string]bool{e.ID + "-1": true, e.ID + "-2": true, e.ID + "-1201": true, e.ID + "-1202": true}, known)
	none, err := f.LogHas(f.ctx, e.ID, nil)
	f.must(err)
	diff(t, "no ids", map[string]bool{}, none)
}

func pruneMany(t *testing.T, f *fixture) {
	e := f.environment()
	f.append(e.ID, f.many()...)
	for seconds, want := range map[int]int64{0: 0, 1: 1, 700: 700, 1199: 1199, 1200: 1200} {
		end, err := f.LogEndBefore(f.ctx, e.ID, f.now.Add(time.Duration(seconds)*time.Second))
		f.must(err)
		if end != want {
			t.Errorf("older than second %d is all up to %d, want %d", seconds, end, want)
		}
	}
	// In the middle, near the end and all.
	for _, upTo := range []int64{1, 700, 1197, 1200} {
		f.write(func(w store.Writer) error { return w.PruneLog(f.ctx, e.ID, upTo) })
		rows, err := f.LogChain(f.ctx, e.ID, 0, 2000)
		f.must(err)
		if want := 1200 - int(upTo); len(rows) != want || want > 0 && rows[0].Sequence != upTo+1 {
			t.Errorf("after pruning up to %d there are %d entries, want %d", upTo, len(rows), want)
		}
		head, err := f.ChainHead(f.ctx, e.ID)
		f.must(err)
		if head.PrunedSequence != upTo || string(head.PrunedHash) != fmt.Sprint("hash", upTo) || head.Sequence != 1200 {
			t.Errorf("after pruning up to %d the head is %+v", upTo, head)
		}
		known, err := f.LogHas(f.ctx, e.ID, []string{fmt.Sprintf("%s-%d", e.ID, upTo)})
		f.must(err)
		diff(t, "the id of what is gone", map[string]bool{}, known)
	}
	notFound(t, "pruning what is gone", f.Update(f.ctx, func(w store.Writer) error { return w.PruneLog(f.ctx, e.ID, 700) }))
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
			e = store.Event{AccountIDs: []string{"a"}, Answers: []string{"x", "y"}, SigningKeys: true, At: f.now.Add(time.Minute)}
		}
		f.write(func(w store.Writer) error { return w.Publish(f.ctx, e) })
	}
	last, err := f.LastEvent(f.ctx)
	f.must(err)
	got, err := f.Events(f.ctx, last-2, 10)
	f.must(err)
	diff(t, "events", []store.Event{
		{Sequence: last - 1, TokenIDs: []string{"t1"}, At: f.now},
		{Sequence: last, AccountIDs: []string{"a"}, Answers: []string{"x", "y"}, SigningKeys: true, At: f.now.Add(time.Minute)},
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
