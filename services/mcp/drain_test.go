package mcp_test

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

const (
	readCall  = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_single_torii_app_by_id","arguments":{"id":1}}}`
	writeCall = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_a_torii_contract",` +
		`"arguments":{"name":"a","idApp":1,"status":"active"}}}`
)

// failureOf is the error object of a tool call that failed.
func failureOf(t *testing.T, a answer) map[string]any {
	t.Helper()
	result, _ := a.body["result"].(map[string]any)
	meta, _ := result["_meta"].(map[string]any)
	failure, ok := meta["sando.dev/error"].(map[string]any)
	if !ok {
		t.Fatalf("no failed call: %d %s", a.status, a.raw)
	}
	return failure
}

// A call whose work is cut off by another process was not cancelled by its caller: a read may be made again, a write may have been carried out.
func TestCallsCutOffElsewhere(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, "")
	for _, test := range []struct {
		name, body string
		fault      rpcerr.Code
		code       string
		retryable  bool
	}{
		{"read that is cut off", readCall, rpcerr.Cancelled, "UNAVAILABLE", true},
		{"write that is cut off", writeCall, rpcerr.Cancelled, "OUTCOME_UNKNOWN", false},
		{"read without the service", readCall, rpcerr.Unavailable, "UNAVAILABLE", true},
		{"write without the service", writeCall, rpcerr.Unavailable, "UNAVAILABLE", true},
	} {
		s.Proxy.Fail(rpcerr.New(test.fault, ""))
		if got := failureOf(t, send(t, "POST", server.URL, test.body)); got["code"] != test.code || got["retryable"] != test.retryable {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// A process that stops lets the calls finish that it took.
func TestDrainFinishesCalls(t *testing.T) {
	s := mcptest.Start(t)
	release := make(chan struct{})
	s.Proxy.Hold(release)
	got := callWhileStopping(t, s, func() { close(release) })
	if got.status != 200 || strings.Contains(got.raw, "isError") {
		t.Errorf("%d %s", got.status, got.raw)
	}
}

// A call that outlasts the drain says that it may be made again: its caller has cancelled nothing.
func TestDrainEndsLongCalls(t *testing.T) {
	s := mcptest.Start(t)
	s.Proxy.Hold(make(chan struct{}))
	if got := failureOf(t, callWhileStopping(t, s, func() {})); got["code"] != "UNAVAILABLE" || got["retryable"] != true {
		t.Errorf("%v", got)
	}
}

// callWhileStopping makes a read at a replica that is stopped as soon as the call has reached proxy. It says when the replica is stopping.
func callWhileStopping(t *testing.T, s *mcptest.Stack, stopping func()) answer {
	t.Helper()
	server := s.Create(t, "")
	url, stop := s.Replica(t)
	var ending sync.WaitGroup
	ending.Go(func() {
		eventually(t, func() (int, bool) { n := len(s.Proxy.Calls()); return n, n > 0 })
		ending.Go(stop)
		eventually(t, func() (int, bool) {
			c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err == nil {
				_ = c.Close()
			}
			return 0, err != nil
		})
		stopping()
	})
	got := send(t, "POST", url+"/mcp/"+server.Token, readCall)
	ending.Wait()
	return got
}
