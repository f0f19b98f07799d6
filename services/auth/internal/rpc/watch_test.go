package rpc_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/services/auth/internal/rpc"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// away is a store that can be away.
type away struct {
	store.Reader
	now atomic.Bool
}

func (a *away) Events(context.Context, int64, int) ([]store.Event, error) {
	if a.now.Load() {
		return nil, errors.New("the store is away")
	}
	return nil, nil
}

func (a *away) LastEvent(context.Context) (int64, error) { return 7, nil }

// A watch that begins while the store is away is silent until it is back: its first message would pass for news, and let writes go on whose tokens may have been
// revoked.
func TestAWatchSaysNothingWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &away{}
		hub, err := watch.NewHub(t.Context(), s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- hub.Run(ctx) }()
		server := connect.NewServer()
		internalauthv1connect.RegisterRevocationServiceHandler(server, rpc.Revocations{Hub: hub})
		client := internalauthv1connect.NewRevocationServiceClient(connect.NewClient(connectinprocess.New(server)))

		s.now.Store(true)
		time.Sleep(time.Second)
		stream, err := client.WatchRevocations(ctx, &iv1.WatchRevocationsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var heard atomic.Int64
		go func() {
			for {
				message, err := stream.Receive()
				if err != nil {
					return
				}
				heard.Store(message.GetSequence())
			}
		}()
		time.Sleep(10 * time.Second)
		if heard.Load() != 0 {
			t.Error("a message came while the store was away")
		}
		s.now.Store(false)
		time.Sleep(time.Second)
		if heard.Load() != 7 {
			t.Errorf("heard %d after the store's return, want a heartbeat with the newest sequence, 7", heard.Load())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
