package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// Replicas of every service come one after the other, from one to three of each, under load. The budget stays one: the provider, which counts by itself, refuses
// nothing, and the replicas together use what it allows. A revoked token is refused by every replica within a second, and the log has every write once, in one
// chain.
func TestSoakScale(t *testing.T) {
	sp := onServers(t, pgtest.Start(t), newRedis(t))
	sp.replicas.most = 3
	sp.balancers = make(map[string]*balancer)
	for _, service := range theFour() {
		sp.balancers[service] = newBalancer(t)
	}
	s := sp.startAll(t)
	l := newLoad(s)
	finish := l.start(t)
	hungry := startHungry(s)
	t.Cleanup(hungry.stop)
	for n := 2; n <= 3; n++ {
		for _, service := range theFour() {
			instance := fmt.Sprintf("%s-%d", service, n)
			before := l.done.Load()
			sp.internal[instance], sp.public[instance] = kittest.FreeAddr(t), kittest.FreeAddr(t)
			sp.start(t, instance, s.emulatorURL)
			waitUntil(t, "calls go on beside "+instance, func() bool { return l.done.Load() > before+20 })
		}
		revokedEverywhere(t, sp, s)
	}
	<-time.After(longer(t, 0))
	finish()
	hungry.stop()
	hungry.check(t)
	if n := strings.Count(sp.torii.output.String(), "path=/v1.0/users status=429"); n > 0 {
		t.Errorf("the provider found %d calls over its limit, which the replicas share", n)
	}
	l.checkWrites(t, s)
	verifyChain(t, sp, s)
	t.Logf("%d calls, %d tried again, %d writes; the hungry: %d passed, %d told to wait", l.done.Load(), l.again.Load(), l.writes.Load(),
		hungry.passed.Load(), hungry.refused.Load())
}

func theFour() []string { return []string{"auth", "proxy", "unified", "mcp"} }

// hungry callers want more of one operation than the provider allows: what they get is what the replicas make of the limit together.
type hungry struct {
	s               stack
	cancel          context.CancelFunc
	callers         sync.WaitGroup
	began           time.Time
	passed, refused atomic.Int64
}

// hungryLimit is what the provider allows of the operation in a minute; see catalog/torii/users.yaml.
const hungryLimit = 100

func startHungry(s stack) *hungry {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hungry{s: s, cancel: cancel, began: time.Now()}
	for range 3 {
		h.callers.Go(func() { h.want(ctx) })
	}
	return h
}

// want calls until ctx ends, and waits a little where it is told to.
func (h *hungry) want(ctx context.Context) {
	client := &http.Client{Timeout: 20 * time.Second}
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, "GET", h.s.baseURL+"/proxy/users?limit=1&integrated_account_id="+h.s.account, nil)
		if err != nil {
			return
		}
		r.Header.Set("Authorization", "Bearer "+h.s.apiToken)
		r.Header.Set("Sando-Max-Wait", "1s")
		res, err := client.Do(r)
		if err != nil {
			continue
		}
		switch res.StatusCode {
		case http.StatusOK:
			h.passed.Add(1)
		case http.StatusTooManyRequests:
			h.refused.Add(1)
		}
		res.Body.Close()
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (h *hungry) stop() { h.cancel(); h.callers.Wait() }

// check holds what passed against the limit.
func (h *hungry) check(t *testing.T) {
	t.Helper()
	minutes := int64(time.Since(h.began)/time.Minute) + 1
	if got := h.passed.Load(); got > (minutes+1)*hungryLimit || got == 0 {
		t.Errorf("%d calls passed in %s, of at most %d a minute", got, time.Since(h.began), hungryLimit)
	}
}

// revokedEverywhere makes a token, uses it at every replica of proxy and unified, revokes it, and sees every one refuse it within a second.
func revokedEverywhere(t *testing.T, sp *split, s stack) {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	code, text := rest.do(t, "POST", "/api-token", s.apiToken, nil, []byte(`{"name":"short-lived"}`))
	if code != http.StatusOK {
		t.Fatalf("make a token: status %d: %s", code, text)
	}
	made := decode(t, text)
	token, id := must(t, made, "token").(string), must(t, made, "id").(string)
	var targets []string
	for instance, address := range sp.public {
		switch role(instance) {
		case "proxy":
			targets = append(targets, "http://"+address+"/proxy/users/1003?integrated_account_id="+s.account)
		case "unified":
			targets = append(targets, "http://"+address+"/unified/sso/apps/1003?integrated_account_id="+s.account)
		}
	}
	status := func(target string) int {
		code, _ := restOver{client: http.DefaultClient}.do(t, "GET", target, token, nil, nil)
		return code
	}
	for _, target := range targets {
		if got := status(target); got != http.StatusOK {
			t.Errorf("%s: status %d before the token is revoked", target, got)
		}
	}
	if code, text := rest.do(t, "DELETE", "/api-token/"+id, s.apiToken, nil, nil); code != http.StatusOK {
		t.Fatalf("revoke: status %d: %s", code, text)
	}
	revoked := time.Now()
	for _, target := range targets {
		waitUntil(t, target+" refuses the token", func() bool { return status(target) == http.StatusUnauthorized })
	}
	if took := time.Since(revoked); took > time.Second {
		t.Errorf("the last replica refused the token %s after it was revoked, want a second", took)
	}
}
