package e2e

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// tenant is a word that every store, backup and export of these tests must hold.
const tenant = "tenant-of-the-search"

// Nothing that the product writes holds a secret that it was given or made: no log line, span, metric, file, write-ahead log, export or backup, whatever
// went wrong meanwhile, and not what the runtime prints of a process that dies.
func TestNoSecretIsLeftInOneProcess(t *testing.T) {
	spans := newReceiver(t)
	_, port, _ := net.SplitHostPort(kittest.FreeAddr(t))
	for name, value := range spans.env(port) {
		t.Setenv(name, value)
	}
	t.Setenv("GOTRACEBACK", "system") // the most that the runtime prints
	o := newOperator(t)
	s := o.serve(t)
	link(t, &s)
	s.mcpURL = s.baseURL + "/mcp/" + s.mcpToken
	found := useSecrets(t, s)
	addRing(t, found, filepath.Join(o.dir, "keys.yaml"))

	metrics := page(t, "http://127.0.0.1:"+port+"/metrics")
	found.MustNotBeIn(t, "the page of metrics", metrics, "rpc_server")
	export := o.sando(t, "audit", "export", "--environment", s.environment, "--data-dir", o.dir)
	found.MustNotBeIn(t, "the export of the log", []byte(export), "integrated_account.create")
	found.MustNotBeIn(t, "the folder with the write-ahead logs", found.MustNotBeUnder(t, o.dir, "keys.yaml"), tenant)
	for _, name := range []string{"auth.db", "proxy.db", "unified.db"} {
		witness := "CREATE TABLE"
		if name == "auth.db" {
			witness = tenant
		}
		found.MustNotBeIn(t, "the backup of "+name, backup(t, filepath.Join(o.dir, name)), witness)
	}

	if err := o.emulator.stop(t); err != nil {
		t.Log(err) // it says so on its own output
	}
	misuse(t, found, s) // now nothing answers behind the product
	die(t, o.server, syscall.SIGQUIT)
	found.MustNotBeIn(t, "the log and the last words", []byte(o.server.output.String()), "goroutine ")
	found.MustNotBeIn(t, "the log", []byte(o.server.output.String()), `"msg":"call"`)
	found.MustNotBeIn(t, "the spans", spans.all(), "sando.auth.v1")
}

func TestNoSecretIsLeftInFourProcesses(t *testing.T) {
	spans := newReceiver(t)
	server := pgtest.Start(t)
	env := []string{"GOTRACEBACK=system"}
	for name, value := range spans.env("0") {
		env = append(env, name+"="+value)
	}
	sp, s := startSplitOn(t, server, env...)
	found := useSecrets(t, s)
	addRing(t, found, filepath.Join(sp.dir, "keys.yaml"))
	_, material, _ := strings.Cut(sealingKeys, `material: "`)
	found["shared sealing key"], _, _ = strings.Cut(material, `"`)

	for service, url := range sp.databases {
		witness := "CREATE TABLE"
		if service == "auth" {
			witness = tenant
		}
		found.MustNotBeIn(t, "the dump of "+service, []byte(server.Dump(t, url)), witness)
	}
	found.MustNotBeIn(t, "the files of PostgreSQL", found.MustNotBeUnder(t, server.Files(t)), tenant)
	for _, name := range []string{"proxy", "unified", "mcp", "auth"} {
		die(t, sp.processes[name], syscall.SIGABRT)
		misuse(t, found, s) // the others go on without it
	}
	for name, p := range sp.processes {
		found.MustNotBeIn(t, "the log of "+name, []byte(p.output.String()), `"msg":"call"`)
		found.MustNotBeIn(t, "the last words of "+name, []byte(p.output.String()), "goroutine ")
	}
	found.MustNotBeIn(t, "the spans", spans.all(), "sando.internal.auth.v1")
}

