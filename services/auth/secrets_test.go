package auth_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-oauth2/oauth2/v4/manage"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/services/auth"
)

// No secret of OAuth, of the link page or of the ring is in anything that auth writes: not when a token endpoint quotes it, not when the code that has
// it in hand panics, and not in the last words of a process that crashes or is killed while requests with secrets are under way.
func TestNoSecretIsWritten(t *testing.T) {
	p := newIDP(t)
	p.manager.SetRefreshTokenCfg(&manage.RefreshingConfig{IsGenerateRefresh: true})
	c := newCulprit(t, p)
	c.keep("client's secret", "customer-secret-1")
	c.keep("vendor's secret", "vendor-secret-1")
	c.keep("Torii key", goodKey)

	for name, end := range map[string]func(){
		"a crash": func() { c.tell("crash") },
		"SIGQUIT": func() { c.must(c.cmd.Process.Signal(syscall.SIGQUIT)) },
		"SIGABRT": func() { c.must(c.cmd.Process.Signal(syscall.SIGABRT)) },
	} {
		c.start()
		c.useEverything()
		c.panicEverywhere()
		c.waitWithSecrets()
		end()
		c.read.Wait() // to the end of its output
		_ = c.cmd.Wait()
		c.searchProcess(name)
	}
	c.searchStore()
}

// culprit is an auth in a process of its own, and everything that it writes.
type culprit struct {
	*world
	idp      *idp
	browser  *browser
	exported *exports
	dir      string
	spec     spec

	mu    sync.Mutex
	found kittest.Secrets

	cmd    *exec.Cmd
	orders io.WriteCloser
	lines  *bufio.Reader
	errors bytes.Buffer
	read   sync.WaitGroup
}

func newCulprit(t *testing.T, p *idp) *culprit {
	t.Helper()
	cfg := newConfig(t)
	c := &culprit{
		world: &world{t: t, cfg: cfg}, idp: p, found: kittest.Secrets{}, exported: newExports(t), dir: filepath.Dir(cfg.Keys.File),
	}
	c.browser = c.world.browser()
	o, err := auth.OpenOperator(t.Context(), cfg)
	c.must(err)
	c.environment, err = o.CreateEnvironment(t.Context(), "Acme")
	c.must(err)
	_, c.token, err = o.CreateToken(t.Context(), auth.TokenSpec{EnvironmentID: c.environment, Name: "first"})
	c.must(err)
	c.must(o.Close())
	c.spec = spec{Store: cfg.Store.URL.Reveal(), Keys: cfg.Keys.File, Provider: p.url, Serve: true}
	c.keep("API token", c.token)
	text, err := os.ReadFile(cfg.Keys.File)
	c.must(err)
	keys := regexp.MustCompile(`material: "([^"]+)"`).FindAllStringSubmatch(string(text), -1)
	if len(keys) < 4 {
		t.Fatalf("%d keys in the ring", len(keys))
	}
	for i, key := range keys {
		c.keep(fmt.Sprintf("key %d of the ring", i+1), key[1])
	}
	return c
}

