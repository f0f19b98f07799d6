package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// recovery is how soon after the return of what was away everything works again.
const recovery = 5 * time.Second

// PostgreSQL is killed and comes back under load. Meanwhile reads by known tokens go on, writes and MCP calls are refused with 503 and say why, and auth says
// that it is not ready; within 5 s of its return everything works. No acknowledged write is lost, none is made twice, and the log has them all. The long run
// leaves it away for so long that reads stop too.
func TestSoakDatabaseAway(t *testing.T) {
	db, v := pgtest.Start(t), newRedis(t)
	sp, s := startOnServers(t, db, v)
	l := newLoad(s)
	l.patience = 2 * time.Minute
	finish := l.start(t)
	waitUntil(t, "calls are answered", func() bool { return l.done.Load() > 40 && l.writes.Load() > 2 })

	db.Kill(t)
	away := time.Now()
	c := caller{s: s}
	ready := func(service string) bool { return answers("http://" + sp.public[service] + "/readyz") }
	waitUntil(t, "auth says that it is not ready", func() bool { return !ready("auth") })
	code, text := restOver{client: http.DefaultClient}.do(t, "GET", "http://"+sp.public["auth"]+"/readyz", "", nil, nil)
	if reason, _ := lookup(decode(t, text), "message"); code != http.StatusServiceUnavailable || reason != "Not ready: auth: the database does not answer" {
		t.Errorf("auth is not ready: status %d: %s", code, text)
	}
	c.must(t, "a read by proxy", l.readUser(0), http.StatusOK, "")
	c.must(t, "a read by unified", l.readApp(0), http.StatusOK, "")
	c.must(t, "a write", c.write(), http.StatusServiceUnavailable, "AUDIT_UNAVAILABLE", "REVOCATION_UNAVAILABLE", "UNAVAILABLE")
	c.must(t, "an MCP call", l.callTool(0), http.StatusOK, "AUDIT_UNAVAILABLE", "REVOCATION_UNAVAILABLE")
	for _, service := range []string{"proxy", "unified", "mcp"} {
		if !ready(service) {
			t.Errorf("%s is not ready %s after the database went away, want a minute", service, time.Since(away))
		}
	}
	if longer(t, 0) > 0 {
		waitLonger(t, 70*time.Second, "proxy says that it is not ready", func() bool { return !ready("proxy") })
		if after := time.Since(away); after < 55*time.Second {
			t.Errorf("reads stopped after %s, want a minute", after)
		}
		c.must(t, "a read after a minute", l.readUser(0), http.StatusServiceUnavailable, "REVOCATION_UNAVAILABLE", "AUDIT_UNAVAILABLE")
	}

	db.Restart(t)
	back := time.Now()
	c.recovers(t, "auth is ready", back, func() bool { return ready("auth") })
	c.recovers(t, "a write", back, func() bool { return c.ok(c.write()) })
	c.recovers(t, "an MCP call", back, func() bool { return c.ok(l.callTool(0)) })
	c.recovers(t, "a read", back, func() bool { return c.ok(l.readUser(0)) && c.ok(l.readApp(0)) })
	t.Logf("away for %s, all well %s after it came back", back.Sub(away), time.Since(back))
	before := l.done.Load()
	waitUntil(t, "calls go on", func() bool { return l.done.Load() > before+20 })
	finish()
	l.checkWrites(t, s)
	verifyChain(t, sp, s)
	t.Logf("%d calls, %d tried again, %d writes", l.done.Load(), l.again.Load(), l.writes.Load())
}