// useSecrets does everything that brings secrets into being or takes them in, and answers them all.
func useSecrets(t *testing.T, s stack) kittest.Secrets {
	t.Helper()
	found := kittest.Secrets{"API token": s.apiToken, "Torii key": s.toriiKey, "MCP token": s.mcpToken}
	for what, secret := range found {
		if len(secret) < 16 {
			t.Fatalf("the %s is %q", what, secret)
		}
	}
	_, found["revoked API token"] = makeToken(t, s)
	var made map[string]any
	post(t, s, "/integrated-account/token", `{"integrated_account_id":"`+s.account+`"}`, &made)
	found["account token"], _ = made["integrated_account_token"].(string)
	post(t, s, "/link-token", `{"tenant_id":"`+tenant+`"}`, &made)
	found["link token"], _ = made["link_token"].(string)
	linkByPage(t, found, s, made["link_url"].(string))

	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	for _, path := range []string{"/proxy/users", "/unified/user-directory/users", "/integrated-account/" + s.account + "/capabilities", "/log", "/api-token"} {
		rest.do(t, "GET", path+"?integrated_account_id="+s.account, s.apiToken, nil, nil)
	}
	rest.do(t, "GET", "/integrated-account/me", found["account token"], nil, nil)
	rest.do(t, "POST", "/proxy/contracts?integrated_account_id="+s.account, s.apiToken, map[string]string{"Idempotency-Key": "once"}, []byte(`{"name":"c"}`))
	session := connectAgent(t, s, "2025-11-25")
	listTools(t, session)
	misuse(t, found, s)
	echo(t, s)
	return found
}

// echo has the provider quote the account's key in every spelling and with every kind of refusal, and reads what callers are told.
func echo(t *testing.T, s stack) {
	t.Helper()
	defer emulatorDo(t, s, "DELETE", "/faults", nil)
	client, account := restOver{client: http.DefaultClient, base: s.baseURL}, "?integrated_account_id="+s.account
	for i, encoding := range []emulator.Encoding{
		emulator.EncodingPlain, emulator.EncodingJSONSlash, emulator.EncodingJSONUnicode, emulator.EncodingBase64, emulator.EncodingBase64URL,
		emulator.EncodingPercent, emulator.EncodingHex, emulator.EncodingHTML, emulator.EncodingHTMLNamed,
	} {
		emulatorDo(t, s, "DELETE", "/faults", nil)
		for _, operation := range []string{"users.list", "users.update"} {
			emulatorDo(t, s, "POST", "/faults", map[string]any{
				"kind": "echo", "operation": operation, "encoding": encoding, "status": []int{403, 400, 500, 401}[i%4], "times": -1,
				"text": `missing_required_scope: {key} ("{key}")`,
			})
		}
		for _, c := range []struct{ method, path, body string }{
			{"GET", "/proxy/users" + account, ""},
			{"GET", "/custom/users" + account, ""},
			{"GET", "/unified/user-directory/users" + account, ""},
			{"PATCH", "/proxy/users/1001" + account, `{"lifecycleStatus":"active"}`},
			{"POST", "/mcp/" + s.mcpToken, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_all_torii_users","arguments":{}}}`},
			{"GET", "/integrated-account/" + s.account, ""},
		} {
			header := map[string]string{"Sando-Raw": "true", "Accept": "application/json, text/event-stream"}
			_, answer := client.do(t, c.method, c.path, s.apiToken, header, []byte(c.body))
			if kittest.Reveals(string(answer), s.toriiKey, 2) {
				t.Errorf("%s of %s with the key in %s: %s", c.method, c.path, encoding, answer)
			}
			if !strings.HasPrefix(c.path, "/integrated-account/") && !bytes.Contains(answer, []byte("[redacted]")) {
				t.Errorf("%s of %s with the key in %s does not quote the provider: %s", c.method, c.path, encoding, answer)
			}
		}
	}
}

// linkByPage links as a customer does, with a wrong key first.
func linkByPage(t *testing.T, f kittest.Secrets, s stack, address string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	first, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	first.Body.Close()
	at := first.Header.Get("Location")
	handle := regexp.MustCompile(`^/connect/s/([^/?]+)`).FindStringSubmatch(at)
	if handle == nil {
		t.Fatalf("%s leads to %q", address, at)
	}
	f["handle of the link page"], f["wrong key on the page"] = handle[1], "torii-wrong-key-on-the-page-001"
	for _, key := range []string{f["wrong key on the page"], s.toriiKey} {
		res, err := client.PostForm(s.baseURL+at, url.Values{"handle": {handle[1]}, "field.api_key": {key}})
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	code, text := restOver{client: client, base: s.baseURL}.do(t, "GET", "/integrated-account?tenant_id="+tenant, s.apiToken, nil, nil)
	if code != http.StatusOK || !bytes.Contains(text, []byte(tenant)) {
		t.Fatalf("the page linked nothing: %d, %s", code, text)
	}
}

// misuse puts secrets where they do not belong, as a careless client does, and makes calls that fail.
func misuse(t *testing.T, f kittest.Secrets, s stack) {
	t.Helper()
	f["wrong key by API"], f["wrong API token"] = "torii-wrong-key-by-api-000002", "sando_api_WRONGWRONGWRONGWRONGWRONGW"
	token, key := url.QueryEscape(s.apiToken), url.QueryEscape(s.toriiKey)
	account := "integrated_account_id=" + s.account
	for _, c := range []struct{ method, path, token, body string }{
		{"GET", "/environment", f["wrong API token"], ""},
		{"GET", "/environment", s.apiToken + "x", ""},
		{"GET", "/environment?token=" + token, "", ""},
		{"GET", "/proxy/me?" + account, s.apiToken, ""},
		{"GET", "/proxy/users/" + token + "?" + account, s.apiToken, ""},
		{"GET", "/proxy/" + key + "?" + account, s.apiToken, ""},
		{"GET", "/proxy/users?api_key=" + key + "&" + account, s.apiToken, ""},
		{"GET", "/custom/users?api_key=" + key + "&" + account, s.apiToken, ""},
		{"GET", "/unified/user-directory/users?api_key=" + key + "&" + account, s.apiToken, ""},
		{"GET", "/integrated-account/" + token, s.apiToken, ""},
		{"GET", "/log?tool_name=" + token, s.apiToken, ""},
		{"GET", "/connect?link_token=" + f["link token"], "", ""},
		{"GET", "/connect/s/" + f["handle of the link page"] + "x", "", ""},
		{"POST", "/mcp/" + s.mcpToken, "", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + s.toriiKey + `","arguments":{"id":"` + s.apiToken + `"}}}`},
		{"POST", "/mcp/" + s.mcpToken, "", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"get_single_torii_user_by_id","arguments":{"id":"` + s.toriiKey + `"}}}`},
		{"POST", "/mcp/" + s.mcpToken + "x", "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`},
		{"POST", "/mcp", s.mcpToken, `{"jsonrpc":"2.0","id":1,`},
		{"POST", "/integrated-account", s.apiToken, `{"tenant_id":"t","context":{"api_key":"` + f["wrong key by API"] + `"}}`},
		{"POST", "/integrated-account", s.apiToken, `{"tenant_id":"t","context":{"api_kye":"` + s.toriiKey + `"}}`},
		{"POST", "/integrated-account", s.apiToken, `{"tenant_id":"t","api_key":"` + s.toriiKey + `"}`},
		{"POST", "/integrated-account", s.apiToken, `{"api_key":"` + s.toriiKey},
		{"PATCH", "/integrated-account/" + s.account + "/credentials", s.apiToken, `{"context":{"api_key":"` + f["wrong key by API"] + `"}}`},
		{"POST", "/integrated-account/" + s.account + "/validate", s.apiToken, `{}`},
		{"POST", "/proxy/contracts?" + account, s.apiToken, `{"name":` + s.toriiKey},
	} {
		careless(t, s, c.method, c.path, c.token, c.body)
	}
}

