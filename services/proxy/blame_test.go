package proxy

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2/connecthttp"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

const (
	page     = "<!DOCTYPE html><html><title>Attention Required!</title></html>"
	someUser = `{"user":{"id":1},"users":[{"id":1}],"org":{"id":10}}`
)

// bearing answers well to one key and 401 to all others.
func bearing(key string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			replies(401, "application/json", `{"statusCode":401,"message":"Invalid token"}`)(w, r)
			return
		}
		replies(200, "application/json", someUser)(w, r)
	}
}

// renewable has auth give a new key for a refused one.
func (b *bench) renewable(key string) {
	b.auth.mu.Lock()
	defer b.auth.mu.Unlock()
	b.auth.renewals[account] = key
}

// reported counts what was told to auth about credentials.
func (b *bench) reported() int {
	b.auth.mu.Lock()
	defer b.auth.mu.Unlock()
	return len(b.auth.reports)
}

// TestD8RevokedToken: a call that was refused for its token is sent once more
// with the one that auth gets instead: a write, too, since nothing was done.
func TestD8RevokedToken(t *testing.T) {
	for _, way := range transports() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			b, provider := newScripted(t, bearing("new"))
			b.renewable("new")
			if got := way.list(b, 1, ""); got != "" {
				t.Errorf("read: %q", got)
			}
			if n := provider.times("GET /users"); n != 2 {
				t.Errorf("the read was sent %d times, want 2", n)
			}
			if way.update == nil {
				return
			}
			provider.script(bearing("newer"))
			b.renewable("newer")
			for range 2 {
				if got := way.update(b, "1", "k"); got != "" {
					t.Errorf("write: %q", got)
				}
			}
			if n := provider.times("PUT /users/1"); n != 2 {
				t.Errorf("the write was sent %d times, want 2: with the old and the new token", n)
			}
			if got := b.reported(); got != 2 {
				t.Errorf("%d reports, want one for each token", got)
			}
		})
	}
}

// TestD8TokenRefusedForGood: without another token the account is to be
// reconnected; a new token that is refused as well is not asked for again.
func TestD8TokenRefusedForGood(t *testing.T) {
	b, provider := newScripted(t, bearing("nobody's"))
	b.renewable("new")
	e := b.refused(b.get("/proxy/users?limit=1"), 502, "UPSTREAM_ERROR")
	if e.Origin != "torii" || provider.times("GET /users") != 2 || b.reported() != 1 {
		t.Errorf("origin %s, %d calls, %d reports", e.Origin, provider.times("GET /users"), b.reported())
	}
	provider.script(bearing("nobody's"))
	other := b.do(request{path: "/proxy/users?limit=1&integrated_account_id=" + accountOther, token: tokenAll})
	b.refused(other, 401, "NEEDS_REAUTH")
	if n := provider.times("GET /users"); n != 1 {
		t.Errorf("sent %d times, want 1", n)
	}
}

