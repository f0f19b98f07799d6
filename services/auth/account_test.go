package auth_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
)

func decodeInto(t *testing.T, raw []byte, to any) {
	t.Helper()
	if err := json.Unmarshal(raw, to); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
}

func TestLink(t *testing.T) {
	w := start(t)
	made := w.call(w.token, "POST", "/integrated-account",
		`{"tenant_id":"t1","context":{"api_key":"  `+goodKey+`\n","big":9007199254740993}}`).want(200)
	if strings.Contains(made.raw, goodKey) || !strings.Contains(made.raw, "9007199254740993") {
		t.Errorf("the answer shows the key, or rounds a number: %s", made.raw)
	}
	delete(made.body, "created_at")
	delete(made.body, "updated_at")
	want := map[string]any{
		"id": made.text("id"), "tenant_id": "t1", "environment_id": w.environment, "status": "active", "authentication_method": "api_key",
		"integration": map[string]any{"name": "torii", "label": "Torii", "category": "sso"},
		"context":     map[string]any{"big": float64(9007199254740993), "organization": map[string]any{"id": "77", "name": "Org 77"}},
	}
	if d := cmp.Diff(want, made.body); d != "" {
		t.Errorf("account (-want +got):\n%s", d)
	}
	got := w.call(w.token, "GET", "/integrated-account/"+made.text("id"), "").want(200)
	if got.text("id") != made.text("id") {
		t.Errorf("got %s", got.raw)
	}
}

func TestLinkRefuses(t *testing.T) {
	w := start(t)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"a wrong key":            {`{"tenant_id":"t","context":{"api_key":"wrong-key-000"}}`, 400, "CREDENTIAL_REJECTED"},
		"no key":                 {`{"tenant_id":"t","context":{"plan":"gold"}}`, 400, "VALIDATION_FAILED"},
		"an empty key":           {`{"tenant_id":"t","context":{"api_key":"  "}}`, 400, "VALIDATION_FAILED"},
		"a key that is a number": {`{"tenant_id":"t","context":{"api_key":5}}`, 400, "VALIDATION_FAILED"},
		"a key with a blank":     {`{"tenant_id":"t","context":{"api_key":"two words"}}`, 400, "VALIDATION_FAILED"},
		"a context that is none": {`{"tenant_id":"t","context":[1]}`, 400, "VALIDATION_FAILED"},
		"our own member":         {`{"tenant_id":"t","context":{"api_key":"` + goodKey + `","organization":1}}`, 400, "VALIDATION_FAILED"},
		"no tenant":              {`{"context":{"api_key":"` + goodKey + `"}}`, 400, "VALIDATION_FAILED"},
		"an unknown integration": {`{"tenant_id":"t","integration":"other","context":{"api_key":"x"}}`, 400, "VALIDATION_FAILED"},
		"an unknown method":      {`{"tenant_id":"t","authentication_method":"basic","context":{"api_key":"x"}}`, 400, "VALIDATION_FAILED"},
		"an unknown body member": {`{"tenant_id":"t","secret":"x","context":{"api_key":"` + goodKey + `"}}`, 400, "VALIDATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) { w.call(w.token, "POST", "/integrated-account", c.body).want(c.status, c.code) })
	}
	w.provider.set(func(p *provider) { p.outage = true })
	w.call(w.token, "POST", "/integrated-account", `{"tenant_id":"t","context":{"api_key":"`+goodKey+`"}}`).want(502, "UPSTREAM_ERROR")
	if rows := w.call(w.token, "GET", "/integrated-account", "").want(200).list(); len(rows) != 0 {
		t.Errorf("something was stored: %v", rows)
	}
	refused := w.call(w.token, "GET", "/log?status=400", "").want(200).list()
	if len(refused) != 1 || refused[0]["code"] != "CREDENTIAL_REJECTED" {
		t.Errorf("the refused credential is not in the log: %v", refused)
	}
}

