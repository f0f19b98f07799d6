package auth_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

func (w *world) leaseOf(id string) (*iv1.LeaseCredentialResponse, error) {
	w.t.Helper()
	ctx := access.WithCaller(w.t.Context(), &access.Caller{Bearer: w.accountToken(id)})
	return internalauthv1connect.NewCredentialServiceClient(w.internal).LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
}

func (w *world) mustLease(id string) *iv1.LeaseCredentialResponse {
	w.t.Helper()
	lease, err := w.leaseOf(id)
	if err != nil {
		w.t.Fatal(err)
	}
	return lease
}

const clientCredentials = `{"tenant_id":"t","integration":"acme","context":{"client_id":"customer","client_secret":"customer-secret-1"}}`

func TestClientCredentials(t *testing.T) {
	p := newIDP(t)
	w := p.start(newConfig(t))
	refused := w.call(w.token, "POST", "/integrated-account",
		`{"tenant_id":"t","integration":"acme","context":{"client_id":"customer","client_secret":"wrong-secret"}}`).want(400, "CREDENTIAL_REJECTED")
	if strings.Contains(refused.raw, "wrong-secret") {
		t.Errorf("the answer shows what was sent: %s", refused.raw)
	}
	made := w.call(w.token, "POST", "/integrated-account", clientCredentials).want(200)
	if strings.Contains(made.raw, "secret-1") || strings.Contains(made.raw, "access_token") {
		t.Errorf("the answer shows the credential: %s", made.raw)
	}
	id := made.text("id")
	lease := w.mustLease(id)
	if len(lease.GetValues()) != 1 || lease.GetValues()["access_token"] == "" || lease.GetExpiresAt() == nil {
		t.Errorf("lease: %v", lease)
	}

	// The credential is renewed before it ends, without anybody asking.
	w.clock.advance(tokenLife * 85 / 100)
	eventually(t, func() error {
		next, err := w.leaseOf(id)
		if err == nil && next.GetVersion() == lease.GetVersion() {
			err = errors.New("not renewed yet")
		}
		return err
	})

	// A provider that is away changes nothing, until the token has ended.
	p.down.Store(true)
	w.call(w.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+id+`"}`).want(502, "UPSTREAM_ERROR")
	w.mustLease(id)
	w.clock.advance(tokenLife)
	_, err := w.leaseOf(id)
	w.wantCode(err, "UPSTREAM_ERROR")
	p.down.Store(false)
	w.mustLease(id)
	if got := w.call(w.token, "GET", "/integrated-account/"+id, ""); got.text("status") != "active" {
		t.Errorf("an outage changed the status: %s", got.raw)
	}
	if strings.Contains(w.log.String(), "customer-secret-1") {
		t.Error("the log holds the client's secret")
	}
}

// consentTo links by consent and returns where the customer lands.
func (w *world) consentTo(p *idp, b *browser) shown {
	w.t.Helper()
	return w.consentBy(p, b, w.linkPath(`{"tenant_id":"t1","integration":"acme"}`)+"&method=oauth2_authorization_code&mode=popup")
}

// consentBy follows a link to the provider and back.
func (w *world) consentBy(p *idp, b *browser, path string) shown {
	w.t.Helper()
	return b.do("GET", w.agree(p, b, path), nil)
}

// agree follows a link to the provider, agrees there, and returns where the provider sends the customer.
func (w *world) agree(p *idp, b *browser, path string) string {
	w.t.Helper()
	form := b.open(path)
	page := b.do("GET", form, nil)
	page.says("Continue to Acme Directory")
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+p.url) {
		w.t.Errorf("the browser would not go to the provider: %s", csp)
	}
	asked := b.submit(form, "").want(303, "")
	q, err := url.Parse(asked.location)
	if err != nil || !strings.HasPrefix(asked.location, p.url+"/authorize?") || q.Query().Get("code_challenge_method") != "S256" {
		w.t.Fatalf("sent to %s", asked.location)
	}
	res, err := b.client.Get(asked.location)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	back, ok := strings.CutPrefix(res.Header.Get("Location"), w.cfg.PublicURL)
	if !ok {
		w.t.Fatalf("the provider answered %d %s", res.StatusCode, res.Header.Get("Location"))
	}
	return back
}

func TestAuthorizationCode(t *testing.T) {
	p := newIDP(t)
	w := p.start(newConfig(t))
	b := w.browser()
	landed := w.consentTo(p, b).want(303, "")
	if !strings.Contains(landed.location, "mode=popup") {
		t.Errorf("the view was lost: %s", landed.location)
	}
	b.do("GET", landed.location, nil).want(200, "success")
	rows := w.call(w.token, "GET", "/integrated-account", "").want(200).list()
	if len(rows) != 1 || rows[0]["authentication_method"] != "oauth2_authorization_code" || rows[0]["status"] != "active" {
		t.Fatalf("linked: %v", rows)
	}
	id := rows[0]["id"].(string)
	first := w.mustLease(id)

	// The provider gives each refresh token once; whatever it gives is kept.
	for range 3 {
		w.call(w.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+id+`"}`).want(200)
	}
	if next := w.mustLease(id); next.GetVersion() != first.GetVersion()+3 || next.GetValues()["access_token"] == first.GetValues()["access_token"] {
		t.Errorf("after three refreshes: version %d", next.GetVersion())
	}

	// Reconnecting keeps the account and its method: no other is offered.
	callback := w.agree(p, b, w.linkPath(`{"integrated_account_id":"`+id+`"}`))
	again := b.do("GET", callback, nil).want(303, "")
	b.do("GET", again.location, nil).want(200, "success").says(`data-account="` + id + `"`)
	if next := w.mustLease(id); next.GetVersion() != first.GetVersion()+4 {
		t.Errorf("after reconnecting: version %d", next.GetVersion())
	}
	// Reloading the callback, or denying after the fact, lands on the same success.
	denied := callback[:strings.Index(callback, "code=")] + "error=access_denied&" + callback[strings.Index(callback, "state="):]
	for _, late := range []string{callback, denied} {
		if landed := b.do("GET", late, nil).want(303, ""); landed.location != again.location {
			t.Errorf("%s leads to %s, not %s", late, landed.location, again.location)
		}
	}

	b.do("GET", "/connect/callback?state=forged&code=x", nil).want(404, "unknown")
	b.do("GET", "/connect/callback", nil).want(404, "unknown")
}

