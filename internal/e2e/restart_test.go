package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// Every service is stopped and started again, one at a time, twice, under a mixed load of reads and writes over REST, gRPC, Connect and MCP. A standard client that
// tries again where a connection is refused, or a service says that it cannot serve now, loses no call; no write is made twice; the log has them all.
func TestRollingRestart(t *testing.T) {
	sp, s := startSplitServices(t)
	l := newLoad(s)
	finish := l.start(t)
	for range 2 {
		for _, name := range []string{"auth", "proxy", "unified", "mcp"} {
			before := l.done.Load()
			if err := sp.processes[name].stop(t); err != nil {
				t.Errorf("%s: exit %v\n%s", name, err, sp.processes[name].output.tail(2000))
			}
			sp.start(t, name, s.emulatorURL)
			waitUntil(t, "calls go on after the restart of "+name, func() bool { return l.done.Load() > before+20 })
		}
	}
	finish()
	l.checkWrites(t, s)
	t.Logf("%d calls, %d tried again, %d writes", l.done.Load(), l.again.Load(), l.writes.Load())
}

// A load is what clients do while operators work.
type load struct {
	s      stack
	client *http.Client
	proxy  proxyv1.ProxyServiceClient // over gRPC
	done   atomic.Int64
	again  atomic.Int64
	writes atomic.Int64
	// patience is how long a client tries again.
	patience time.Duration
	// pace is the time between two reads of a client.
	pace time.Duration
}

func newLoad(s stack) *load {
	return &load{s: s, client: &http.Client{Timeout: 20 * time.Second}, patience: patience, pace: 60 * time.Millisecond}
}

// start runs the clients; the function it returns ends them and waits.
func (l *load) start(t *testing.T) (finish func()) {
	t.Helper()
	conn, err := grpc.NewClient(l.s.address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l.proxy = proxyv1.NewProxyServiceClient(conn)
	ctx, cancel := context.WithCancel(context.Background())
	var clients sync.WaitGroup
	for _, call := range []func(n int64) (bool, error){
		l.overHTTP(l.readUser), l.overHTTP(l.readApp), l.overHTTP(l.callTool), l.overHTTP(l.readOverConnect), l.readOverGRPC,
	} {
		clients.Go(func() { l.repeat(ctx, t, l.pace, call) })
	}
	clients.Go(func() { l.repeat(ctx, t, 400*time.Millisecond, l.overHTTP(l.createContract)) })
	var once sync.Once
	finish = func() { once.Do(func() { cancel(); clients.Wait() }) }
	t.Cleanup(finish)
	return finish
}

// overHTTP sends the n-th request, and says of one that failed whether it may be sent again.
func (l *load) overHTTP(call func(n int64) request) func(n int64) (retry bool, err error) {
	return func(n int64) (bool, error) { return l.send(call(n)) }
}

// readOverGRPC calls as gRPC's own client does, which tries again what is UNAVAILABLE; a used-up rate budget, as after an outage that many clients waited for,
// is no failure either.
func (l *load) readOverGRPC(int64) (retry bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), l.client.Timeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+l.s.apiToken)
	_, err = l.proxy.Get(ctx, &proxyv1.GetRequest{Resource: "users", Id: "1002", IntegratedAccountId: &l.s.account})
	if err != nil {
		err = fmt.Errorf("gRPC: %w", err)
	}
	return status.Code(err) == codes.Unavailable || status.Code(err) == codes.ResourceExhausted, err
}

// A request can be sent again.
type request struct {
	method, url, token string
	header             map[string]string
	body               string
}

func (l *load) readUser(int64) request {
	return request{method: "GET", url: l.s.baseURL + "/proxy/users/1001?integrated_account_id=" + l.s.account, token: l.s.apiToken}
}

func (l *load) readApp(int64) request {
	return request{method: "GET", url: l.s.baseURL + "/unified/sso/apps/1001?integrated_account_id=" + l.s.account, token: l.s.apiToken}
}

func (l *load) readOverConnect(int64) request {
	return request{
		method: "POST", url: l.s.baseURL + "/sando.proxy.v1.ProxyService/Get", token: l.s.apiToken,
		body: fmt.Sprintf(`{"resource":"users","id":"1002","integrated_account_id":%q}`, l.s.account),
	}
}

