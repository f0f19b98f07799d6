package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// A transport is one way to reach the proxy.
type transport struct {
	name string
	// list asks for a page, or for all of them; it gives the code of the error,
	// empty for none, or brokenOff.
	list func(b *bench, limit int32, query string) rpcerr.Code
	// update writes.
	update func(b *bench, id, key string) rpcerr.Code
}

// brokenOff means that the answer ended without being whole.
const brokenOff rpcerr.Code = "BROKEN_OFF"

func transports() []transport {
	return []transport{
		{"REST", listREST, updateREST},
		{"NDJSON", listLines, nil},
		{"Connect", overRPC(connecthttp.WithSendCodec(connect.CodecNameProto)), updateRPC(connecthttp.WithSendCodec(connect.CodecNameProto))},
		{"Connect JSON", overRPC(jsonCodec(), connecthttp.WithSendCodec(connect.CodecNameJSON)), updateRPC(jsonCodec(), connecthttp.WithSendCodec(connect.CodecNameJSON))},
		{"gRPC", overRPC(connecthttp.WithGRPC()), updateRPC(connecthttp.WithGRPC())},
		{"gRPC-Web", overRPC(connecthttp.WithGRPCWeb()), updateRPC(connecthttp.WithGRPCWeb())},
		{"ListAll over gRPC", streamRPC(connecthttp.WithGRPC()), nil},
		{"ListAll over gRPC-Web", streamRPC(connecthttp.WithGRPCWeb()), nil},
		{"ListAll over Connect", streamRPC(connecthttp.WithSendCodec(connect.CodecNameProto)), nil},
	}
}

func jsonCodec() connecthttp.Option {
	return connecthttp.WithCodecs(connectproto.NewBinaryCodec(), access.JSON().Codec())
}

func listREST(b *bench, limit int32, query string) rpcerr.Code {
	return b.codeOf(b.get("/proxy/users?limit=" + itoa(limit) + query))
}

func listLines(b *bench, limit int32, query string) rpcerr.Code {
	a := b.do(request{path: "/proxy/users?limit=" + itoa(limit) + query, header: map[string]string{"Accept": "application/x-ndjson"}})
	if a.status == http.StatusOK && a.err == nil && !strings.Contains(string(a.body), `{"summary":`) {
		b.t.Error("a stream without its summary ended as if it were whole")
	}
	if a.status == http.StatusOK && a.err == nil {
		return ""
	}
	return b.codeOf(a)
}

func updateREST(b *bench, id, key string) rpcerr.Code {
	return b.codeOf(b.do(request{
		method: "PATCH", path: "/proxy/users/" + id, body: `{"lifecycleStatus":"active"}`, header: map[string]string{"Idempotency-Key": key},
	}))
}

// codeOf reads the code of an answer, which must be whole or broken off.
func (b *bench) codeOf(a answer) rpcerr.Code {
	b.t.Helper()
	if a.err != nil {
		return brokenOff
	}
	e := b.decode(a)
	if (a.status == http.StatusOK) != (e.Code == "") {
		b.t.Errorf("status %d with %s", a.status, a.body)
	}
	return rpcerr.Code(e.Code)
}

// over makes a client that comes over the network.
func (b *bench) over(header map[string]string, options ...connecthttp.Option) proxyv1connect.ProxyServiceClient {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	b.t.Cleanup(transport.CloseIdleConnections)
	with := func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			info, _ := connect.CallInfoForClientContext(ctx)
			info.RequestHeader().Set("Authorization", "Bearer "+tokenAccount)
			for name, value := range header {
				info.RequestHeader().Set(name, value)
			}
			return next(ctx, spec)
		}
	}
	return proxyv1connect.NewProxyServiceClient(connect.NewClient(connecthttp.NewTransport(&http.Client{Transport: transport}, b.url, options...), with))
}

func overRPC(options ...connecthttp.Option) func(*bench, int32, string) rpcerr.Code {
	return func(b *bench, limit int32, query string) rpcerr.Code {
		query = strings.TrimPrefix(query, "&")
		_, err := b.over(nil, options...).List(b.t.Context(), &proxyv1.ListRequest{Resource: "users", Limit: &limit, Query: &query})
		return b.rpcCode(err)
	}
}