// TestD8Edge: a page of something in front of the provider is neither its data
// nor its verdict on a credential.
func TestD8Edge(t *testing.T) {
	withPage := func(status int, probe http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/orgs/my" {
				probe(w, r)
				return
			}
			replies(status, "text/html; charset=utf-8", page)(w, r)
		}
	}
	well := replies(200, "application/json", someUser)
	edge := replies(401, "text/html", page)
	for _, tt := range []struct {
		name        string
		answer      http.HandlerFunc
		read, write string
		reports     int
	}{
		{"200", withPage(200, well), "UPSTREAM_BAD_RESPONSE", "OUTCOME_UNKNOWN", 0},
		{"401", withPage(401, well), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"401, for the probe as well", withPage(401, edge), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"401, the probe away", withPage(401, replies(503, "text/html", page)), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"401 of the provider, a page for the probe", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/orgs/my" {
				edge(w, r)
				return
			}
			bearing("nobody's")(w, r)
		}, "UPSTREAM_ERROR", "UPSTREAM_ERROR", 0},
		{"401 as text", func(w http.ResponseWriter, r *http.Request) {
			replies(401, "text/plain", "error code: 1020")(w, r)
		}, "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"403", withPage(403, well), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"403 as text", replies(403, "text/plain", "error code: 1020"), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"403 of the provider", replies(403, "application/json", `{"message":"no"}`), "UPSTREAM_FORBIDDEN", "UPSTREAM_FORBIDDEN", 1},
		{"403 without a body", replies(403, "", ""), "UPSTREAM_FORBIDDEN", "UPSTREAM_FORBIDDEN", 1},
		{"404", withPage(404, well), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"404 of the provider", replies(404, "application/json", `{"message":"no"}`), "UPSTREAM_NOT_FOUND", "UPSTREAM_NOT_FOUND", 0},
		{"413", withPage(413, well), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"400", withPage(400, well), "UPSTREAM_BAD_RESPONSE", "UPSTREAM_BAD_RESPONSE", 0},
		{"400 of the provider", replies(400, "application/json", `{"message":"no"}`), "UPSTREAM_REJECTED", "UPSTREAM_REJECTED", 0},
		{"503", withPage(503, well), "UPSTREAM_ERROR", "OUTCOME_UNKNOWN", 0},
		{"429", withPage(429, well), "RATE_LIMITED", "RATE_LIMITED", 0},
	} {
		for _, way := range transports() {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				b, _ := newScripted(t, tt.answer, impatient)
				if got := way.list(b, 1, ""); string(got) != tt.read {
					t.Errorf("read: %q, want %s", got, tt.read)
				}
				if way.update != nil {
					if got := way.update(b, "1", "k"); string(got) != tt.write {
						t.Errorf("write: %q, want %s", got, tt.write)
					}
				} else {
					tt.reports = min(tt.reports, 1)
				}
				if n := b.reported(); min(n, 1) != tt.reports {
					t.Errorf("%d reports to auth, want %d", n, tt.reports)
				}
			})
		}
	}
}

// TestD8EdgeIsNoData: a page that a deletion or a call of the caller's own is
// answered with is not what came of it.
func TestD8EdgeIsNoData(t *testing.T) {
	b, _ := newScripted(t, replies(200, "text/html", page))
	for _, r := range []request{
		{method: "DELETE", path: "/proxy/contracts/1"},
		{method: "POST", path: "/custom/anything", body: `{}`},
		{method: "DELETE", path: "/custom/contracts/1"},
	} {
		b.refused(b.do(r), 502, "OUTCOME_UNKNOWN")
	}
	b.refused(b.get("/custom/anything"), 502, "UPSTREAM_BAD_RESPONSE")
	b.refused(b.get("/proxy/me"), 502, "UPSTREAM_BAD_RESPONSE")
}

// TestD8WhoseTime: a call gets no leave that it has no time left to use, and the
// provider is not called slow for it.
func TestD8WhoseTime(t *testing.T) {
	b, provider := newScripted(t, replies(200, "application/json", someUser), func(cfg *Config, _ *Deps) {
		cfg.CallTimeout = 2500 * time.Millisecond
	})
	b.ok(b.get("/proxy/me"))
	for _, r := range []request{
		{path: "/proxy/users?limit=1"},
		{method: "PATCH", path: "/proxy/users/1", body: `{"lifecycleStatus":"active"}`},
	} {
		t.Run(r.path, func(t *testing.T) {
			b.t = t
			provider.script(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", "2")
				replies(429, "application/json", `{"message":"slow down"}`)(w, r)
			})
			e := b.refused(b.do(with(r, "Sando-Max-Wait", "60s")), 429, "RATE_LIMITED")
			if e.Origin != "sando" || e.RetryAfter < 1 || e.RetryAfter > 2 || provider.times("") != 1 {
				t.Errorf("origin %s, retry_after %d, sent %d times", e.Origin, e.RetryAfter, provider.times(""))
			}
		})
	}
}

// TestD8ProviderSlow: a provider that is slow is called so, and with whose help.
func TestD8ProviderSlow(t *testing.T) {
	b, provider := newScripted(t, nil, func(cfg *Config, _ *Deps) {
		cfg.CallTimeout = 4 * time.Second
		cfg.Upstream.Retry.Attempts = 1
	})
	var calls atomic.Int64
	provider.script(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			replies(429, "application/json", `{}`)(w, r)
			return
		}
		<-r.Context().Done()
	})
	e := b.refused(b.do(request{path: "/proxy/users?limit=1", header: map[string]string{"Sando-Max-Wait": "3s"}}), 504, "UPSTREAM_TIMEOUT")
	if e.Origin != "torii" || !strings.Contains(e.Message, "waited 1s for rate budget") {
		t.Errorf("origin %s: %s", e.Origin, e.Message)
	}
}