// careless makes a call that may fail in any way, a closed port included.
func careless(t *testing.T, s stack, method, path, token, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.baseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(r)
	if err != nil {
		return
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
}

// addRing adds every key of a key file.
func addRing(t *testing.T, f kittest.Secrets, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`material: "([^"]+)"`).FindAllStringSubmatch(string(text), -1)
	if len(keys) < 4 {
		t.Fatalf("%d keys in the ring, want one of each family at least", len(keys))
	}
	for i, k := range keys {
		f[fmt.Sprintf("key %d of the ring", i+1)] = k[1]
	}
}

// die has the runtime print all goroutines and end the process, by SIGQUIT or SIGABRT.
func die(t *testing.T, p *process, by syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(by); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-p.exited:
		p.exited <- err
	case <-time.After(patience):
		t.Fatal("the process did not die")
	}
}

// backup copies a database in use, as the runbook does, and answers the copy.
func backup(t *testing.T, path string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	copied := filepath.Join(t.TempDir(), "backup.db")
	if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", copied); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func page(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A receiver takes spans by OTLP, as a collector does.
type receiver struct {
	url  string
	mu   sync.Mutex
	text []byte
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		text, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.text = append(r.text, text...)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// env has a process send its spans here at once, and serve its metrics on a port.
func (r *receiver) env(metricsPort string) map[string]string {
	return map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_ENDPOINT": r.url, "OTEL_BSP_SCHEDULE_DELAY": "50",
		"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT": metricsPort,
	}
}

func (r *receiver) all() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.text)
}
