package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
)

// visit asks the link page for something, as a browser does.
func (h handles) visit(method, path string, form url.Values) (*http.Response, string, error) {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.page.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Body)
	return w.Result(), string(body), err
}

// follow opens a link and returns the path of its form.
func (h handles) follow(link string) (string, error) {
	res, text, err := h.visit("GET", link, nil)
	if err != nil {
		return "", err
	}
	form := res.Header.Get("Location")
	if res.StatusCode != http.StatusSeeOther || !strings.HasPrefix(form, "/connect/s/") {
		return "", fmt.Errorf("the link leads to %d %q: %s", res.StatusCode, form, text)
	}
	return form, nil
}

// press sends a form of the page; it is an error when that does not link.
func (h handles) press(form, key string) error {
	res, text, err := h.visit("POST", form, url.Values{"handle": {handleOf(form)}, "field.api_key": {key}})
	if err == nil && res.StatusCode != http.StatusSeeOther {
		err = fmt.Errorf("the form was answered with %d: %s", res.StatusCode, text)
	}
	return err
}

// connectForEver links by the page, again and again: a link is made, opened, opened once more as a mail scanner does, and its form is sent. Every
// other link reconnects the account of the one before.
func (h handles) connectForEver(ctx context.Context, out *acks) error {
	var before string
	for n := 0; ; n++ {
		ask, about := &authv1.CreateLinkTokenRequest{TenantId: new(fmt.Sprint("customer-", n, "-", out.life))}, "new"
		if before != "" {
			ask, about = &authv1.CreateLinkTokenRequest{IntegratedAccountId: new(before)}, before
		}
		made, err := h.links.CreateLinkToken(ctx, ask)
		if err != nil {
			return err
		}
		_, path, _ := strings.Cut(made.GetLinkUrl(), "://")
		path = path[strings.Index(path, "/"):]
		key := fmt.Sprintf("key-number-%04d", n%1000)
		out.say("offered", path, key, ask.GetTenantId(), about)
		form, err := h.follow(path)
		if err != nil {
			return err
		}
		out.say("opened", path, form)
		if _, err := h.follow(path); err != nil {
			return err
		}
		if err := h.press(form, key); err != nil {
			return err
		}
		out.say("connected", path)
		if before != "" {
			before = ""
			continue
		}
		found, err := h.accounts.ListIntegratedAccounts(ctx, &authv1.ListIntegratedAccountsRequest{TenantId: new(ask.GetTenantId())})
		if err != nil || len(found.GetResult()) != 1 {
			return errors.Join(err, fmt.Errorf("%d accounts are linked", len(found.GetResult())))
		}
		before = found.GetResult()[0].GetId()
		out.say("settled", path, before)
	}
}

// attempt is a link that the killed process had made.
type attempt struct {
	path, key, tenant, account, form string
	connected                        bool
}

// attempts reads what was acknowledged about links.
func attempts(acked []string) []*attempt {
	var all []*attempt
	byPath := make(map[string]*attempt)
	for _, line := range acked {
		f := strings.Split(line, " ")
		switch f[0] {
		case "offered":
			a := &attempt{path: f[1], key: f[2], tenant: f[3]}
			if f[4] != "new" {
				a.account = f[4]
			}
			byPath[a.path] = a
			all = append(all, a)
		case "opened":
			byPath[f[1]].form = f[2]
		case "connected":
			byPath[f[1]].connected = true
		case "settled":
			byPath[f[1]].account = f[2]
		}
	}
	return all
}

// linksSurvive holds what the killed process left of its links to its word: one that was acknowledged has linked its account and is used up, and any
// other either has done the same or has done nothing and works.
func (h handles) linksSurvive(t *testing.T, acked []string) {
	t.Helper()
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: h.token})
	last := make(map[string]string) // account to the key that it was linked with last
	for _, a := range attempts(acked) {
		form, err := h.follow(a.path)
		used := err != nil
		switch res, text, visitErr := h.visit("GET", a.path, nil); {
		case visitErr != nil:
			t.Error(visitErr)
		case used && (res.StatusCode != http.StatusGone || !strings.Contains(text, `data-state="used"`)):
			t.Errorf("a link is neither usable nor used: %d %s", res.StatusCode, text)
		case a.connected && !used:
			t.Errorf("a link that was used works again")
		}
		if a.form != "" { // the page that was open goes on where it was
			want := `data-state="form"`
			if used {
				want = `data-state="success"`
			}
			if res, text, err := h.visit("GET", a.form, nil); err != nil || res.StatusCode != http.StatusOK || !strings.Contains(text, want) {
				t.Errorf("the open page shows %d, %v, want %s: %s", res.StatusCode, err, want, text)
			}
		}
		if !used {
			if before := h.linkedBy(t, ctx, a); a.account == "" && before != "" {
				t.Errorf("an account is linked, and its link is not used up")
			}
			if err := h.press(form, a.key); err != nil {
				t.Errorf("a link that was left over does not work: %v", err)
			}
		}
		// Pressing again links nothing more.
		if form != "" {
			if err := h.press(form, a.key); err != nil {
				t.Errorf("a second press: %v", err)
			}
		}
		if id := h.linkedBy(t, ctx, a); id != "" {
			last[id] = a.key
		}
	}
	for id, key := range last {
		lease, err := h.credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
		if err != nil || lease.GetValues()["api_key"] != key {
			t.Errorf("account %s, linked by the page, has another credential than was typed: %v", id, err)
		}
	}
}

// linkedBy finds the account of an attempt; there must not be two.
func (h handles) linkedBy(t *testing.T, ctx context.Context, a *attempt) string {
	t.Helper()
	if a.tenant == "" {
		return a.account
	}
	found, err := h.accounts.ListIntegratedAccounts(ctx, &authv1.ListIntegratedAccountsRequest{TenantId: &a.tenant})
	if err != nil || len(found.GetResult()) > 1 {
		t.Errorf("%d accounts were linked by one link, %v", len(found.GetResult()), err)
	}
	if len(found.GetResult()) == 0 {
		return ""
	}
	return found.GetResult()[0].GetId()
}
