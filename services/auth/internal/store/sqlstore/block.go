package sqlstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// An append of many entries is stored as blocks. A row of its own, with its indexes, costs an entry ten times what its body and hash do; a row that
// it shares with some hundred others costs less than these. Entries that come in ones and twos have rows of their own, where SQL finds them.
const (
	// minBlock is the fewest entries that share a row.
	minBlock = 8
	// maxBlock and maxBlockSize bound what must be read to find one entry.
	maxBlock     = 512
	maxBlockSize = 1 << 20
)

// summary is what SQL knows of a block: enough to pass it over.
type summary struct {
	environmentID       string
	first, last         int64 // sequences
	leastID, greatestID string
	oldest, newest      time.Time
	filter              filter
}

// blockLength is how many of the entries the next block takes; 0 when they are to have rows of their own.
func blockLength(entries []store.LogEntry) int {
	size := 0
	for i, e := range entries {
		size += len(e.Body)
		if i == maxBlock || i >= minBlock && size > maxBlockSize {
			return i
		}
	}
	if len(entries) < minBlock {
		return 0
	}
	return len(entries)
}

// summarise describes a run of entries of one chain.
func summarise(entries []store.LogEntry) summary {
	first, last := entries[0], entries[len(entries)-1]
	s := summary{
		environmentID: first.EnvironmentID, first: first.Sequence, last: last.Sequence,
		leastID: first.ID, greatestID: first.ID, oldest: first.CreatedAt, newest: first.CreatedAt,
	}
	found := make(map[uint64]bool)
	for _, e := range entries {
		s.leastID, s.greatestID = min(s.leastID, e.ID), max(s.greatestID, e.ID)
		if e.CreatedAt.Before(s.oldest) {
			s.oldest = e.CreatedAt
		}
		if e.CreatedAt.After(s.newest) {
			s.newest = e.CreatedAt
		}
		found[digestOf("log_type", e.Type)] = true
		found[digestOf("account_id", e.AccountID)] = true
		found[digestOf("mcp_server_id", e.MCPServerID)] = true
		found[digestOf("tool_name", e.ToolName)] = true
		found[digestOf("status", strconv.Itoa(e.Status))] = true
	}
	s.filter = newFilter(found)
	return s
}

// mayMatch is false when no entry of the block is one that f selects.
func (s summary) mayMatch(f store.LogFilter) bool {
	for _, c := range []struct{ column, value string }{
		{"log_type", f.Type}, {"mcp_server_id", f.MCPServerID}, {"tool_name", f.ToolName},
	} {
		if c.value != "" && !s.filter.mayHold(digestOf(c.column, c.value)) {
			return false
		}
	}
	if f.Status != 0 && !s.filter.mayHold(digestOf("status", strconv.Itoa(f.Status))) {
		return false
	}
	for _, id := range f.Accounts {
		if s.filter.mayHold(digestOf("account_id", id)) {
			return true
		}
	}
	return f.Accounts == nil
}

// blockVersion begins a block; the rest is compressed by s2, which gets entries to a fifth for less than it costs to write the other four.
const blockVersion = 1

// packer makes the bytes of blocks, one at a time, in the same memory.
type packer struct{ plain, packed []byte }

var packers = sync.Pool{New: func() any { return new(packer) }} //nolint:gochecknoglobals // a pool of buffers has no state of its own

// pack writes what entries hold besides environment and sequence, field after field, each text with its length before it. The result is good until
// the next call.
func (p *packer) pack(entries []store.LogEntry) []byte {
	b := p.plain[:0]
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	bytes := func(s []byte) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	for _, e := range entries {
		text(e.ID)
		text(e.Type)
		b = binary.AppendVarint(b, micros(e.CreatedAt))
		text(e.AccountID)
		text(e.MCPServerID)
		text(e.ToolName)
		b = binary.AppendVarint(b, int64(e.Status))
		bytes(e.Body)
		bytes(e.Hash)
	}
	p.plain = b
	p.packed = slices.Grow(append(p.packed[:0], blockVersion), s2.MaxEncodedLen(len(b)))
	return p.packed[:1+len(s2.Encode(p.packed[1:cap(p.packed)], b))]
}

// unpack reads the entries of a block.
func (s summary) unpack(packed []byte) ([]store.LogEntry, error) {
	if len(packed) == 0 || packed[0] != blockVersion {
		return nil, fmt.Errorf("store: the block of log entries %d to %d is of another version", s.first, s.last)
	}
	b, err := s2.Decode(nil, packed[1:])
	in := unpacker{rest: b, err: err}
	entries := make([]store.LogEntry, s.last-s.first+1)
	for i := range entries {
		entries[i] = store.LogEntry{
			EnvironmentID: s.environmentID, Sequence: s.first + int64(i),
			ID: string(in.bytes()), Type: string(in.bytes()), CreatedAt: in.time(), AccountID: string(in.bytes()), MCPServerID: string(in.bytes()),
			ToolName: string(in.bytes()), Status: int(in.number()), Body: in.bytes(), Hash: in.bytes(),
		}
	}
	if in.err != nil || len(in.rest) > 0 {
		return nil, fmt.Errorf("store: the block of log entries %d to %d cannot be read", s.first, s.last)
	}
	return entries, nil
}

// unpacker takes fields off the front of a block.
type unpacker struct {
	rest []byte
	err  error
}

var errShort = errors.New("store: a block ends too early")

func (u *unpacker) number() int64 {
	v, n := binary.Varint(u.rest)
	return int64(u.skip(n, uint64(v)))
}

func (u *unpacker) time() (t time.Time) {
	if us := u.number(); us != 0 {
		t = time.UnixMicro(us).UTC()
	}
	return t
}

func (u *unpacker) bytes() []byte {
	v, n := binary.Uvarint(u.rest)
	length := u.skip(n, v)
	if length > uint64(len(u.rest)) {
		u.err, length = errShort, 0
	}
	var b []byte
	b, u.rest = u.rest[:length:length], u.rest[length:]
	return b
}

// skip passes over a number of n bytes.
func (u *unpacker) skip(n int, v uint64) uint64 {
	if n <= 0 {
		u.err, u.rest = errShort, nil
		return 0
	}
	u.rest = u.rest[n:]
	return v
}
