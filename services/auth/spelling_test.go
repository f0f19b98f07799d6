package auth_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/kittest"
)

// quiet checks that a secret is in none of the texts, nor in what was logged since, however it is spelled.
func (w *world) quiet(what, secret string, logged int, texts ...string) {
	w.t.Helper()
	all := strings.Join(append(texts, w.log.String()[logged:]), "\n")
	if kittest.Reveals(all, secret, 2) {
		w.t.Errorf("%s: %q is in %s", what, secret, all)
	}
}

// quietStore checks that no secret of some is in the files of the store.
func (w *world) quietStore(secrets []string) {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(w.cfg.Keys.File), "auth.db*"))
	if err != nil || len(files) == 0 {
		w.t.Fatalf("no store: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, secret := range secrets {
			if kittest.Reveals(string(text), secret, 0) {
				w.t.Errorf("%q is in %s", secret, filepath.Base(file))
			}
		}
	}
}

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A token endpoint that quotes what it was sent, in whatever spelling, is not quoted.
func TestS6TokenEndpoint(t *testing.T) {
	p := newIDP(t)
	w := p.start(newConfig(t))
	r := rand.New(rand.NewPCG(1, rand.Uint64()))
	var secrets []string
	for _, spelling := range kittest.Spellings() {
		p.echoes.Store(false)
		id := w.call(w.token, "POST", "/integrated-account", clientCredentials).want(200).text("id")
		p.spell.Store(&spelling)
		p.echoes.Store(true)
		logged, secret := len(w.log.String()), kittest.RandomKey(r)
		body := `{"tenant_id":"t","integration":"acme","context":{"client_id":"customer","client_secret":` + quoted(secret) + `}}`
		refused := w.call(w.token, "POST", "/integrated-account", body).want(400, "CREDENTIAL_REJECTED")
		p.unsure.Store(true)
		unsure := w.call(w.token, "POST", "/integrated-account", body).want(502, "UPSTREAM_ERROR")
		p.unsure.Store(false)
		w.quiet(spelling.Name, secret, logged, refused.raw, unsure.raw)

		w.call(w.token, "POST", "/integrated-account/refresh-credentials", `{"id":"`+id+`"}`).want(401, "NEEDS_REAUTH")
		a := w.call(w.token, "GET", "/integrated-account/"+id, "").want(200)
		if !strings.Contains(a.text("last_error"), "[redacted]") {
			t.Errorf("%s: %s", spelling.Name, a.raw)
		}
		w.quiet(spelling.Name, "customer-secret-1", logged, a.raw)
		secrets = append(secrets, secret, "customer-secret-1", spelling.Write("customer-secret-1"), spelling.Write(secret))
	}
	w.quietStore(secrets)
}

// What the proxy says of a credential is kept and shown without it, although the proxy should have left it out.
func TestS6ReportsAndProbes(t *testing.T) {
	w := start(t)
	credentials := internalauthv1connect.NewCredentialServiceClient(w.internal)
	b := w.browser()
	r := rand.New(rand.NewPCG(2, rand.Uint64()))
	var secrets []string
	for i, spelling := range kittest.Spellings() {
		logged, key := len(w.log.String()), kittest.RandomKey(r)
		secrets = append(secrets, key, spelling.Write(key))
		w.provider.set(func(p *provider) { p.keys[key], p.quote = "77", spelling.Write })
		body := fmt.Sprintf(`{"tenant_id":"tenant %d","integration":"torii","context":{"api_key":%s}}`, i, quoted(key))
		id := w.call(w.token, "POST", "/integrated-account", body).want(200).text("id")
		ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: w.accountToken(id)})
		for _, verdict := range []iv1.CredentialVerdict{iv1.CredentialVerdict_CREDENTIAL_VERDICT_FORBIDDEN, iv1.CredentialVerdict_CREDENTIAL_VERDICT_UNAUTHORIZED} {
			_, err := credentials.ReportCredential(ctx, &iv1.ReportCredentialRequest{
				IntegratedAccountId: id, Version: 1, Verdict: verdict, Resource: "users", Method: "list",
				Message: "no: " + spelling.Write(key), MissingScopes: []string{"users:read", spelling.Write(key)},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		reported := w.call(w.token, "GET", "/integrated-account/"+id, "").want(200)
		if !strings.Contains(reported.raw, "[redacted]") {
			t.Errorf("%s: %s", spelling.Name, reported.raw)
		}

		w.provider.set(func(p *provider) { delete(p.keys, key) })
		validated := w.call(w.token, "POST", "/integrated-account/"+id+"/validate", `{}`).want(200)
		refused := w.call(w.token, "POST", "/integrated-account", body).want(400, "CREDENTIAL_REJECTED")
		page := b.submit(b.open(w.linkPath(`{"tenant_id":"t1"}`)), key).want(400, "form")
		w.quiet(spelling.Name, key, logged, reported.raw, validated.raw, refused.raw, page.html)
	}
	w.quietStore(secrets)
}
