package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
)

// What an operator does with the one binary, from an empty folder on: keys, environment, token, serving, key rotation, a log that verifies elsewhere.
func TestOperator(t *testing.T) {
	o := newOperator(t)
	s := o.serve(t)
	link(t, &s)
	o.sando(t, "doctor", "--data-dir", o.dir, "--edge.listen", s.address())
	o.mustRead(t, s)

	o.sando(t, "keys", "add", "--family", "encryption", "--data-dir", o.dir)
	o.restart(t)
	o.mustRead(t, s)
	if out := o.sando(t, "keys", "rotate", "--data-dir", o.dir); !strings.Contains(out, "1 of 1") {
		t.Errorf("rotate says %q, want one account done", out)
	}
	o.mustRead(t, s)
	o.verifyLog(t, s)
	o.revokes(t, s)
	o.refusesForeignRing(t, s)
}

// revokes lists the tokens and revokes one, beside the running server.
func (o *operator) revokes(t *testing.T, s stack) {
	t.Helper()
	second := o.sando(t, "token", "create", "--environment", o.environment, "--name", "reports", "--access", "read", "--data-dir", o.dir)
	list := strings.Split(o.sando(t, "token", "list", "--environment", o.environment, "--data-dir", o.dir), "\n")
	if len(list) != 2 || !strings.HasSuffix(list[0], "read all-services all-accounts\treports") || strings.Contains(list[0], second) {
		t.Fatalf("token list says %q", list)
	}
	status := func(token string) int {
		code, _ := restOver{client: http.DefaultClient, base: s.baseURL}.do(t, "GET", "/environment", token, nil, nil)
		return code
	}
	if code := status(second); code != http.StatusOK {
		t.Errorf("the new token: status %d", code)
	}
	id, _, _ := strings.Cut(list[0], "\t")
	o.sando(t, "token", "revoke", "--environment", o.environment, "--data-dir", o.dir, id)
	o.server.waitFor(t, "revocation", func() bool { return status(second) == http.StatusUnauthorized })
	if code := status(o.token); code != http.StatusOK {
		t.Errorf("the other token: status %d", code)
	}
}

// refusesForeignRing puts the key ring of another installation beside the database: nothing starts, and the doctor says why.
func (o *operator) refusesForeignRing(t *testing.T, s stack) {
	t.Helper()
	if err := o.server.stop(t); err != nil {
		t.Fatal(err)
	}
	ours, other := filepath.Join(o.dir, "keys.yaml"), filepath.Join(t.TempDir(), "other")
	o.sando(t, "keys", "generate", "--data-dir", other)
	ring, err := os.ReadFile(ours)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := os.ReadFile(filepath.Join(other, "keys.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	encryption, _, _ := strings.Cut(string(ring), "signing:\n")
	_, rest, _ := strings.Cut(string(foreign), "signing:\n")
	if err := os.WriteFile(ours, []byte(encryption+"signing:\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"serve", "--data-dir", o.dir, "--edge.listen", s.address(), "--auth.public-url", s.baseURL},
		{"doctor", "--data-dir", o.dir, "--edge.listen", s.address()},
	} {
		p := start(t, nil, "sando", args...)
		err := <-p.exited
		p.exited <- nil
		if out := p.output.String(); err == nil || !strings.Contains(out, "the ring belongs to another installation") {
			t.Errorf("sando %s: %v\n%s", args[0], err, out)
		}
	}
}

// An operator works on a data folder.
type operator struct {
	dir, address       string
	torii              string // the provider's base URL
	environment, token string
	server, emulator   *process
	env                []string // of the server
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	torii := kittest.FreeAddr(t)
	emulator := start(t, nil, "torii-emulator", "--listen", torii, "--control")
	emulator.waitFor(t, "emulator", func() bool { return reachable(torii) })
	o := operatorOf(t, "http://"+torii+"/v1.0")
	o.emulator = emulator
	return o
}

// operatorOf works in a folder of its own, for a provider that runs.
func operatorOf(t *testing.T, torii string, env ...string) *operator {
	t.Helper()
	o := &operator{dir: filepath.Join(t.TempDir(), "data"), torii: torii, address: kittest.FreeAddr(t), env: env}
	o.sando(t, "keys", "generate", "--data-dir", o.dir)
	o.sando(t, "migrate", "--data-dir", o.dir)
	o.environment = o.sando(t, "environment", "create", "--name", "production", "--data-dir", o.dir)
	o.token = o.sando(t, "token", "create", "--environment", o.environment, "--data-dir", o.dir)
	return o
}

// sando runs a command to its end and answers what it printed.
func (o *operator) sando(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, nil, "sando", args...)
	p.succeed(t)
	return strings.TrimSpace(p.stdout.String())
}

func (o *operator) serve(t *testing.T) stack {
	t.Helper()
	config := filepath.Join(o.dir, "sando.yaml")
	text := fmt.Sprintf("data_dir: %s\nproxy: {base_urls: {torii: %q}}\n", o.dir, o.torii)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	base := "http://" + o.address
	o.server = start(t, o.env, "sando", "serve", "--config", config, "--edge.listen", o.address, "--auth.public-url", base)
	o.server.waitFor(t, "sando", func() bool { return answers(base + "/readyz") })
	return stack{baseURL: base, emulatorURL: strings.TrimSuffix(o.torii, "/v1.0"), apiToken: o.token, environment: o.environment, toriiKey: "torii-emulator-full-access-key"}
}

func (o *operator) restart(t *testing.T) {
	t.Helper()
	if err := o.server.stop(t); err != nil {
		t.Fatalf("stopping: %v\n%s", err, o.server.output.tail(2000))
	}
	o.serve(t)
}

func (o *operator) mustRead(t *testing.T, s stack) {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	if code, text := rest.do(t, "GET", "/proxy/me?integrated_account_id="+s.account, s.apiToken, nil, nil); code != http.StatusOK {
		t.Fatalf("status %d: %s", code, text)
	}
}

// verifyLog exports the log, verifies it with the keys kept apart, and sees that an altered one fails.
func (o *operator) verifyLog(t *testing.T, s stack) {
	t.Helper()
	export, keys := filepath.Join(o.dir, "log.jsonl"), filepath.Join(o.dir, "keys.jwks")
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(export, o.sando(t, "audit", "export", "--environment", s.environment, "--data-dir", o.dir))
	write(keys, o.sando(t, "audit", "keys", "--data-dir", o.dir))
	if out := o.sando(t, "audit", "verify", "--keys", keys, export); !strings.HasPrefix(out, "ok:") {
		t.Errorf("verify says %q", out)
	}
	text, err := os.ReadFile(export)
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Replace(text, []byte("integrated_account.create"), []byte("integrated_account.delete"), 1)
	if bytes.Equal(altered, text) {
		t.Fatalf("the log does not say that an account was linked:\n%.600s", text)
	}
	write(export, string(altered))
	p := start(t, nil, "sando", "audit", "verify", "--keys", keys, export)
	if err := <-p.exited; err == nil {
		t.Errorf("an altered log verifies: %s", p.stdout.String())
	}
	p.exited <- nil
}

// A setting that means nothing is refused with the nearest one that does.
func TestUnknownSettingsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"serve", "--edge.listn", "x"}, {"config", "print", "--data-dri", "x"}} {
		p := start(t, nil, "sando", args...)
		err := <-p.exited
		p.exited <- nil
		if out := p.output.String(); err == nil || !strings.Contains(out, "Did you mean") && !strings.Contains(out, "did you mean") {
			t.Errorf("sando %s: %v, %q", strings.Join(args, " "), err, out)
		}
	}
}