func (l *load) callTool(n int64) request {
	return request{
		method: "POST", url: l.s.mcpURL,
		body: fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"get_single_torii_app_by_id","arguments":{"id":1002}}}`, n),
	}
}

func (l *load) createContract(n int64) request {
	l.writes.Store(n)
	return request{
		method: "POST", url: l.s.baseURL + "/proxy/contracts?integrated_account_id=" + l.s.account, token: l.s.apiToken,
		header: map[string]string{"Idempotency-Key": fmt.Sprintf("restart-%d", n)},
		body:   fmt.Sprintf(`{"name":"restart-%d","idApp":1001,"status":"active"}`, n),
	}
}

// repeat makes calls one after the other until ctx ends; the last one is finished.
func (l *load) repeat(ctx context.Context, t *testing.T, every time.Duration, call func(n int64) (retry bool, err error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := int64(1); ; n++ {
		if err := l.untilDone(func() (bool, error) { return call(n) }); err != nil {
			t.Error(err)
			return
		}
		l.done.Add(1)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// untilDone calls as a standard client does: again, a little later, where nobody took the call or the answer says that it may be retried.
func (l *load) untilDone(call func() (retry bool, err error)) error {
	for end := time.Now().Add(l.patience); ; {
		retry, err := call()
		if err == nil {
			return nil
		}
		if !retry || time.Now().After(end) {
			return err
		}
		l.again.Add(1)
		time.Sleep(100 * time.Millisecond)
	}
}

func (l *load) send(r request) (retry bool, err error) {
	req, err := http.NewRequest(r.method, r.url, bytes.NewReader([]byte(r.body)))
	if err != nil {
		return false, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	res, err := l.client.Do(req)
	if err != nil {
		return true, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return true, err
	}
	if res.StatusCode == http.StatusOK && !bytes.Contains(text, []byte(`"isError":true`)) {
		return false, nil
	}
	err = fmt.Errorf("%s %s: status %d: %.500s", r.method, r.url, res.StatusCode, text)
	// The router's own 502 has no body of ours.
	return res.StatusCode == http.StatusBadGateway && len(text) == 0 || res.StatusCode == http.StatusTooManyRequests || bytes.Contains(text, []byte(`"retryable":true`)) ||
		bytes.Contains(text, []byte(`\"retryable\":true`)) || bytes.Contains(text, []byte(`"unavailable"`)), err
}

// checkWrites looks at the provider and into the log: each contract is there once.
func (l *load) checkWrites(t *testing.T, s stack) {
	t.Helper()
	made := make(map[string]int)
	for _, row := range readAll(t, s, "/proxy/contracts?fields=name&limit=1000&integrated_account_id="+s.account) {
		name, _ := lookup(row, "name")
		made[fmt.Sprint(name)]++
	}
	for n := int64(1); n <= l.writes.Load(); n++ {
		if got := made[fmt.Sprintf("restart-%d", n)]; got != 1 {
			t.Errorf("contract restart-%d was made %d times, want once", n, got)
		}
	}
	intents, made200 := 0, 0
	for _, row := range readAll(t, s, "/log?log_type=unified_proxy_api&limit=1000") {
		action, _ := lookup(row, "action")
		phase, _ := lookup(row, "phase")
		ended, _ := lookup(row, "status")
		switch {
		case action != "torii.contracts.create":
		case phase == "intent":
			intents++
		case fmt.Sprint(ended) == "200":
			made200++
		}
	}
	if int64(min(intents, made200)) < l.writes.Load() {
		t.Errorf("the log has %d intents and %d good outcomes of %d writes", intents, made200, l.writes.Load())
	}
}

// readAll walks a list over REST.
func readAll(t *testing.T, s stack, target string) []any {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	var rows []any
	cursor := ""
	for {
		code, text := rest.do(t, "GET", target+cursor, s.apiToken, nil, nil)
		if code != http.StatusOK {
			t.Fatalf("GET %s: status %d: %s", target, code, text)
		}
		page := decode(t, text)
		rows = append(rows, must(t, page, "result").([]any)...)
		next, ok := must(t, page, "next_cursor").(string)
		if !ok {
			return rows
		}
		cursor = "&next_cursor=" + next
	}
}

func waitUntil(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !holds() {
		select {
		case <-end:
			t.Fatalf("%s: not within %s", what, patience)
		case <-tick.C:
		}
	}
}
