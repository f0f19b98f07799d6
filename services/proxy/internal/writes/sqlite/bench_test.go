package sqlite_test

import (
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/sqlite"
)

// BenchmarkWrite is a whole write, from Begin to Finish, 32 at once, each
// step on the disk.
func BenchmarkWrite(b *testing.B) {
	dir := b.TempDir()
	if err := sqlite.Migrate(b.Context(), filepath.Join(dir, "writes.db")); err != nil {
		b.Fatal(err)
	}
	l, s, err := ledger(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	answer := writes.Answer{Status: 200, Body: make([]byte, 1000)}
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r := numbered(0)
			r.Key = strconv.FormatInt(n.Add(1), 10)
			t, _, err := l.Begin(b.Context(), r)
			if err != nil {
				b.Fatal(err)
			}
			if err := t.Sending(b.Context()); err != nil {
				b.Fatal(err)
			}
			if err := t.Finish(b.Context(), answer); err != nil {
				b.Fatal(err)
			}
		}
	})
}
