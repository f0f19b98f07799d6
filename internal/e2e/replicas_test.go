package e2e

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// Two proxies with one Redis want more than Torii allows, and stay inside one
// budget together: no 429 comes from the stand-in, which enforces the limits.
// Redis is killed meanwhile, and comes back with nothing of what it knew.
func TestTwoProxiesOneBudget(t *testing.T) {
	t.Parallel()
	r := startReplicas(t)
	stop := r.demand(t)
	for _, phase := range []struct {
		name  string
		begin func()
		lasts time.Duration
		least int64
	}{
		// Half of 100 at once, the rest spaced.
		{"with Redis", func() {}, 40 * time.Second, 55},
		// What was used, and what the other may have used, is forgotten first.
		{"without Redis", func() { r.redis.kill(t) }, 75 * time.Second, 30},
		{"with Redis again", func() { r.redis.start(t) }, 40 * time.Second, 20},
	} {
		phase.begin()
		before := r.passed.Load()
		pause(t, phase.lasts)
		n := r.passed.Load() - before
		t.Logf("%s: %d calls passed in %s", phase.name, n, phase.lasts)
		if n < phase.least {
			t.Errorf("%s: %d calls passed in %s, want %d at least", phase.name, n, phase.lasts, phase.least)
		}
	}
	stop()
	served, refused := r.seenByTorii(t)
	if refused > 0 {
		t.Errorf("Torii answered 429 to %d of %d calls", refused, served+refused)
	}
	if int64(served) < r.passed.Load() {
		t.Errorf("Torii saw %d calls, %d passed", served, r.passed.Load())
	}
	for _, name := range []string{"proxy", "proxy-2"} {
		said := r.split.processes[name].output.String()
		if strings.Count(said, "rate budget: sharing") < 2 || !strings.Contains(said, "shared state lost") {
			t.Errorf("%s does not say that it lost Redis and found it again", name)
		}
	}
}

// replicaSet is auth, two proxies, and what they share.
type replicaSet struct {
	split  *split
	redis  *redisServer
	torii  string
	token  string
	target string // path and query of a call
	passed atomic.Int64
}

func startReplicas(t *testing.T) *replicaSet {
	t.Helper()
	r := &replicaSet{redis: newRedis(t)}
	torii := start(t, nil, "torii-emulator", "--listen", kittest.FreeAddr(t), "--control")
	address := torii.cmd.Args[2]
	r.torii = "http://" + address
	torii.waitFor(t, "emulator", func() bool { return reachable(address) })
	sp := &split{dir: t.TempDir(), internal: map[string]string{}, public: map[string]string{}, processes: map[string]*process{}}
	r.split = sp
	sp.ca = kittest.NewCA(t, "auth", "proxy")
	for _, name := range []string{"auth", "proxy", "proxy-2"} {
		sp.internal[name], sp.public[name] = kittest.FreeAddr(t), kittest.FreeAddr(t)
	}
	sp.router = newRouter(t, sp.public)
	sp.replicas = shared{store: pgtest.Start(t).Database(t, ""), valkey: "redis://" + r.redis.address + "/0"}
	_, r.token = sp.bootstrap(t)
	migrated := start(t, []string{"SANDO_PROXY_STORE_URL=" + sp.replicas.store}, "sando", "migrate", "--data-dir", t.TempDir())
	if err := <-migrated.exited; err != nil {
		t.Fatalf("sando migrate: %v\n%s", err, migrated.output.String())
	}
	migrated.exited <- nil
	for _, name := range []string{"auth", "proxy", "proxy-2"} {
		sp.start(t, name, r.torii)
	}
	body := []byte(`{"tenant_id":"acme","context":{"api_key":"torii-emulator-full-access-key"}}`)
	code, answer := restOver{client: http.DefaultClient, base: "http://" + sp.public["auth"]}.do(t, "POST", "/integrated-account", r.token, nil, body)
	var account struct{ ID string }
	if err := json.Unmarshal(answer, &account); err != nil || code != http.StatusOK {
		t.Fatalf("linking: status %d: %s", code, answer)
	}
	r.target = "/proxy/users?limit=1&integrated_account_id=" + account.ID
	return r
}

// demand has three callers at each proxy want more than there is, until stop.
func (r *replicaSet) demand(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for _, name := range []string{"proxy", "proxy-2"} {
		for range 3 {
			callers.Go(func() {
				for ctx.Err() == nil {
					r.call(ctx, t, "http://"+r.split.public[name])
				}
			})
		}
	}
	return func() { cancel(); callers.Wait() }
}

func (r *replicaSet) call(ctx context.Context, t *testing.T, base string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+r.target, nil)
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	req.Header.Set("Sando-Max-Wait", "1s")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			t.Error(err)
		}
		return
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
		r.passed.Add(1)
	case http.StatusTooManyRequests:
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
		}
	default:
		t.Errorf("status %d", res.StatusCode)
	}
}

// seenByTorii counts the calls in question that the stand-in let pass and
// refused.
func (r *replicaSet) seenByTorii(t *testing.T) (served, refused int) {
	t.Helper()
	res, err := http.Get(r.torii + "/__emulator/requests")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var log []struct {
		Operation string
		Status    int
	}
	if err := json.NewDecoder(res.Body).Decode(&log); err != nil {
		t.Fatal(err)
	}
	for _, one := range log {
		switch {
		case one.Status == http.StatusTooManyRequests:
			refused++
		case one.Operation == "users.list":
			served++
		}
	}
	return served, refused
}

// pause waits in real time: the proxies' minute is a real one.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// A redisServer is a real server that can be killed and started again.
type redisServer struct {
	address string
	process *process
}

func newRedis(t *testing.T) *redisServer {
	t.Helper()
	r := &redisServer{address: kittest.FreeAddr(t)}
	r.start(t)
	return r
}

func (r *redisServer) start(t *testing.T) {
	t.Helper()
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	r.process = startProgram(t, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	r.process.waitFor(t, "redis-server", func() bool { return reachable(r.address) })
}

func (r *redisServer) kill(t *testing.T) {
	t.Helper()
	if err := r.process.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	err := <-r.process.exited
	r.process.exited <- err
}