func (c *culprit) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// keep remembers a secret and answers it.
func (c *culprit) keep(what, secret string) string {
	c.t.Helper()
	if len(secret) < 12 {
		c.t.Fatalf("%s is %q", what, secret)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.found[what]; ok && known != secret {
		what = fmt.Sprint(what, ", ", len(c.found))
	}
	c.found[what] = secret
	return secret
}

func (c *culprit) start() {
	c.t.Helper()
	told, err := json.Marshal(c.spec)
	c.must(err)
	self, err := os.Executable()
	c.must(err)
	c.cmd = exec.CommandContext(c.t.Context(), self)
	c.cmd.Env = append(os.Environ(), childEnv+"="+string(told), "GOTRACEBACK=system",
		"OTEL_TRACES_EXPORTER=otlp", "OTEL_METRICS_EXPORTER=otlp", "OTEL_LOGS_EXPORTER=otlp", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_EXPORTER_OTLP_ENDPOINT="+c.exported.url, "OTEL_BSP_SCHEDULE_DELAY=20", "OTEL_BLRP_SCHEDULE_DELAY=20", "OTEL_METRIC_EXPORT_INTERVAL=50")
	c.orders, err = c.cmd.StdinPipe()
	c.must(err)
	out, err := c.cmd.StdoutPipe()
	c.must(err)
	errors, err := c.cmd.StderrPipe()
	c.must(err)
	c.errors.Reset()
	c.must(c.cmd.Start())
	c.read.Go(func() { _, _ = c.errors.ReadFrom(errors) })
	c.lines = bufio.NewReader(out)
	c.url = c.answer()
}

func (c *culprit) answer() string {
	c.t.Helper()
	line, err := c.lines.ReadString('\n')
	if err != nil {
		_ = c.cmd.Process.Kill()
		c.read.Wait()
		c.t.Fatalf("%v: %s", err, c.errors.String())
	}
	return strings.TrimSpace(line)
}

func (c *culprit) tell(order string) {
	c.t.Helper()
	_, err := fmt.Fprintln(c.orders, order)
	c.must(err)
	if order != "crash" {
		c.answer()
	}
}

// useEverything links in every way, with mistakes, and refreshes.
func (c *culprit) useEverything() {
	c.t.Helper()
	c.call(c.token, "POST", "/integrated-account", clientCredentials).want(200)
	wrong := c.keep("wrong client secret", "wrong-client-secret-by-api")
	c.call(c.token, "POST", "/integrated-account", strings.Replace(clientCredentials, "customer-secret-1", wrong, 1)).want(400, "CREDENTIAL_REJECTED")
	handle := c.typed("/connect", "client_id=customer", "client_secret=wrong-client-secret-on-the-page").want(400, "form")
	if strings.Contains(handle.html, "wrong-client-secret") {
		c.t.Error("the page shows what was typed")
	}
	c.typed("/connect", "client_id=customer", "client_secret=customer-secret-1").want(303, "")
	c.typed("/connect&method=oauth2_refresh_token", "client_id=vendor", "client_secret=vendor-secret-1", "refresh_token=never-given-refresh-token").want(400, "form")

	c.browser.do("GET", c.agreed(), nil).want(303, "")
	refreshable := c.call(c.token, "GET", "/integrated-account?limit=1", "").want(200).list()[0]["id"].(string)
	c.call(c.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+refreshable+`"}`).want(200)
	c.keep("account token", c.call(c.token, "POST", "/integrated-account/token", `{"integrated_account_id":"`+refreshable+`"}`).want(200).text("integrated_account_token"))

	// A provider that quotes what it refuses is not quoted.
	c.idp.echoes.Store(true)
	defer c.idp.echoes.Store(false)
	c.call(c.token, "POST", "/integrated-account", clientCredentials).want(400, "CREDENTIAL_REJECTED")
	c.browser.do("GET", c.agreed(), nil).want(400, "form")
	c.call(c.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+refreshable+`"}`).want(401, "NEEDS_REAUTH")
	if shows := c.call(c.token, "GET", "/integrated-account/"+refreshable, "").want(200); len(c.secrets().Find([]byte(shows.raw))) > 0 {
		c.t.Errorf("the account shows a secret: %s", shows.raw)
	}
}

// typed links on the page with what a customer types.
func (c *culprit) typed(page string, fields ...string) shown {
	c.t.Helper()
	_, query, _ := strings.Cut(page, "&")
	form := c.open(query)
	values := url.Values{"handle": {handleOf(form)}}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		values.Set("field."+name, value)
		if name != "client_id" {
			c.keep("typed as "+name, value)
		}
	}
	return c.browser.do("POST", form, values)
}

// open makes a link to Acme and opens its page.
func (c *culprit) open(query string) string {
	c.t.Helper()
	path := c.linkPath(`{"tenant_id":"tenant-of-the-search","integration":"acme"}`)
	c.keep("link token", path[strings.Index(path, "=")+1:])
	form := c.browser.open(strings.TrimSuffix(path+"&"+query, "&"))
	c.keep("handle", handleOf(form))
	return form
}

func handleOf(form string) string {
	return regexp.MustCompile(`^/connect/s/([^/?]+)`).FindStringSubmatch(form)[1]
}

// agreed follows a link to the provider, agrees there, and returns where that leads back to.
func (c *culprit) agreed() string {
	c.t.Helper()
	form := c.open("method=oauth2_authorization_code")
	asked := c.browser.do("POST", form, url.Values{"handle": {handleOf(form)}}).want(303, "")
	res, err := c.browser.client.Get(asked.location)
	c.must(err)
	res.Body.Close()
	back, err := url.Parse(res.Header.Get("Location"))
	c.must(err)
	c.keep("authorization code", back.Query().Get("code"))
	c.keep("state", back.Query().Get("state"))
	return back.RequestURI()
}

// panicEverywhere panics, with a secret in the value, in handlers of both kinds, in a refresh that callers wait for, and in upkeep.
func (c *culprit) panicEverywhere() {
	c.t.Helper()
	value := c.keep("value of a panic", "in-hand-when-it-panicked")
	trap := func(place string) { c.tell("trap " + place + " " + value) }
	trap("account.(*Service).Create")
	c.call(c.token, "POST", "/integrated-account", clientCredentials).want(500, "INTERNAL")
	trap("linking.(*Service).Begin")
	path := c.linkPath(`{"tenant_id":"t","integration":"acme"}`)
	c.keep("link token", path[strings.Index(path, "=")+1:])
	if got := c.browser.do("GET", path, nil); got.status != 500 || !strings.Contains(got.html, "INTERNAL") {
		c.t.Errorf("a page that panics: %d %s", got.status, got.html)
	}
	back := c.agreed()
	trap("oauth.(*Client).credential")
	if got := c.browser.do("GET", back, nil); got.status != 500 {
		c.t.Errorf("a callback that panics: %d %s", got.status, got.html)
	}
	id := c.call(c.token, "POST", "/integrated-account", clientCredentials).want(200).text("id")
	trap("oauth.(*Client).credential")
	c.call(c.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+id+`"}`).want(500, "INTERNAL")
	trap("account.(*Service).RefreshDue") // springs in a round of upkeep, by and by
	c.call(c.token, "GET", "/environment", "").want(200)
}

// waitWithSecrets has requests under way that carry secrets, and returns when the provider keeps all of them waiting.
func (c *culprit) waitWithSecrets() {
	c.t.Helper()
	back := c.agreed()
	form := c.open("")
	c.idp.stick(true)
	c.t.Cleanup(func() { c.idp.stick(false) })
	send := func(method, path, contentType, body string) {
		r, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, strings.NewReader(body))
		c.must(err)
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Set("Content-Type", contentType)
		go func() {
			if res, err := c.browser.client.Do(r); err == nil {
				res.Body.Close()
			}
		}()
	}
	send("POST", "/integrated-account", "application/json", clientCredentials)
	send("GET", back, "", "")
	send("POST", form, "application/x-www-form-urlencoded", url.Values{
		"handle": {handleOf(form)}, "field.client_id": {"customer"}, "field.client_secret": {"customer-secret-1"},
	}.Encode())
	for range 3 {
		<-c.idp.asking
	}
	c.idp.stick(false)
}

