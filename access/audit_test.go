package access

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

// fakeLog keeps the size of every append.
type fakeLog struct {
	mu      sync.Mutex
	appends []int
	broken  bool
}

func (f *fakeLog) AppendAudit(_ context.Context, r *internalauthv1.AppendAuditRequest) (*internalauthv1.AppendAuditResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken {
		return nil, errors.New("the store is away")
	}
	f.appends = append(f.appends, len(r.Entries))
	return &internalauthv1.AppendAuditResponse{}, nil
}

// breakDown has appends fail, or succeed again.
func (f *fakeLog) breakDown(broken bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = broken
}

func (f *fakeLog) total() (appends, entries int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, n := range f.appends {
		entries += n
	}
	return len(f.appends), entries
}

func audit(t *testing.T, test func(t *testing.T, f *fakeLog, a *Auditor)) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeLog{}
		server := connect.NewServer()
		internalauthv1connect.RegisterAuditServiceHandler(server, f)
		a := NewAuditor(connect.NewClient(connectinprocess.New(server)), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- a.Run(ctx) }()
		test(t, f, a)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestEntriesThatAreNotUrgentTravelTogether(t *testing.T) {
	audit(t, func(t *testing.T, f *fakeLog, a *Auditor) {
		for range 100 {
			a.Later(&authv1.LogEntry{})
		}
		synctest.Wait()
		if n, _ := f.total(); n != 0 {
			t.Errorf("%d appends at once, want none yet", n)
		}
		if err := a.Record(t.Context(), &authv1.LogEntry{}); err != nil {
			t.Fatal(err)
		}
		if appends, entries := f.total(); appends != 1 || entries != 101 {
			t.Errorf("%d entries in %d appends, want 101 in one", entries, appends)
		}
	})
}

func TestABatchDoesNotWait(t *testing.T) {
	audit(t, func(t *testing.T, f *fakeLog, a *Auditor) {
		for range maxBatch {
			a.Later(&authv1.LogEntry{})
		}
		synctest.Wait()
		if _, entries := f.total(); entries != maxBatch {
			t.Errorf("%d entries recorded, want %d", entries, maxBatch)
		}
	})
}

func TestWhatWaitsIsRecordedAtTheEnd(t *testing.T) {
	var log *fakeLog
	audit(t, func(_ *testing.T, f *fakeLog, a *Auditor) {
		log = f
		a.Later(&authv1.LogEntry{})
	})
	if _, entries := log.total(); entries != 1 {
		t.Errorf("%d entries recorded, want 1", entries)
	}
}

func TestAStoreThatIsAwayIsSaid(t *testing.T) {
	audit(t, func(t *testing.T, f *fakeLog, a *Auditor) {
		f.broken = true
		if err := a.Record(t.Context(), &authv1.LogEntry{}); codeOf(err) != CodeAuditUnavailable {
			t.Errorf("got %v, want AUDIT_UNAVAILABLE", err)
		}
	})
}

func TestWhatNobodyWaitsForIsTriedAgain(t *testing.T) {
	audit(t, func(t *testing.T, f *fakeLog, a *Auditor) {
		f.breakDown(true)
		for range 3 {
			a.Later(&authv1.LogEntry{})
			time.Sleep(2 * flushEvery)
		}
		f.breakDown(false)
		time.Sleep(2 * flushEvery)
		if _, entries := f.total(); entries != 3 || a.Dropped() != 0 {
			t.Errorf("%d entries recorded and %d dropped, want 3 and none", entries, a.Dropped())
		}
	})
}

func TestOnlyReadsAreDropped(t *testing.T) {
	var a Auditor
	for range laterQueue {
		a.keep([]*authv1.LogEntry{{}})
	}
	a.keep([]*authv1.LogEntry{{}, {IntentId: new(string)}})
	if len(a.kept) != laterQueue+1 || a.Dropped() != 1 {
		t.Errorf("%d entries kept and %d dropped, want %d and 1", len(a.kept), a.Dropped(), laterQueue+1)
	}
}

func TestTheEndDoesNotWaitForever(t *testing.T) {
	var lost *Auditor
	audit(t, func(_ *testing.T, f *fakeLog, a *Auditor) {
		lost = a
		f.breakDown(true)
		a.Later(&authv1.LogEntry{})
	})
	if lost.Dropped() != 1 {
		t.Errorf("%d entries dropped, want 1", lost.Dropped())
	}
}
