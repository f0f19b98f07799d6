package proxy

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
	n      int64
}

func (d *discard) Header() http.Header { return d.header }
func (d *discard) WriteHeader(s int)   { d.status = s }

func (d *discard) Write(b []byte) (int, error) {
	d.n += int64(len(b))
	return len(b), nil
}

func (d *discard) WriteString(s string) (int, error) {
	d.n += int64(len(s))
	return len(s), nil
}

// BenchmarkPage is a page over REST without the listener's side: the chain, the
// grant, the lease, the budget, the call of the provider, the splice.
func BenchmarkPage(b *testing.B) {
	for _, rows := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			h := newBench(b, emulator.Options{Users: 1000, NoRateLimits: true, Bench: true}, unlimited(b), quiet)
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, fmt.Sprintf("/proxy/users?limit=%d", rows), nil)
			r.Header.Set("Authorization", "Bearer "+tokenAccount)
			b.ReportAllocs()
			for b.Loop() {
				w := &discard{header: http.Header{}}
				h.handler.ServeHTTP(w, r)
				if w.status != 0 && w.status != 200 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

// quiet throws the log away.
func quiet(_ *Config, d *Deps) { d.Log = slog.New(slog.DiscardHandler) }

// BenchmarkRefusal is a call beyond the rate budget: all but the provider's side.
func BenchmarkRefusal(b *testing.B) {
	h := newBench(b, emulator.Options{Users: 1}, quiet)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/proxy/users?limit=1", nil)
	r.Header.Set("Authorization", "Bearer "+tokenAccount)
	r.Header.Set("Sando-Max-Wait", "0s")
	for w := (&discard{header: http.Header{}}); w.status != http.StatusTooManyRequests; {
		h.handler.ServeHTTP(w, r)
	}
	b.ReportAllocs()
	for b.Loop() {
		w := &discard{header: http.Header{}}
		if h.handler.ServeHTTP(w, r); w.status != http.StatusTooManyRequests {
			b.Fatal(w.status)
		}
	}
}

// BenchmarkMessage is a page as one message, with the client's side of it.
func BenchmarkMessage(b *testing.B) {
	for name, option := range map[string]connecthttp.Option{
		"Connect": connecthttp.WithSendCodec(connect.CodecNameProto), "gRPC": connecthttp.WithGRPC(),
	} {
		for _, rows := range []int32{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) {
				h := newBench(b, emulator.Options{Users: 1000, NoRateLimits: true, Bench: true}, unlimited(b), quiet)
				client := h.over(nil, option)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := client.List(b.Context(), &proxyv1.ListRequest{Resource: "users", Limit: &rows}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
