package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/store/sqlstore"
)

// BenchmarkAppend tells what the log costs: time of the CPU of this process per entry, without that of a PostgreSQL server.
func BenchmarkAppend(b *testing.B) {
	backends := []struct {
		name string
		open func(b *testing.B) (*sqlstore.DB, error)
	}{
		{"sqlite", func(b *testing.B) (*sqlstore.DB, error) {
			return sqlstore.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "auth.db"))
		}},
		{"postgres", func(b *testing.B) (*sqlstore.DB, error) {
			url := pgtest.Start(b).Database(b, "")
			if err := sqlstore.MigratePostgres(b.Context(), url); err != nil {
				return nil, err
			}
			return sqlstore.OpenPostgres(b.Context(), url)
		}},
	}
	for _, backend := range backends {
		b.Run(backend.name, func(b *testing.B) {
			s, err := backend.open(b)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			})
			environment := store.Environment{ID: uuid.NewString()}
			if err := s.Update(b.Context(), func(w store.Writer) error { return w.InsertEnvironment(b.Context(), environment) }); err != nil {
				b.Fatal(err)
			}
			appender := audit.NewAppender(s, time.Now)
			for _, size := range []int{1, 64, 512} {
				b.Run(fmt.Sprint(size), func(b *testing.B) { appends(b, appender, environment.ID, size) })
			}
		})
	}
}

// appends measures entries in batches as proxy sends them; making them does not count.
func appends(b *testing.B, appender *audit.Appender, environmentID string, size int) {
	var used time.Duration
	batch := make([]*authv1.LogEntry, size)
	b.ReportAllocs()
	for at := 0; at < b.N; at += size {
		b.StopTimer()
		for i := range batch {
			batch[i] = readEntry(b, environmentID, at+i)
		}
		b.StartTimer()
		began := cpu(b)
		if _, err := appender.Append(context.Background(), batch); err != nil {
			b.Fatal(err)
		}
		used += cpu(b) - began
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64((b.N+size-1)/size*size), "cpu-ns/entry")
}

// readEntry is an entry such as proxy makes of a page that was read.
func readEntry(b *testing.B, environmentID string, i int) *authv1.LogEntry {
	id, err := uuid.NewV7()
	if err != nil {
		b.Fatal(err)
	}
	account, ok := fmt.Sprintf("018f2d6e-5c3a-7b1e-9d4f-0000%08x", i%100), int32(200)
	return &authv1.LogEntry{
		Id: id.String(), EnvironmentId: environmentID, LogType: "unified_proxy_api", Phase: "outcome", CreatedAt: timestamppb.Now(),
		ActorKind: "api", ActorId: "018f2d6e-5c3a-7b1e-9d4f-000000000000", Action: "torii.users.list", RequestId: uuid.NewString(),
		IntegratedAccountId: &account, Status: &ok, UpstreamStatus: &ok, DurationMs: new(int32(3)),
	}
}

// cpu is the time that this process has used.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
