package auth_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// browser follows nothing by itself, so that every step can be looked at.
type browser struct {
	w      *world
	client *http.Client
}

// shown is one page.
type shown struct {
	t        *testing.T
	status   int
	location string
	header   http.Header
	html     string
}

func (w *world) browser() *browser {
	return &browser{w: w, client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (b *browser) do(method, path string, form url.Values) shown {
	b.w.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.url+path, body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	html, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return shown{t: b.w.t, status: res.StatusCode, location: res.Header.Get("Location"), header: res.Header, html: string(html)}
}

// want checks status and state of a page.
func (s shown) want(status int, state string) shown {
	s.t.Helper()
	if s.status != status || state != "" && !strings.Contains(s.html, `data-state="`+state+`"`) {
		s.t.Fatalf("got %d, want %d %s:\n%s", s.status, status, state, s.html)
	}
	return s
}

func (s shown) says(text string) {
	s.t.Helper()
	if !strings.Contains(s.html, text) {
		s.t.Errorf("the page does not say %q:\n%s", text, s.html)
	}
}

// linkPath makes a link and returns the path of its page.
func (w *world) linkPath(body string) string {
	w.t.Helper()
	made := w.call(w.token, "POST", "/link-token", body).want(200)
	path, ok := strings.CutPrefix(made.text("link_url"), w.cfg.PublicURL)
	if !ok || !strings.HasSuffix(path, made.text("link_token")) || !strings.HasPrefix(made.text("link_token"), "sando_link_") {
		w.t.Fatalf("link: %s", made.raw)
	}
	return path
}

// open follows a link to its form and returns the form's path.
func (b *browser) open(path string) string {
	b.w.t.Helper()
	first := b.do("GET", path, nil).want(303, "")
	if strings.Contains(first.location, "sando_link_") || !strings.HasPrefix(first.location, "/connect/s/") {
		b.w.t.Fatalf("redirected to %q", first.location)
	}
	b.do("GET", first.location, nil).want(200, "form")
	return first.location
}

func (b *browser) submit(path, key string) shown {
	b.w.t.Helper()
	handle := regexp.MustCompile(`^/connect/s/([^/?]+)`).FindStringSubmatch(path)[1]
	return b.do("POST", path, url.Values{"handle": {handle}, "field.api_key": {key}})
}

func TestLinkPage(t *testing.T) {
	w := start(t)
	b := w.browser()
	path := w.linkPath(`{"tenant_id":"t1","context":{"plan":"gold"}}`)
	form := b.open(path)
	b.open(path) // reloading, or a mail scanner, does not use it up

	wrong := b.submit(form, "wrong-key-0000").want(400, "form")
	wrong.says("Torii did not accept this credential. It answered: Torii answered: invalid API key.")
	// Who comes to the field by keyboard or screen reader hears that it is wrong, and why.
	wrong.says(`aria-invalid="true" aria-describedby="help-api_key problem"`)
	wrong.says(`role="alert" id="problem"`)
	if strings.Contains(wrong.html, "wrong-key-0000") {
		t.Error("the page shows what was typed")
	}
	b.submit(form, "").want(400, "form").says("Torii API key is required.")
	b.submit(form, "two words").want(400, "form").says(`aria-invalid="true" aria-describedby="help-api_key wrong-api_key"`)
	w.provider.set(func(p *provider) { p.outage = true })
	b.submit(form, goodKey).want(502, "form").says("nothing was stored")
	w.provider.set(func(p *provider) { p.outage = false })

	done := b.submit(form, goodKey).want(303, "")
	b.do("GET", done.location, nil).want(200, "success").says("Torii is connected to Acme")
	b.submit(form, goodKey).want(303, "") // a second press lands on the same success
	b.do("GET", path, nil).want(410, "used")

	rows := w.call(w.token, "GET", "/integrated-account", "").want(200).list()
	if len(rows) != 1 || rows[0]["tenant_id"] != "t1" || rows[0]["context"].(map[string]any)["plan"] != "gold" {
		t.Errorf("linked: %v", rows)
	}
	linked := w.call(w.token, "GET", "/log?log_type=link&status=200", "").want(200).list()
	if len(linked) != 1 || linked[0]["actor_kind"] != "link" {
		t.Errorf("log: %v", linked)
	}
}

func TestLinkPageStates(t *testing.T) {
	w := start(t)
	b := w.browser()
	path := w.linkPath(`{"tenant_id":"t1"}`)
	form := b.open(path)

	b.do("GET", "/connect?link_token=sando_link_ABCDEFGHIJKLMNOPQRSTUVWXYZ", nil).want(404, "unknown")
	b.do("GET", "/connect", nil).want(404, "unknown")
	b.do("GET", "/connect/s/ABCDEFGHIJKLMNOPQRSTUVWXYZ", nil).want(410, "session")
	b.do("GET", strings.Replace(path, "/connect", "/connect-account", 1), nil).want(303, "")
	b.do("GET", form+"/closed", nil).want(200, "closed").says("Back to the form")
	b.do("POST", form, url.Values{"handle": {"another"}, "field.api_key": {goodKey}}).want(400, "form").says("could not be read")

	w.clock.advance(31 * time.Minute)
	b.do("GET", form, nil).want(410, "session").says("Open the link that you were given again")
	b.submit(form, goodKey).want(410, "session")
	b.open(path)
	w.clock.advance(7 * 24 * time.Hour)
	b.do("GET", path, nil).want(410, "expired").says("Ask Acme for a new link")
}

// Once the account is linked, no address of the page says otherwise, neither soon nor late.
func TestLinkedPageStaysLinked(t *testing.T) {
	w := start(t)
	b := w.browser()
	path := w.linkPath(`{"tenant_id":"t1"}`)
	form, other := b.open(path), b.open(path)
	b.submit(form, goodKey).want(303, "")
	pages := []string{form, form + "/closed", form + "?mode=popup", form + "/closed?mode=iframe", other, other + "/closed"}
	for _, page := range pages {
		b.do("GET", page, nil).want(200, "success").says("Torii is connected to Acme")
	}
	w.clock.advance(31 * time.Minute)
	for _, page := range pages {
		b.do("GET", page, nil).want(410, "used").says("An account was connected with this link")
	}
}

func TestReconnectKeepsTheAccount(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	w.provider.set(func(p *provider) { delete(p.keys, goodKey) })
	w.call(w.token, "POST", "/integrated-account/"+id+"/validate", `{}`).want(200)

	b := w.browser()
	form := b.open(w.linkPath(`{"integrated_account_id":"` + id + `"}`))
	b.do("GET", form, nil).says("Reconnect Torii to Acme")
	b.submit(form, otherKey).want(409, "form").says("another Torii organisation")
	done := b.submit(form, "torii-key-of-acme-0003").want(303, "")
	b.do("GET", done.location, nil).want(200, "success").says(`data-account="` + id + `"`)
	got := w.call(w.token, "GET", "/integrated-account/"+id, "").want(200)
	if got.text("status") != "active" || !strings.Contains(got.raw, "gold") {
		t.Errorf("reconnected: %s", got.raw)
	}

	form = b.open(w.linkPath(`{"integrated_account_id":"` + id + `"}`))
	w.call(w.token, "DELETE", "/integrated-account/"+id, "").want(200)
	b.submit(form, "torii-key-of-acme-0003").want(404, "gone")
}

func TestLinkPageReturns(t *testing.T) {
	w := start(t)
	w.call(w.token, "PATCH", "/environment/"+w.environment, `{"allowed_redirect_uris":["https://app.example.com/done?x=1"]}`).want(200)
	b := w.browser()
	form := b.open(w.linkPath(`{"tenant_id":"t1","redirect_uri":"https://app.example.com/done?x=1"}`))
	page := b.do("GET", form, nil).want(200, "form")
	page.says("https://app.example.com/done?result=closed&amp;x=1")
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://app.example.com;") {
		t.Errorf("the browser would not follow the redirect: %s", csp)
	}
	to, err := url.Parse(b.submit(form, goodKey).want(303, "").location)
	if err != nil {
		t.Fatal(err)
	}
	q := to.Query()
	if to.Host != "app.example.com" || q.Get("x") != "1" || q.Get("result") != "success" || q.Get("integrated_account_id") == "" || q.Get("integration") != "torii" {
		t.Errorf("returned to %s", to)
	}
}

func TestLinkPageHeaders(t *testing.T) {
	w := start(t)
	b := w.browser()
	path := w.linkPath(`{"tenant_id":"t1"}`)
	page := b.do("GET", b.open(path), nil)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
		"Cache-Control":           "no-store",
		"X-Frame-Options":         "DENY",
		"X-Content-Type-Options":  "nosniff",
	} {
		if got := page.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for _, asset := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.html, -1) {
		if !strings.HasPrefix(asset[1], "/connect/") {
			t.Errorf("the page refers to %s", asset[1])
		}
	}
	for _, name := range []string{"page.css", "page.js"} {
		if got := b.do("GET", "/connect/assets/"+name, nil); got.status != 200 || got.html == "" {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	missing := w.call("", "GET", "/connect/assets/none.css", "").want(404, "NOT_FOUND")
	if missing.text("request_id") == "" {
		t.Errorf("an asset that there is not: %s", missing.raw)
	}
	if strings.Contains(w.log.String(), "sando_link_") && !strings.Contains(w.log.String(), "sando_link_[") {
		t.Error("the log holds the link token")
	}

	w.call(w.token, "PATCH", "/environment/"+w.environment, `{"allowed_frame_origins":["https://app.example.com","https://eu.example.com"]}`).want(200)
	framed := b.do("GET", b.open(path+"&mode=iframe&origin=https://app.example.com"), nil)
	if csp := framed.header.Get("Content-Security-Policy"); !strings.HasSuffix(csp, "frame-ancestors https://app.example.com https://eu.example.com") {
		t.Errorf("framed: %s", csp)
	}
	framed.says(`data-origin="https://app.example.com"`)
	foreign := b.do("GET", b.open(path+"&mode=iframe&origin=https://evil.example"), nil)
	foreign.says(`data-origin=""`)
}

func TestLinkTokenRefuses(t *testing.T) {
	w := start(t)
	_, foreign := w.newEnvironment("Other")
	id := w.link(foreign, "t1", otherKey)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"neither":                 {`{}`, 400, "VALIDATION_FAILED"},
		"both":                    {`{"tenant_id":"t","integrated_account_id":"` + id + `"}`, 400, "VALIDATION_FAILED"},
		"both, one of them empty": {`{"tenant_id":"t","integrated_account_id":""}`, 400, "VALIDATION_FAILED"},
		"a NUL character":         {`{"tenant_id":"t\u0000"}`, 400, "VALIDATION_FAILED"},
		"a foreign account":       {`{"integrated_account_id":"` + id + `"}`, 404, "ACCOUNT_NOT_FOUND"},
		"an unlisted redirect":    {`{"tenant_id":"t","redirect_uri":"https://evil.example/"}`, 400, "VALIDATION_FAILED"},
		"an integration":          {`{"tenant_id":"t","integration":"other"}`, 400, "VALIDATION_FAILED"},
		"a credential":            {`{"tenant_id":"t","context":{"api_key":"x"}}`, 400, "VALIDATION_FAILED"},
		"scopes":                  {`{"tenant_id":"t","scopes":["read"]}`, 400, "VALIDATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) { w.call(w.token, "POST", "/link-token", c.body).want(c.status, c.code) })
	}
}

// Two windows on one link cannot both link an account.
func TestLinkIsUsedOnce(t *testing.T) {
	w := start(t)
	b := w.browser()
	path := w.linkPath(`{"tenant_id":"t1"}`)
	one, two := b.open(path), b.open(path)
	statuses := make(chan int, 2)
	for _, form := range []string{one, two} {
		go func() { statuses <- b.submit(form, goodKey).status }()
	}
	got := map[int]int{<-statuses: 1}
	got[<-statuses]++
	if rows := w.call(w.token, "GET", "/integrated-account", "").want(200).list(); len(rows) != 1 {
		t.Errorf("%d accounts were linked; the pages answered %v", len(rows), got)
	}
}
