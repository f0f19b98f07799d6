package proxy

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// TestProvidersWaitIsKept: what the provider asks a read to wait is waited for
// when it fits into the caller's patience, to the second, and refused at once
// when it does not.
func TestProvidersWaitIsKept(t *testing.T) {
	for _, tt := range []struct {
		name, asked, patience string
		times                 int
		status                int
		least, most           time.Duration
		retryAfter            int
	}{
		{name: "fits", asked: "1", patience: "4s", times: 1, status: 200, least: time.Second, most: 3 * time.Second},
		{name: "just fits", asked: "1", patience: "1s", times: 1, status: 200, least: time.Second, most: 3 * time.Second},
		{name: "does not fit", asked: "30", patience: "5s", times: 1, status: 429, most: time.Second, retryAfter: 30},
		{name: "does not fit any more", asked: "2", patience: "3s", times: -1, status: 429, least: 2 * time.Second, most: 2900 * time.Millisecond, retryAfter: 2},
		{name: "no patience", asked: "1", patience: "0s", times: 1, status: 429, most: time.Second, retryAfter: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, emulator.Options{NoRateLimits: true})
			b.ok(b.get("/proxy/me"))
			b.fault(emulator.Fault{Kind: emulator.FaultRateLimited, Operation: "roles.list", RetryAfter: tt.asked, Times: tt.times})
			began := time.Now()
			a := b.do(request{path: "/proxy/roles", header: map[string]string{"Sando-Max-Wait": tt.patience}})
			took := time.Since(began)
			if e := b.decode(a); a.status != tt.status || e.RetryAfter != tt.retryAfter {
				t.Errorf("%d with retry_after %d, want %d with %d: %s", a.status, e.RetryAfter, tt.status, tt.retryAfter, a.body)
			}
			if took < tt.least || took > tt.most {
				t.Errorf("took %s, want %s to %s", took, tt.least, tt.most)
			}
			// Later callers are told of the same wait without the provider's help.
			if tt.status == http.StatusTooManyRequests {
				b.refused(b.do(request{path: "/proxy/roles", header: map[string]string{"Sando-Max-Wait": "100ms"}}), 429, "RATE_LIMITED")
			}
		})
	}
}

// TestS12RetryAfter: whatever a provider asks for, the caller is told of a wait
// that makes sense.
func TestS12RetryAfter(t *testing.T) {
	for asked, want := range map[string]int{
		"30": 30, " 30 ": 30, "1.5": 2, "99999999999": 3600, "9223372036854775807": 3600, "18446744074": 3600,
		"99999999999999999999": 3600, "Fri, 31 Dec 9999 23:59:59 GMT": 3600, "Thu, 01 Jan 1970 00:00:00 GMT": 1, "0": 1,
		"-1": 60, "soon": 60, "1e9": 60, // Torii's own window
	} {
		t.Run(asked, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, emulator.Options{NoRateLimits: true})
			b.ok(b.get("/proxy/me"))
			b.fault(emulator.Fault{Kind: emulator.FaultRateLimited, Operation: "roles.list", RetryAfter: asked, Times: -1})
			a := b.do(request{path: "/proxy/roles", header: map[string]string{"Sando-Max-Wait": "0s"}})
			if e := b.decode(a); a.status != 429 || e.RetryAfter != want || a.header.Get("Retry-After") != strconv.Itoa(want) {
				t.Errorf("%d with retry_after %d, Retry-After %q, want %d: %s", a.status, e.RetryAfter, a.header.Get("Retry-After"), want, a.body)
			}
			client := b.over(map[string]string{"Sando-Max-Wait": "0s"}, connecthttp.WithGRPC())
			// What is left of that wait, or the same anew. After one that asks for no
			// wait the next call is held back for somewhat longer.
			most := max(time.Duration(want)*time.Second, 5*time.Second)
			_, err := client.List(t.Context(), &proxyv1.ListRequest{Resource: "roles"})
			if e := b.auth.errors.From(err); e.Code != rpcerr.RateLimited || e.RetryAfter <= 0 || e.RetryAfter > most {
				t.Errorf("by RPC: %v, with a wait of %s, want at most %s", err, e.RetryAfter, most)
			}
		})
	}
}
