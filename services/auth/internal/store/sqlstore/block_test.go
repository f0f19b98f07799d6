package sqlstore

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

func someEntries() []store.LogEntry {
	now := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	entries := make([]store.LogEntry, minBlock)
	for i := range entries {
		entries[i] = store.LogEntry{EnvironmentID: "e", Sequence: int64(i + 3), ID: "id", Type: "mcp", CreatedAt: now, Status: 200, Body: []byte(`{"a":1}`), Hash: []byte{1, 2}}
	}
	entries[1] = store.LogEntry{EnvironmentID: "e", Sequence: 4, AccountID: "a", MCPServerID: "m", ToolName: "t", Status: -1, Body: []byte{}, Hash: []byte{}}
	return entries
}

func TestBlocksAreReadAsTheyWereWritten(t *testing.T) {
	entries := someEntries()
	var p packer
	p.pack(append(entries, entries...)) // what was in the memory before does not show
	got, err := summarise(entries).unpack(p.pack(entries))
	if diff := cmp.Diff(entries, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestDamagedBlocksAreRefused(t *testing.T) {
	packed := new(packer).pack(someEntries())
	s := summarise(someEntries())
	for n := range packed {
		if _, err := s.unpack(packed[:n]); err == nil {
			t.Errorf("the first %d bytes of %d were read as a block", n, len(packed))
		}
	}
	s.last--
	if _, err := s.unpack(packed); err == nil {
		t.Error("a block with more entries than its row says was read")
	}
	s.last += 2
	if _, err := s.unpack(packed); err == nil {
		t.Error("a block with fewer entries than its row says was read")
	}
	packed[0]++
	if _, err := summarise(someEntries()).unpack(packed); err == nil {
		t.Error("a block of another version was read")
	}
}

func TestLargeEntriesMakeSmallBlocks(t *testing.T) {
	entries := make([]store.LogEntry, 3*maxBlock)
	if n := blockLength(entries); n != maxBlock {
		t.Errorf("a block takes %d entries, want %d", n, maxBlock)
	}
	if n := blockLength(entries[:minBlock-1]); n != 0 {
		t.Errorf("a block takes %d entries, want rows of their own", n)
	}
	for i := range entries {
		entries[i].Body = make([]byte, maxBlockSize/100)
	}
	if n := blockLength(entries); n != 100 {
		t.Errorf("a block takes %d large entries, want 100", n)
	}
}
