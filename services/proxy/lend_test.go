package proxy

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
)

// TestAnswersKeepTheirBytes: calls use the buffers of those before them, and
// still every answer has its own rows, while it is sent and after.
func TestAnswersKeepTheirBytes(t *testing.T) {
	b := newBench(t, emulator.Options{Users: 300, NoRateLimits: true}, unlimited(t))
	want := map[int32]string{}
	for _, limit := range []int32{1, 50, 120, 300} {
		want[limit] = string(b.ok(b.get("/proxy/users?limit=" + itoa(limit))).Result)
	}
	changesHands := connectinprocess.WithCopyFunc(func(dst, src any) error {
		switch src := src.(type) {
		case *proxyv1.ListResponse:
			dst.(*proxyv1.ListResponse).Result = src.GetResult()
			return nil
		default:
			return connectinprocess.ProtoCopy(dst, src)
		}
	})
	clients := map[string]proxyv1connect.ProxyServiceClient{
		"gRPC":    b.over(nil, connecthttp.WithGRPC()),
		"Connect": b.over(nil, connecthttp.WithSendCodec(connect.CodecNameProto)),
		"within":  b.rpc(tokenAccount, changesHands),
	}
	var all sync.WaitGroup
	for name, client := range clients {
		for limit, rows := range want {
			for range 4 {
				all.Go(func() {
					if err := keepsItsBytes(t, client, limit, rows, name != "within"); err != nil {
						t.Errorf("%s, %d rows: %v", name, limit, err)
					}
				})
			}
		}
	}
	all.Wait()
}

func keepsItsBytes(t *testing.T, client proxyv1connect.ProxyServiceClient, limit int32, rows string, streams bool) error {
	for range 20 {
		page, err := client.List(t.Context(), &proxyv1.ListRequest{Resource: "users", Limit: &limit})
		if err != nil {
			return err
		}
		// What the next call brings must not be written over it.
		if _, err := client.List(t.Context(), &proxyv1.ListRequest{Resource: "users", Limit: new(int32(7))}); err != nil {
			return err
		}
		if streams {
			if err := walk(t, client, limit); err != nil {
				return err
			}
		}
		if got := string(page.GetResult().GetJson()); got != rows {
			return fmt.Errorf("other rows: %.80s", got)
		}
	}
	return nil
}

// walk reads a list to its end and counts.
func walk(t *testing.T, client proxyv1connect.ProxyServiceClient, limit int32) error {
	stream, err := client.ListAll(t.Context(), &proxyv1.ListAllRequest{Resource: "users", Limit: new(max(limit, 50))})
	if err != nil {
		return err
	}
	defer stream.Close()
	rows := 0
	for {
		part, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		rows += int(part.GetPage().GetResultCount())
	}
	if rows != 300 {
		return fmt.Errorf("%d rows in all", rows)
	}
	return nil
}