func updateRPC(options ...connecthttp.Option) func(*bench, string, string) rpcerr.Code {
	return func(b *bench, id, key string) rpcerr.Code {
		_, err := b.over(map[string]string{"Idempotency-Key": key}, options...).Update(b.t.Context(), &proxyv1.UpdateRequest{
			Resource: "users", Id: id, Body: rawJSON(`{"lifecycleStatus":"active"}`),
		})
		return b.rpcCode(err)
	}
}

func streamRPC(options ...connecthttp.Option) func(*bench, int32, string) rpcerr.Code {
	return func(b *bench, limit int32, query string) rpcerr.Code {
		query = strings.TrimPrefix(query, "&")
		stream, err := b.over(nil, options...).ListAll(b.t.Context(), &proxyv1.ListAllRequest{Resource: "users", Limit: &limit, Query: &query})
		if err != nil {
			return b.rpcCode(err)
		}
		defer stream.Close()
		whole := false
		for {
			part, err := stream.Receive()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return b.rpcCode(err)
			}
			whole = part.GetSummary() != nil
		}
		if !whole {
			b.t.Error("a stream without its summary ended as if it were whole")
		}
		return ""
	}
}

func (b *bench) rpcCode(err error) rpcerr.Code {
	if err == nil {
		return ""
	}
	return b.auth.errors.From(err).Code
}

// impatient makes the proxy give up and repeat itself quickly.
func impatient(cfg *Config, _ *Deps) {
	cfg.Upstream.Retry.Base, cfg.Upstream.Retry.Attempts = time.Millisecond, 2
	cfg.Upstream.Breaker.Failures = 0
	cfg.Upstream.MaxBody = 4 << 20
	cfg.Rate.MaxWait = 50 * time.Millisecond
	cfg.Rate.MostWait = 100 * time.Millisecond
}

// hurried gives up soon on a provider that is slow by order. One that is only
// slow because the machine is busy gets its time.
func hurried(f emulator.Fault) func(*Config, *Deps) {
	return func(cfg *Config, _ *Deps) {
		if f.Kind == emulator.FaultSlow {
			cfg.Upstream.HeaderTimeout = 200 * time.Millisecond
		}
	}
}

// TestFaultsOfReads lets every fault happen on every transport, in small pages,
// where the answer must be the right error, and in large ones, where it may
// only break off instead.
func TestFaultsOfReads(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault emulator.Fault
		small rpcerr.Code
		large rpcerr.Code // over REST; empty: the same as small
		query string
	}{
		{name: "500", fault: emulator.Fault{Kind: emulator.FaultStatus, Status: 500}, small: "UPSTREAM_ERROR"},
		{name: "502", fault: emulator.Fault{Kind: emulator.FaultStatus, Status: 502}, small: "UPSTREAM_ERROR"},
		{name: "503", fault: emulator.Fault{Kind: emulator.FaultStatus, Status: 503}, small: "UPSTREAM_ERROR"},
		{name: "504", fault: emulator.Fault{Kind: emulator.FaultStatus, Status: 504}, small: "UPSTREAM_TIMEOUT"},
		{name: "slow", fault: emulator.Fault{Kind: emulator.FaultSlow, Delay: 5 * time.Second}, small: "UPSTREAM_TIMEOUT"},
		{name: "cut", fault: emulator.Fault{Kind: emulator.FaultCut}, small: "UPSTREAM_ERROR", large: brokenOff},
		{name: "reset within", fault: emulator.Fault{Kind: emulator.FaultResetMidBody}, small: "UPSTREAM_ERROR", large: brokenOff},
		{name: "reset before", fault: emulator.Fault{Kind: emulator.FaultResetBefore}, small: "UPSTREAM_ERROR"},
		{name: "bad JSON", fault: emulator.Fault{Kind: emulator.FaultBadJSON}, small: "UPSTREAM_BAD_RESPONSE", large: brokenOff},
		{name: "an empty body", fault: emulator.Fault{Kind: emulator.FaultEmptyBody}, small: "UPSTREAM_BAD_RESPONSE"},
		{name: "wrong content", fault: emulator.Fault{Kind: emulator.FaultWrongContent}, small: "UPSTREAM_BAD_RESPONSE"},
		{name: "a redirect", fault: emulator.Fault{Kind: emulator.FaultRedirect, Location: "https://evil.example"}, small: "UPSTREAM_BAD_RESPONSE"},
		{name: "huge headers", fault: emulator.Fault{Kind: emulator.FaultHugeHeaders}, small: "UPSTREAM_BAD_RESPONSE"},
		{name: "a gzip bomb", fault: emulator.Fault{Kind: emulator.FaultGzipBomb, Bytes: 32 << 20}, small: "UPSTREAM_BAD_RESPONSE"},
		{name: "forbidden", fault: emulator.Fault{Kind: emulator.FaultForbidden}, small: "UPSTREAM_FORBIDDEN"},
		{name: "trickle", fault: emulator.Fault{Kind: emulator.FaultTrickle, Delay: time.Millisecond}, small: ""},
		{name: "duplicate keys", fault: emulator.Fault{Kind: emulator.FaultDuplicateKeys}, small: ""},
		{name: "big numbers", fault: emulator.Fault{Kind: emulator.FaultBigNumbers}, small: ""},
		{name: "duplicate rows", fault: emulator.Fault{Kind: emulator.FaultDuplicateRows}, small: ""},
		{name: "an empty page", fault: emulator.Fault{Kind: emulator.FaultEmptyPage}, small: ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, emulator.Options{Users: 1000, NoRateLimits: true}, impatient, hurried(tt.fault))
			b.ok(b.get("/proxy/users?limit=1"))
			tt.fault.Operation, tt.fault.Times = "users.list", -1
			if tt.fault.Kind == emulator.FaultEmptyPage {
				tt.fault.Times = 2
			}
			for _, way := range transports() {
				t.Run(way.name, func(t *testing.T) {
					b.t = t
					b.fault(tt.fault)
					if got := way.list(b, 20, "&idUsers=1015,1016,1017"); got != tt.small {
						t.Errorf("small page: %q, want %q", got, tt.small)
					}
					b.fault(tt.fault)
					want := tt.large
					if want == "" || way.name != "REST" && way.name != "NDJSON" {
						want = tt.small
					}
					if got := way.list(b, 1000, ""); got != want {
						t.Errorf("large page: %q, want %q", got, want)
					}
				})
			}
		})
	}
}

