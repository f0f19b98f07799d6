package relay

import (
	"context"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"github.com/google/uuid"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

// log counts what is recorded.
type log struct{ entries int }

func (l *log) AppendAudit(_ context.Context, r *internalauthv1.AppendAuditRequest) (*internalauthv1.AppendAuditResponse, error) {
	l.entries += len(r.GetEntries())
	return &internalauthv1.AppendAuditResponse{}, nil
}

func TestIDsAreUUIDsThatSortByTime(t *testing.T) {
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	last := ""
	for range 5000 { // across some milliseconds
		text := entryID(now)
		id, err := uuid.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		seconds, nanos := id.Time().UnixTime()
		if id.Version() != 7 || id.Variant() != uuid.RFC4122 || !time.Unix(seconds, nanos).Equal(now.Truncate(time.Millisecond)) {
			t.Fatalf("%s is of version %d, variant %s and time %v, want %v", id, id.Version(), id.Variant(), time.Unix(seconds, nanos), now)
		}
		if text <= last {
			t.Fatalf("%s follows %s", text, last)
		}
		last, now = text, now.Add(time.Microsecond)
	}
	if one, other := entryID(now), entryID(now); one == other {
		t.Error("two ids of one moment are the same")
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

// BenchmarkNote is the request log's part of a read: making the entry, and handing it to auth in a batch.
func BenchmarkNote(b *testing.B) {
	for _, c := range []struct {
		name string
		err  error
	}{{"served", nil}, {"refused", rpcerr.New(rpcerr.RateLimited, "")}} {
		b.Run(c.name, func(b *testing.B) {
			server, l := connect.NewServer(), &log{}
			internalauthv1connect.RegisterAuditServiceHandler(server, l)
			auditor := access.NewAuditor(connect.NewClient(connectinprocess.New(server)), slog.New(slog.DiscardHandler))
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- auditor.Run(ctx) }()
			s := &Service{Deps: Deps{Audit: auditor, Errors: kittest.Errors(b), Now: time.Now}}
			called := &call{
				caller: &access.Caller{Grant: &grant.Grant{
					Kind: access.KindAPI, TokenID: "018f2d6e-5c3a-7b1e-9d4f-000000000001", EnvironmentID: "018f2d6e-5c3a-7b1e-9d4f-000000000002",
				}},
				lease: &credential.Lease{Account: "018f2d6e-5c3a-7b1e-9d4f-000000000003"},
				op:    &route.Operation{Operation: &catalogv1.Operation{Id: "torii.users.list"}}, began: time.Now(), upstreamStatus: 200,
			}
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				s.note(ctx, called, c.err)
			}
			stop()
			if err := <-ended; err != nil {
				b.Fatal(err)
			}
			if int64(l.entries)+auditor.Dropped() < int64(b.N) {
				b.Errorf("%d entries recorded and %d dropped, want %d", l.entries, auditor.Dropped(), b.N)
			}
			b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
			b.ReportMetric(float64(auditor.Dropped())/float64(b.N), "dropped/op")
		})
	}
}