func TestListAccounts(t *testing.T) {
	w := start(t)
	_, foreign := w.newEnvironment("Other")
	w.link(foreign, "t1", otherKey)
	var ids []string
	for _, tenant := range []string{"t1", "t2", "t1"} {
		ids = append(ids, w.link(w.token, tenant, goodKey))
	}
	page := w.call(w.token, "GET", "/integrated-account?limit=2", "").want(200)
	if rows := page.list(); len(rows) != 2 || rows[0]["id"] != ids[2] || rows[1]["id"] != ids[1] || page.body["limit"] != float64(2) {
		t.Fatalf("first page: %s", page.raw)
	}
	cursor := page.text("next_cursor")
	rest := w.call(w.token, "GET", "/integrated-account?limit=1&next_cursor="+cursor, "").want(200)
	if rows := rest.list(); len(rows) != 1 || rows[0]["id"] != ids[0] || rest.body["next_cursor"] != nil {
		t.Fatalf("second page: %s", rest.raw)
	}
	w.call(w.token, "GET", "/integrated-account?tenant_id=t1&next_cursor="+cursor, "").want(400, "CURSOR_INVALID")
	w.call(foreign, "GET", "/integrated-account?next_cursor="+cursor, "").want(400, "CURSOR_INVALID")
	w.call(w.token, "GET", "/integrated-account?next_cursor=x"+cursor, "").want(400, "CURSOR_INVALID")
	w.call(w.token, "GET", "/integrated-account?tenant=t1", "").want(400, "VALIDATION_FAILED")
	if rows := w.call(w.token, "GET", "/integrated-account?tenant_id=t1&status=active&created_at[gt]=2020-01-01T00:00:00Z", "").want(200).list(); len(rows) != 2 {
		t.Errorf("%d accounts of t1", len(rows))
	}
}

func TestForeignAccountsAreNotFound(t *testing.T) {
	w := start(t)
	_, foreign := w.newEnvironment("Other")
	id := w.link(foreign, "t1", otherKey)
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/integrated-account/" + id, ""},
		{"PATCH", "/integrated-account/" + id, `{"tenant_id":"stolen"}`},
		{"DELETE", "/integrated-account/" + id, ""},
		{"POST", "/integrated-account/" + id + "/validate", `{}`},
		{"PATCH", "/integrated-account/" + id + "/credentials", `{"context":{"api_key":"` + goodKey + `"}}`},
		{"GET", "/integrated-account/" + id + "/capabilities", ""},
		{"POST", "/integrated-account/token", `{"integrated_account_id":"` + id + `"}`},
		{"GET", "/log?integrated_account_id=unknown&status=1", ""},
	} {
		if strings.HasPrefix(c.path, "/log") {
			continue
		}
		w.call(w.token, c.method, c.path, c.body).want(404, "ACCOUNT_NOT_FOUND")
	}
	if got := w.call(foreign, "GET", "/integrated-account/"+id, "").want(200); got.text("tenant_id") != "t1" {
		t.Errorf("the account was changed: %s", got.raw)
	}
}