// A refused access token is answered with a new one; only when the provider gives no more must the customer reconnect.
func TestRefusedTokenIsRenewed(t *testing.T) {
	p := newIDP(t)
	w := p.start(newConfig(t))
	w.consentTo(p, w.browser()).want(303, "")
	id := w.call(w.token, "GET", "/integrated-account", "").want(200).list()[0]["id"].(string)
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: w.accountToken(id)})
	credentials := internalauthv1connect.NewCredentialServiceClient(w.internal)
	report := func(version int64) {
		t.Helper()
		res, err := credentials.ReportCredential(ctx, &iv1.ReportCredentialRequest{
			IntegratedAccountId: id, Version: version, Verdict: iv1.CredentialVerdict_CREDENTIAL_VERDICT_UNAUTHORIZED,
		})
		if err != nil || !res.GetApplied() {
			t.Fatalf("report: %v, %v", res, err)
		}
	}
	lease := w.mustLease(id)
	report(lease.GetVersion())
	next := w.mustLease(id)
	if next.GetVersion() != lease.GetVersion()+1 {
		t.Errorf("version %d after the report", next.GetVersion())
	}
	if err := p.manager.RemoveRefreshToken(context.Background(), p.refreshTokenOf(next.GetValues()["access_token"])); err != nil {
		t.Fatal(err)
	}
	report(next.GetVersion())
	_, err := w.leaseOf(id)
	w.wantCode(err, "NEEDS_REAUTH")
	asked := p.asked.Load()
	w.call(w.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+id+`"}`).want(401, "NEEDS_REAUTH")
	if p.asked.Load() != asked {
		t.Error("the provider was asked for an account that must be reconnected")
	}
}

func (p *idp) refreshTokenOf(accessToken string) string {
	p.t.Helper()
	info, err := p.manager.LoadAccessToken(context.Background(), accessToken)
	if err != nil {
		p.t.Fatal(err)
	}
	return info.GetRefresh()
}

// However many callers in however many replicas, the provider is asked once.
func TestOneRefreshAcrossReplicas(t *testing.T) {
	p := newIDP(t)
	cfg := newConfig(t)
	one := p.start(cfg)
	two := p.start(cfg)
	two.token = one.token
	one.consentTo(p, one.browser()).want(303, "")
	id := one.call(one.token, "GET", "/integrated-account", "").want(200).list()[0]["id"].(string)
	first := one.mustLease(id)
	asked := p.asked.Load()
	one.clock.advance(tokenLife)
	two.clock.advance(tokenLife)
	one.accountToken(id)

	var wg sync.WaitGroup
	leases := make([]*iv1.LeaseCredentialResponse, 24)
	errs := make([]error, len(leases))
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: one.accountToken(id)})
	for i := range leases {
		w := []*world{one, two}[i%2]
		wg.Go(func() {
			leases[i], errs[i] = internalauthv1connect.NewCredentialServiceClient(w.internal).LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("lease %d: %v", i, err)
		}
		if leases[i].GetVersion() != first.GetVersion()+1 {
			t.Errorf("lease %d has version %d", i, leases[i].GetVersion())
		}
	}
	if n := p.asked.Load() - asked; n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

func TestRefreshRefuses(t *testing.T) {
	p := newIDP(t)
	w := p.start(newConfig(t))
	w.provider.set(func(stub *provider) { stub.check = nil })
	id := w.link(w.token, "t", goodKey)
	refused := w.call(w.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+id+`"}`).want(400, "VALIDATION_FAILED")
	if !strings.Contains(refused.raw, "not refreshed: api_key has no OAuth") {
		t.Errorf("it does not say why: %s", refused.raw)
	}
	w.call(w.token, "POST", "/integrated-account/refresh-credentials", `{"id":"unknown"}`).want(404, "ACCOUNT_NOT_FOUND")
	w.call(w.token, "POST", "/integrated-account",
		`{"tenant_id":"t","integration":"acme","authentication_method":"oauth2_authorization_code","context":{}}`).want(400, "CREDENTIAL_REJECTED")
	w.call(w.token, "POST", "/integrated-account",
		`{"tenant_id":"t","integration":"acme","authentication_method":"oauth2_authorization_code","context":{"access_token":"pasted"}}`).want(400, "VALIDATION_FAILED")
	w.call(w.token, "POST", "/link-token", `{"tenant_id":"t","integration":"acme","scopes":["people:write"]}`).want(200)
}