// TestFaultsOfWrites lets faults happen to a write on every transport: nothing
// is sent twice, and what is not known is not claimed.
func TestFaultsOfWrites(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault emulator.Fault
		want  rpcerr.Code
		sent  int
	}{
		{"500", emulator.Fault{Kind: emulator.FaultStatus, Status: 500}, "OUTCOME_UNKNOWN", 1},
		{"502", emulator.Fault{Kind: emulator.FaultStatus, Status: 502}, "OUTCOME_UNKNOWN", 1},
		{"503", emulator.Fault{Kind: emulator.FaultStatus, Status: 503}, "OUTCOME_UNKNOWN", 1},
		{"504", emulator.Fault{Kind: emulator.FaultStatus, Status: 504}, "OUTCOME_UNKNOWN", 1},
		{"slow", emulator.Fault{Kind: emulator.FaultSlow, Delay: 5 * time.Second}, "OUTCOME_UNKNOWN", 1},
		{"reset before", emulator.Fault{Kind: emulator.FaultResetBefore}, "OUTCOME_UNKNOWN", 1},
		{"reset after", emulator.Fault{Kind: emulator.FaultResetAfter}, "OUTCOME_UNKNOWN", 1},
		{"cut", emulator.Fault{Kind: emulator.FaultCut}, "OUTCOME_UNKNOWN", 1},
		{"reset within", emulator.Fault{Kind: emulator.FaultResetMidBody}, "OUTCOME_UNKNOWN", 1},
		{"bad JSON", emulator.Fault{Kind: emulator.FaultBadJSON}, "OUTCOME_UNKNOWN", 1},
		// A good status says that it was done.
		{"an empty body", emulator.Fault{Kind: emulator.FaultEmptyBody}, "", 1},
		{"wrong content", emulator.Fault{Kind: emulator.FaultWrongContent}, "OUTCOME_UNKNOWN", 1},
		{"a redirect", emulator.Fault{Kind: emulator.FaultRedirect, Location: "https://evil.example"}, "OUTCOME_UNKNOWN", 1},
		{"huge headers", emulator.Fault{Kind: emulator.FaultHugeHeaders}, "OUTCOME_UNKNOWN", 1},
		{"a gzip bomb", emulator.Fault{Kind: emulator.FaultGzipBomb, Bytes: 32 << 20}, "OUTCOME_UNKNOWN", 1},
		{"trickle", emulator.Fault{Kind: emulator.FaultTrickle, Delay: time.Millisecond}, "", 1},
		{"forbidden", emulator.Fault{Kind: emulator.FaultForbidden}, "UPSTREAM_FORBIDDEN", 1},
		{"422", emulator.Fault{Kind: emulator.FaultStatus, Status: 422}, "UPSTREAM_REJECTED", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, emulator.Options{NoRateLimits: true}, impatient, hurried(tt.fault))
			user := b.firstID("users")
			for _, way := range transports() {
				if way.update == nil {
					continue
				}
				t.Run(way.name, func(t *testing.T) {
					b.t = t
					b.emulator.ClearRequests()
					tt.fault.Operation, tt.fault.Times = "users.update", -1
					b.fault(tt.fault)
					if got := way.update(b, user, way.name); got != tt.want {
						t.Errorf("%q, want %q", got, tt.want)
					}
					if n := b.sent("PUT", "/users/"); n != tt.sent {
						t.Errorf("sent %d times, want %d", n, tt.sent)
					}
				})
			}
		})
	}
}