func TestLease(t *testing.T) {
	w := start(t)
	id, other := w.link(w.token, "t1", goodKey), w.link(w.token, "t2", otherKey)
	credentials := internalauthv1connect.NewCredentialServiceClient(w.internal)
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: w.accountToken(id)})

	lease, err := credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
	if err != nil {
		t.Fatal(err)
	}
	if lease.GetValues()["api_key"] != goodKey || lease.GetOrganizationId() != "77" || lease.GetVersion() != 1 || lease.GetEnvironmentId() != w.environment {
		t.Errorf("lease: %v", lease)
	}
	_, err = credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: other})
	w.wantCode(err, "ACCOUNT_NOT_FOUND")
	_, err = credentials.LeaseCredential(t.Context(), &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
	w.wantCode(err, "UNAUTHENTICATED")

	report := func(version int64) bool {
		t.Helper()
		res, err := credentials.ReportCredential(ctx, &iv1.ReportCredentialRequest{
			IntegratedAccountId: id, Version: version, Verdict: iv1.CredentialVerdict_CREDENTIAL_VERDICT_UNAUTHORIZED, Message: "revoked in Torii",
		})
		if err != nil {
			t.Fatal(err)
		}
		return res.GetApplied()
	}
	if report(7) {
		t.Error("a report about another version was applied")
	}
	if !report(1) {
		t.Error("a report about this version was not applied")
	}
	_, err = credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
	w.wantCode(err, "NEEDS_REAUTH")
	if a := w.call(w.token, "GET", "/integrated-account/"+id, ""); a.text("status") != "needs_reauth" || a.text("last_error") != "revoked in Torii" {
		t.Errorf("account: %s", a.raw)
	}

	// Reconnected, an old report changes nothing.
	w.call(w.token, "PATCH", "/integrated-account/"+id+"/credentials", `{"context":{"api_key":"torii-key-of-acme-0003"}}`).want(200)
	if report(1) {
		t.Error("a report about the old credential was applied to the new one")
	}
	lease, err = credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
	if err != nil || lease.GetValues()["api_key"] != "torii-key-of-acme-0003" || lease.GetVersion() != 2 {
		t.Errorf("lease after reconnecting: %v, %v", lease, err)
	}

	_, err = credentials.ReportCredential(ctx, &iv1.ReportCredentialRequest{
		IntegratedAccountId: id, Version: 2, Verdict: iv1.CredentialVerdict_CREDENTIAL_VERDICT_FORBIDDEN,
		Resource: "audit_logs", Method: "list", MissingScopes: []string{"audit:read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	a := w.call(w.token, "GET", "/integrated-account/"+id, "")
	forbidden, _ := a.body["last_forbidden_error"].(map[string]any)
	if a.text("status") != "active" || forbidden["resource"] != "audit_logs" || forbidden["occurred_at"] == nil {
		t.Errorf("after a 403: %s", a.raw)
	}
}

// accountToken makes a token for one account.
func (w *world) accountToken(id string) string {
	w.t.Helper()
	return w.call(w.token, "POST", "/integrated-account/token", `{"integrated_account_id":"`+id+`"}`).want(200).text("integrated_account_token")
}

func TestReplaceCredentials(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	path := "/integrated-account/" + id + "/credentials"
	w.call(w.token, "PATCH", path, `{"context":{"api_key":"`+otherKey+`"}}`).want(409, "CONFLICT")
	w.call(w.token, "PATCH", path, `{"context":{"api_key":"wrong-0000"}}`).want(400, "CREDENTIAL_REJECTED")
	w.call(w.token, "PATCH", path, `{"context":{"api_key":"`+goodKey+`","plan":"x"}}`).want(400, "VALIDATION_FAILED")
	got := w.call(w.token, "PATCH", path, `{"context":{"api_key":"torii-key-of-acme-0003"}}`).want(200)
	if got.text("id") != id || !strings.Contains(got.raw, `"plan":"gold"`) {
		t.Errorf("replaced: %s", got.raw)
	}
}

func TestValidate(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	path := "/integrated-account/" + id + "/validate"
	for _, c := range []struct {
		name   string
		change func(*provider)
		want   string
	}{
		{"the key was revoked", func(p *provider) { delete(p.keys, goodKey) }, "needs_reauth"},
		{"the key moved to another organisation", func(p *provider) { p.keys[goodKey] = "88" }, "validation_error"},
		{"all is well", func(p *provider) { p.keys[goodKey] = "77" }, "active"},
	} {
		w.provider.set(c.change)
		if got := w.call(w.token, "POST", path, `{}`).want(200); got.text("status") != c.want {
			t.Errorf("%s: %s, want %s", c.name, got.raw, c.want)
		}
	}
	w.provider.set(func(p *provider) { p.outage = true })
	w.call(w.token, "POST", path, `{}`).want(502, "UPSTREAM_ERROR")
	if got := w.call(w.token, "GET", "/integrated-account/"+id, ""); got.text("status") != "active" {
		t.Errorf("an outage of the provider changed the status: %s", got.raw)
	}
}

func TestUnlink(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	token := w.accountToken(id)
	w.call(token, "GET", "/integrated-account/me", "").want(200)
	if got := w.call(w.token, "DELETE", "/integrated-account/"+id, "").want(200); got.text("id") != id {
		t.Errorf("deleted: %s", got.raw)
	}
	w.call(w.token, "GET", "/integrated-account/"+id, "").want(404, "ACCOUNT_NOT_FOUND")
	w.call(token, "GET", "/integrated-account/me", "").want(401, "UNAUTHENTICATED")
}

func TestUpdateAccount(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	got := w.call(w.token, "PATCH", "/integrated-account/"+id, `{"tenant_id":"t9","context":{"seats":3}}`).want(200)
	if got.text("tenant_id") != "t9" || !strings.Contains(got.raw, `"seats":3`) || !strings.Contains(got.raw, "gold") {
		t.Errorf("updated: %s", got.raw)
	}
	got = w.call(w.token, "PATCH", "/integrated-account/"+id, `{"context":{"plan":null,"seats":4}}`).want(200)
	if !strings.Contains(got.raw, `"seats":4`) || strings.Contains(got.raw, "plan") || got.text("tenant_id") != "t9" {
		t.Errorf("merged: %s", got.raw)
	}
	big := `{"context":{"%s":"` + strings.Repeat("x", 15<<10) + `"}}`
	w.call(w.token, "PATCH", "/integrated-account/"+id, fmt.Sprintf(big, "one")).want(200)
	w.call(w.token, "PATCH", "/integrated-account/"+id, fmt.Sprintf(big, "two")).want(400, "VALIDATION_FAILED")
	w.call(w.token, "PATCH", "/integrated-account/"+id, `{"context":{"api_key":"sneaked-in"}}`).want(400, "VALIDATION_FAILED")
}

func TestCapabilities(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	w.provider.set(func(p *provider) {
		p.outcomes = map[string]string{"torii.users.list": "ok", "torii.audit_logs.list": "forbidden"}
	})
	got := w.call(w.token, "GET", "/integrated-account/"+id+"/capabilities?probe=true", "").want(200)
	probed := map[string]any{}
	granted := 0
	for _, row := range got.body["operations"].([]any) {
		op := row.(map[string]any)
		if op["probe"] != nil {
			probed[op["operation"].(string)] = op["probe"]
		}
		if op["granted"] == true {
			granted++
		}
	}
	if d := cmp.Diff(map[string]any{"torii.users.list": "ok", "torii.audit_logs.list": "forbidden"}, probed); d != "" {
		t.Errorf("probed (-want +got):\n%s", d)
	}
	if granted < 26 || len(got.body["unified"].([]any)) == 0 {
		t.Errorf("%d operations granted, unified %v", granted, got.body["unified"])
	}
}

// No secret may be found in the database, its log, or any line.
func TestNoSecretAtRest(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	account := w.accountToken(id)
	w.call(w.token, "POST", "/integrated-account", `{"tenant_id":"t","context":{"api_key":"wrong-key-that-was-typed"}}`).want(400)
	w.call("sando_api_UNKNOWNUNKNOWNUNKNOWNUNKNOWN", "GET", "/environment", "").want(401)
	path := strings.TrimPrefix(w.cfg.Store.URL.Reveal(), "sqlite:")
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no database: %v", err)
	}
	texts := map[string]string{"log": w.log.String()}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(f)] = string(content)
	}
	for name, text := range texts {
		for _, secret := range []string{goodKey, w.token, account, "wrong-key-that-was-typed", "sando_api_UNKNOWN"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
	}
}