// TestD10Waits: what the provider asks to wait is waited for, by reads and
// writes alike, with the default patience and with one of the caller's; a write
// is sent again only where nothing was done.
func TestD10Waits(t *testing.T) {
	refusing := func(status, times int) http.HandlerFunc {
		var calls atomic.Int64
		return func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) > int64(times) {
				replies(200, "application/json", someUser)(w, r)
				return
			}
			w.Header().Set("Retry-After", "1")
			replies(status, "application/json", `{"message":"later"}`)(w, r)
		}
	}
	for _, way := range transports() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			for _, status := range []int{429, 503} {
				b, provider := newScripted(t, refusing(status, 1))
				if got := way.list(b, 1, ""); got != "" || provider.times("GET /users") != 2 {
					t.Errorf("read after %d: %q, sent %d times", status, got, provider.times("GET /users"))
				}
				if way.update == nil {
					continue
				}
				provider.script(refusing(status, 1))
				got := way.update(b, "1", "k")
				if status == 429 && (got != "" || provider.times("PUT /users/1") != 2) {
					t.Errorf("write after 429: %q, sent %d times", got, provider.times("PUT /users/1"))
				}
				if status == 503 && (got != "OUTCOME_UNKNOWN" || provider.times("PUT /users/1") != 1) {
					t.Errorf("write after 503: %q, sent %d times", got, provider.times("PUT /users/1"))
				}
			}
		})
	}
	// The caller's own patience, several times over, and how it ends.
	for _, tt := range []struct {
		status, times int
		patience      string
		want, retry   int
	}{
		{429, 3, "10s", 200, 0},
		{503, 4, "10s", 200, 0},
		{429, 3, "500ms", 429, 1},
		{503, 4, "500ms", 502, 1},
		{503, 1, "0s", 502, 1},
	} {
		for _, r := range []request{{path: "/proxy/users?limit=1"}, {method: "PATCH", path: "/proxy/users/1", body: `{"lifecycleStatus":"active"}`}} {
			if tt.status == 503 && r.method != "" {
				continue
			}
			t.Run(fmt.Sprint(tt.status, " ", tt.times, " times, ", tt.patience, " ", r.method), func(t *testing.T) {
				t.Parallel()
				b, _ := newScripted(t, refusing(tt.status, tt.times))
				a := b.do(with(r, "Sando-Max-Wait", tt.patience))
				if e := b.decode(a); a.status != tt.want || e.RetryAfter != tt.retry {
					t.Errorf("%d, retry_after %d; want %d, %d: %s", a.status, e.RetryAfter, tt.want, tt.retry, a.body)
				}
			})
		}
	}
}

// TestD10WaitingEnds: a caller who hangs up while its write waits has it not
// sent.
func TestD10WaitingEnds(t *testing.T) {
	b, provider := newScripted(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "3")
		replies(429, "application/json", `{}`)(w, r)
	})
	ctx, hangUp := context.WithCancel(t.Context())
	defer hangUp()
	ended := make(chan error, 1)
	go func() {
		client := b.over(map[string]string{"Sando-Max-Wait": "10s", "Idempotency-Key": "k"}, connecthttp.WithGRPC())
		_, err := client.Update(ctx, &proxyv1.UpdateRequest{Resource: "users", Id: "1", Body: rawJSON(`{"lifecycleStatus":"active"}`)})
		ended <- err
	}()
	b.eventually("the write was sent", func() bool { return provider.times("PUT") == 1 })
	hangUp()
	if err := <-ended; err == nil {
		t.Error("the call succeeded")
	}
	b.eventually("the outcome is on record", func() bool { return len(b.auth.entries("torii.users.update")) == 2 })
	if n := provider.times("PUT"); n != 1 {
		t.Errorf("sent %d times", n)
	}
}