// Valkey is killed and comes back. An account in light use notices nothing, for its calls need no leases; proxy stays ready, and every write that was
// acknowledged is there once. What becomes of accounts near their limits is shown with two proxies, see TestTwoProxiesOneBudget.
func TestSoakValkeyAway(t *testing.T) {
	db, v := pgtest.Start(t), newRedis(t)
	sp, s := startOnServers(t, db, v)
	c, l := caller{s: s}, newLoad(s)
	rest := restOver{client: http.DefaultClient}
	written := 0
	for _, phase := range []struct {
		name  string
		begin func()
	}{{"with Valkey", func() {}}, {"without Valkey", func() { v.kill(t) }}, {"with Valkey again", func() { v.start(t) }}} {
		phase.begin()
		for range 10 {
			for _, r := range []request{l.readUser(0), l.readApp(0), c.write()} {
				code, text := rest.do(t, r.method, r.url, r.token, nil, []byte(r.body))
				if code != http.StatusOK {
					t.Errorf("%s: %s: status %d: %.300s", phase.name, r.url, code, text)
				}
				if r.method == http.MethodPost {
					written++
				}
			}
		}
		if !answers("http://" + sp.public["proxy"] + "/readyz") {
			t.Errorf("%s: proxy is not ready", phase.name)
		}
	}
	made := 0
	for _, row := range readAll(t, s, "/proxy/contracts?fields=name&limit=1000&integrated_account_id="+s.account) {
		if name, _ := lookup(row, "name"); strings.HasPrefix(fmt.Sprint(name), "single-") {
			made++
		}
	}
	if made != written {
		t.Errorf("%d contracts were made, %d acknowledged", made, written)
	}
}

// startOnServers starts the services on PostgreSQL and Valkey.
func startOnServers(t *testing.T, db *pgtest.Server, v *redisServer) (*split, stack) {
	t.Helper()
	sp := onServers(t, db, v)
	return sp, sp.startAll(t)
}

// onServers prepares the services for PostgreSQL and Valkey.
func onServers(t *testing.T, db *pgtest.Server, v *redisServer) *split {
	t.Helper()
	sp := &split{dir: t.TempDir(), databases: make(map[string]string)}
	for _, name := range []string{"auth", "proxy", "unified"} {
		sp.databases[name] = db.Database(t, "")
	}
	sp.replicas = shared{store: sp.databases["proxy"], valkey: "redis://" + v.address + "/0"}
	return sp
}

// longer is SANDO_SOAK where it is set: how long a long run takes. A short one takes the time given.
func longer(t *testing.T, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("SANDO_SOAK")
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A caller makes single calls and says how they end.
type caller struct {
	s     stack
	calls int
}

// write makes a contract of its own.
func (c *caller) write() request {
	c.calls++
	return request{
		method: "POST", url: c.s.baseURL + "/proxy/contracts?integrated_account_id=" + c.s.account, token: c.s.apiToken,
		body: fmt.Sprintf(`{"name":"single-%d","idApp":1001,"status":"active"}`, c.calls),
	}
}

func (c *caller) ok(r request) bool {
	retry, err := newLoad(c.s).send(r)
	return !retry && err == nil
}

// must makes a call that ends with a status, and with one of the codes in its text.
func (c *caller) must(t *testing.T, what string, r request, status int, codes ...string) {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: ""}
	header := map[string]string{"Accept": "application/json, text/event-stream"}
	began := time.Now()
	code, text := rest.do(t, r.method, r.url, r.token, header, []byte(r.body))
	if took := time.Since(began); took > recovery {
		t.Errorf("%s took %s", what, took)
	}
	if code != status {
		t.Errorf("%s: status %d, want %d: %.300s", what, code, status, text)
		return
	}
	for _, want := range codes {
		if strings.Contains(string(text), want) {
			return
		}
	}
	t.Errorf("%s: %.300s, want one of %v", what, text, codes)
}

// recovers waits until something holds, within the time that the product has for it.
func (c *caller) recovers(t *testing.T, what string, since time.Time, holds func() bool) {
	t.Helper()
	waitUntil(t, what, holds)
	if took := time.Since(since); took > recovery {
		t.Errorf("%s: only after %s, want at most %s", what, took, recovery)
	}
}

func waitLonger(t *testing.T, most time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	end := time.After(most)
	for !holds() {
		select {
		case <-end:
			t.Fatalf("%s: not within %s", what, most)
		case <-tick.C:
		}
	}
}

// verifyChain verifies the log of the environment with the operator's CLI.
func verifyChain(t *testing.T, sp *split, s stack) {
	t.Helper()
	write := func(name, text string) string {
		path := filepath.Join(sp.dir, name)
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	export := write("log.jsonl", sp.operate(t, "audit", "export", "--environment", s.environment))
	keys := write("keys.jwks", sp.operate(t, "audit", "keys"))
	if out := runSando(t, nil, "audit", "verify", "--keys", keys, export); !strings.HasPrefix(out, "ok:") {
		t.Errorf("verify says %q", out)
	}
}
