package load_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/bench/internal/load"
)

func serve(t *testing.T, h http.HandlerFunc) func() load.Call {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return func() load.Call { return load.Call{URL: s.URL} }
}

func short() load.Plan { return load.Plan{Connections: 4, Duration: 50 * time.Millisecond} }

func TestAClosedLoopKeepsToItsConnections(t *testing.T) {
	var now, most atomic.Int64
	next := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		w.Write([]byte("hello")) //nolint:errcheck // the load generator would notice
	})
	r, err := load.Run(t.Context(), load.Target{Next: next, Bytes: 5}, short())
	if err != nil || r.Failed > 0 || r.Requests == 0 {
		t.Fatalf("%+v, %v", r.Failure, err)
	}
	if r.Bytes != int64(5*r.Requests) || len(r.Latencies) != r.Requests {
		t.Errorf("%d bytes and %d latencies of %d requests", r.Bytes, len(r.Latencies), r.Requests)
	}
	if most.Load() > 4 {
		t.Errorf("%d requests at once", most.Load())
	}
}

func TestAnOpenLoopKeepsItsRate(t *testing.T) {
	next := serve(t, func(http.ResponseWriter, *http.Request) {})
	r, err := load.Run(t.Context(), load.Target{Next: next}, load.Plan{Connections: 8, Rate: 100, Duration: 300 * time.Millisecond})
	if err != nil || r.Requests < 25 || r.Requests > 35 {
		t.Errorf("%d requests, %v", r.Requests, err)
	}
}

func TestWhatOnlyLooksGoodIsAFailure(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		target  load.Target
		want    string
	}{
		"status":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, load.Target{}, "429"},
		"too short": {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("oops")) }, load.Target{Bytes: 10}, "4 bytes, want 10"}, //nolint:errcheck // likewise
		"gRPC status": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Grpc-Status")
			w.Write([]byte("frame")) //nolint:errcheck // likewise
			w.Header().Set("Grpc-Status", "8")
		}, load.Target{}, "gRPC status 8"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.target.Next = serve(t, tt.handler)
			r, err := load.Run(t.Context(), tt.target, short())
			if err != nil || r.Failed != r.Requests || !strings.Contains(r.Failure, tt.want) {
				t.Errorf("%d of %d failed: %q, %v", r.Failed, r.Requests, r.Failure, err)
			}
		})
	}
}

func TestARefusalMayBeWhatIsWanted(t *testing.T) {
	next := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	if r, err := load.Run(t.Context(), load.Target{Next: next, Status: http.StatusUnauthorized}, short()); err != nil || r.Failed > 0 {
		t.Errorf("%d failed: %s, %v", r.Failed, r.Failure, err)
	}
}

func TestNobodyElseIsAsked(t *testing.T) {
	for _, url := range []string{"http://192.0.2.1/", "http://localhost.example/"} {
		next := func() load.Call { return load.Call{URL: url} }
		r, err := load.Run(t.Context(), load.Target{Next: next}, short())
		if err != nil || r.Failed != r.Requests || !strings.Contains(r.Failure, "not a loopback address") {
			t.Errorf("%s: %q, %v", url, r.Failure, err)
		}
	}
}
