package auth_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/go-oauth2/oauth2/v4/manage"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

// A process that is killed in the middle of a refresh leaves a lease behind. The next one sees that nobody moves it on, and who asks for the
// credential waits for that moment instead of getting an error until the lease has run out.
func TestRefreshAfterACrash(t *testing.T) {
	p := newIDP(t)
	p.manager.SetRefreshTokenCfg(&manage.RefreshingConfig{IsGenerateRefresh: true})
	c := newCulprit(t, p)
	c.start()
	c.browser.do("GET", c.agreed(), nil).want(303, "")
	id := c.call(c.token, "GET", "/integrated-account", "").want(200).list()[0]["id"].(string)
	p.stick(true)
	c.tell("later 1m45s") // past the time to refresh, before the token ends: upkeep begins to refresh
	<-p.asking
	c.must(c.cmd.Process.Kill())
	c.read.Wait()
	_ = c.cmd.Wait()
	p.stick(false)

	asked := p.asked.Load()
	c.spec.Later = 115 * time.Second // the token is at its end, and the lease has 20 seconds to live
	h, stop, err := c.spec.open(t.Context())
	c.must(err)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	lease, err := h.credentials.LeaseCredential(access.WithCaller(ctx, &access.Caller{Bearer: c.token}), &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
	if err != nil || lease.GetVersion() != 2 {
		t.Fatalf("the account after the crash: version %d, %v", lease.GetVersion(), err)
	}
	if n := p.asked.Load() - asked; n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// A token endpoint that takes its time does not make another replica ask beside the one that waits: the refresh token would be used twice.
func TestSlowRefreshIsLeftAlone(t *testing.T) {
	p := newIDP(t)
	cfg := newConfig(t)
	one, two := p.start(cfg), p.start(cfg)
	one.consentTo(p, one.browser()).want(303, "")
	id := one.call(one.token, "GET", "/integrated-account", "").want(200).list()[0]["id"].(string)
	caller := access.Caller{Bearer: one.accountToken(id)}
	p.stick(true)
	defer p.stick(false)
	one.clock.advance(tokenLife - 5*time.Second)
	two.clock.advance(tokenLife - 5*time.Second)
	<-p.asking // one of them, in a round of upkeep
	// Long enough for a lease that stood still to be taken over, by either.
	ctx, cancel := context.WithTimeout(access.WithCaller(t.Context(), &caller), 5*time.Second)
	defer cancel()
	var both sync.WaitGroup
	for _, w := range []*world{one, two} {
		both.Go(func() {
			_, err := internalauthv1connect.NewCredentialServiceClient(w.internal).LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
			if err == nil {
				t.Error("a credential was lent that cannot have been renewed")
			}
		})
	}
	both.Wait()
	if n := len(p.asking); n > 0 {
		t.Errorf("the provider was asked %d times more", n)
	}
}
