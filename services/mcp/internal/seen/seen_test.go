package seen_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"github.com/google/go-cmp/cmp"

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

func (r *records) TouchMcpServerRecords(
	_ context.Context, req *internalauthv1.TouchMcpServerRecordsRequest,
) (*internalauthv1.TouchMcpServerRecordsResponse, error) {
	var told []string
	for _, u := range req.GetUses() {
		told = append(told, u.GetEnvironmentId()+" "+u.GetId()+" "+u.GetClient())
	}
	slices.Sort(told)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, strings.Join(told, ", "))
	return &internalauthv1.TouchMcpServerRecordsResponse{}, nil
}

// Use is told once in a while, all servers in one call; a change of client after seconds, and what is left when the service stops.
func TestUseIsToldInBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := &records{}
		server := connect.NewServer()
		internalauthv1connect.RegisterMcpServerRecordServiceHandler(server, auth)
		tracker := seen.New(connect.NewClient(connectinprocess.New(server)), slog.New(slog.DiscardHandler), time.Now)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- tracker.Run(ctx) }()

		use := func(id, client string) { tracker.Used(&internalauthv1.McpServer{EnvironmentId: "e", Id: id}, client) }
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, auth.all()); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
		}
		use("s", "a/1")
		use("s", "")
		use("t", "")
		expect()
		time.Sleep(6 * time.Second)
		expect("e s a/1, e t ")
		use("s", "")
		time.Sleep(6 * time.Second)
		expect("e s a/1, e t ")
		use("s", "b/2")
		time.Sleep(6 * time.Second)
		expect("e s a/1, e t ", "e s b/2")
		if got := tracker.Client(&internalauthv1.McpServer{Id: "s"}); got != "b/2" {
			t.Errorf("client %q", got)
		}
		use("s", "")
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		expect("e s a/1, e t ", "e s b/2", "e s b/2")
	})
}