// secrets are all so far, those of the token endpoint included.
func (c *culprit) secrets() kittest.Secrets {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idp.mu.Lock()
	defer c.idp.mu.Unlock()
	all := make(kittest.Secrets)
	for _, secrets := range []kittest.Secrets{c.found, c.idp.heard} {
		for what, secret := range secrets {
			all[what] = secret
		}
	}
	return all
}

func (c *culprit) searchProcess(end string) {
	c.t.Helper()
	found, text := c.secrets(), c.errors.Bytes()
	found.MustNotBeIn(c.t, "the log before "+end, text, `"msg":"panic"`)
	found.MustNotBeIn(c.t, "the last words after "+end, text, "\ngoroutine ")
	if n := bytes.Count(text, []byte("a value of type *errors.errorString")) + bytes.Count(text, []byte("a value of type *fmt.wrapError")); n < 4 {
		c.t.Errorf("%d panics of %d are in the log before %s", n, 4, end)
	}
}

func (c *culprit) searchStore() {
	c.t.Helper()
	found := c.secrets()
	for _, what := range []string{"code ", "code_verifier ", "refresh_token ", "access_token ", "client_secret "} {
		if !slices.ContainsFunc(keysOf(found), func(name string) bool { return strings.HasPrefix(name, what) }) {
			c.t.Errorf("no %sof the token endpoint is searched for", what)
		}
	}
	for _, kind := range []string{"/v1/traces", "/v1/metrics", "/v1/logs"} {
		found.MustNotBeIn(c.t, "what went to "+kind, c.exported.of(kind), "sando-auth")
	}
	files := found.MustNotBeUnder(c.t, c.dir, "keys.yaml")
	found.MustNotBeIn(c.t, "the folder with the write-ahead log", files, "tenant-of-the-search")
	if _, err := os.Stat(filepath.Join(c.dir, "auth.db-wal")); err != nil {
		c.t.Errorf("there was no write-ahead log to search: %v", err)
	}
	copied := filepath.Join(c.t.TempDir(), "backup.db")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(c.dir, "auth.db"))
	c.must(err)
	_, err = db.ExecContext(c.t.Context(), "VACUUM INTO ?", copied)
	c.must(err)
	c.must(db.Close())
	text, err := os.ReadFile(copied)
	c.must(err)
	found.MustNotBeIn(c.t, "the backup", text, "tenant-of-the-search")
	o, err := auth.OpenOperator(c.t.Context(), c.cfg)
	c.must(err)
	var export bytes.Buffer
	c.must(o.ExportLog(context.WithoutCancel(c.t.Context()), c.environment, &export))
	c.must(o.Close())
	found.MustNotBeIn(c.t, "the export of the log", export.Bytes(), "integrated_account.create")
}

func keysOf(s kittest.Secrets) []string {
	var names []string
	for name := range s {
		names = append(names, name)
	}
	return names
}

// exports takes what a process sends by OTLP, by the path that it comes to.
type exports struct {
	url  string
	mu   sync.Mutex
	text map[string][]byte
}

func newExports(t *testing.T) *exports {
	t.Helper()
	e := &exports{text: make(map[string][]byte)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.text[r.URL.Path] = append(e.text[r.URL.Path], text...)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *exports) of(path string) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Clone(e.text[path])
}