// TestRateLimitedByTheProvider has the provider refuse once on every transport,
// with a budget of its own each: the call is told so, a read waits for nothing
// that does not fit, and a write is not sent again.
func TestRateLimitedByTheProvider(t *testing.T) {
	for name, after := range map[string]string{"with Retry-After": "30", "without Retry-After": ""} {
		for _, way := range transports() {
			t.Run(name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				b := newBench(t, emulator.Options{NoRateLimits: true}, impatient)
				b.fault(emulator.Fault{Kind: emulator.FaultRateLimited, RetryAfter: after, Operation: "users.list", Times: -1})
				if got := way.list(b, 20, ""); got != "RATE_LIMITED" {
					t.Errorf("read: %q, want RATE_LIMITED", got)
				}
				if n := b.sent("GET", "/users"); n != 1 {
					t.Errorf("read %d times, want 1", n)
				}
				if way.update == nil {
					return
				}
				b.fault(emulator.Fault{Kind: emulator.FaultRateLimited, RetryAfter: after, Operation: "users.update", Times: -1})
				if got := way.update(b, "1001", "k"); got != "RATE_LIMITED" {
					t.Errorf("write: %q, want RATE_LIMITED", got)
				}
				if n := b.sent("PUT", "/users/"); n != 1 {
					t.Errorf("written %d times, want 1", n)
				}
			})
		}
	}
}

func TestCircle(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, impatient)
	b.fault(emulator.Fault{Kind: emulator.FaultCursorLoop, Operation: "users.list", Times: -1})
	for _, way := range transports() {
		if way.name != "NDJSON" && !strings.HasPrefix(way.name, "ListAll") {
			continue
		}
		t.Run(way.name, func(t *testing.T) {
			b.t = t
			if got := way.list(b, 10, ""); got != "UPSTREAM_BAD_RESPONSE" && got != brokenOff {
				t.Errorf("%q, want an end to it", got)
			}
		})
	}
	b.t = t
	first := b.ok(b.get("/proxy/users?limit=10"))
	b.refused(b.get("/proxy/users?limit=10&next_cursor="+*first.NextCursor), 502, "UPSTREAM_BAD_RESPONSE")
}

func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	nowhere := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "nowhere.invalid", IsNotFound: true}
	}
	for name, tt := range map[string]struct {
		base string
		dial func(context.Context, string, string) (net.Conn, error)
	}{
		"DNS":     {"http://nowhere.invalid/v1.0", nowhere},
		"refused": {"http://" + closed.Addr().String() + "/v1.0", nil},
		"TLS":     {"https://" + plainListener(t) + "/v1.0", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, emulator.Options{}, impatient, func(cfg *Config, _ *Deps) {
				cfg.BaseURLs, cfg.Upstream.Dial = map[string]string{"torii": tt.base}, tt.dial
			})
			for _, way := range transports() {
				if got := way.list(b, 10, ""); got != "UPSTREAM_ERROR" {
					t.Errorf("%s: read: %q, want UPSTREAM_ERROR", way.name, got)
				}
				if way.update == nil {
					continue
				}
				if got := way.update(b, "1", "k"); got != "UPSTREAM_ERROR" {
					t.Errorf("%s: write: %q, want UPSTREAM_ERROR: nothing was sent", way.name, got)
				}
			}
		})
	}
}

// plainListener speaks no TLS.
func plainListener(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-served
	})
	return l.Addr().String()
}
