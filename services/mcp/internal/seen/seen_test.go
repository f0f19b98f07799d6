package seen_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/services/mcp/internal/seen"
)

// records notes what it is told.
type records struct {
	internalauthv1connect.McpServerRecordServiceHandler

	mu   sync.Mutex
	told []string
}

func (r *records) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

func (r *records) TouchMcpServerRecord(
	ctx context.Context, req *internalauthv1.TouchMcpServerRecordRequest,
) (*internalauthv1.TouchMcpServerRecordResponse, error) {
	info, _ := connect.CallInfoForServerContext(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, req.GetId()+" "+req.GetClient()+" "+info.RequestHeader().Get(access.HeaderAuthorization))
	return &internalauthv1.TouchMcpServerRecordResponse{}, nil
}

// Use is told once a minute, a change of client after seconds, and what is left when the service stops.
func TestUseIsToldInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := &records{}
		server := connect.NewServer()
		internalauthv1connect.RegisterMcpServerRecordServiceHandler(server, auth)
		tracker := seen.New(connect.NewClient(connectinprocess.New(server), access.BearerOut()), slog.New(slog.DiscardHandler), time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- tracker.Run(ctx) }()

		caller := access.WithCaller(t.Context(), &access.Caller{Bearer: "grant"})
		use := func(client string) { tracker.Used(caller, &internalauthv1.McpServer{Id: "s"}, client) }
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, auth.all()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		}
		use("a/1")
		use("")
		expect()
		time.Sleep(6 * time.Second)
		expect("s a/1 Bearer grant")
		use("")
		time.Sleep(6 * time.Second)
		expect("s a/1 Bearer grant")
		use("b/2")
		time.Sleep(6 * time.Second)
		expect("s a/1 Bearer grant", "s b/2 Bearer grant")
		if got := tracker.Client(&internalauthv1.McpServer{Id: "s"}); got != "b/2" {
			t.Errorf("client %q", got)
		}
		use("")
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		expect("s a/1 Bearer grant", "s b/2 Bearer grant", "s b/2 Bearer grant")
	})
}
