package auth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/grant"
)

func TestTokens(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	made := w.call(w.token, "POST", "/api-token", `{"name":"ci","integrated_account_ids":["`+id+`"],"services":["auth"],"access":["read"]}`).want(200)
	secret := made.text("token")
	listed := w.call(w.token, "GET", "/api-token", "").want(200).list()
	if len(listed) != 2 || listed[0]["id"] != made.text("id") || listed[0]["token"] != nil {
		t.Errorf("listed: %v", listed)
	}
	w.call(secret, "GET", "/integrated-account/"+id, "").want(200)
	w.call(secret, "PATCH", "/integrated-account/"+id, `{"tenant_id":"x"}`).want(403, "PERMISSION_DENIED")
	if rows := w.call(secret, "GET", "/api-token", "").want(200).list(); len(rows) != 1 || rows[0]["id"] != made.text("id") {
		t.Errorf("a narrowed token sees wider ones: %v", rows)
	}
	w.call(w.token, "DELETE", "/api-token/"+made.text("id"), "").want(200)
	w.call(secret, "GET", "/integrated-account/"+id, "").want(401, "UNAUTHENTICATED")
	w.call(w.token, "DELETE", "/api-token/"+made.text("id"), "").want(404, "NOT_FOUND")
}

func TestTokensReachNoFurtherThanTheirMaker(t *testing.T) {
	w := start(t)
	one, two := w.link(w.token, "t1", goodKey), w.link(w.token, "t2", goodKey)
	soon := w.clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	narrow := w.call(w.token, "POST", "/api-token", `{"integrated_account_ids":["`+one+`"],"services":["auth","proxy"],"expires_at":"`+soon+`"}`).want(200).text("token")
	readonly := w.call(w.token, "POST", "/api-token", `{"access":["write"]}`).want(200).text("token")
	for name, c := range map[string]struct {
		token, body string
		status      int
		code        string
	}{
		"the same reach":        {narrow, `{"expires_at":"` + soon + `"}`, 200, ""},
		"another account":       {narrow, `{"integrated_account_ids":["` + two + `"],"expires_at":"` + soon + `"}`, 403, "PERMISSION_DENIED"},
		"another service":       {narrow, `{"services":["mcp"],"expires_at":"` + soon + `"}`, 403, "PERMISSION_DENIED"},
		"a longer life":         {narrow, `{}`, 403, "PERMISSION_DENIED"},
		"reading, from writing": {readonly, `{"access":["read"]}`, 403, "PERMISSION_DENIED"},
		"an unknown account":    {w.token, `{"integrated_account_ids":["nobody"]}`, 404, "ACCOUNT_NOT_FOUND"},
		"an end in the past":    {w.token, `{"expires_at":"2020-01-01T00:00:00Z"}`, 400, "VALIDATION_FAILED"},
		"an unknown service":    {w.token, `{"services":["billing"]}`, 400, "VALIDATION_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.call(c.token, "POST", "/api-token", c.body)
			if c.code == "" {
				got.want(c.status)
			} else {
				got.want(c.status, c.code)
			}
		})
	}
	w.call(narrow, "POST", "/integrated-account", `{"tenant_id":"t","context":{"api_key":"`+goodKey+`"}}`).want(403, "PERMISSION_DENIED")
	w.call(narrow, "PATCH", "/environment/"+w.environment, `{"name":"x"}`).want(403, "PERMISSION_DENIED")
}

// Every kind of bad token gets the same answer.
func TestRefusalsLookAlike(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	made := w.call(w.token, "POST", "/api-token", `{"expires_at":"`+w.clock.Now().Add(time.Minute).UTC().Format(time.RFC3339)+`"}`).want(200)
	revoked := w.call(w.token, "POST", "/api-token", `{}`).want(200)
	w.call(w.token, "DELETE", "/api-token/"+revoked.text("id"), "").want(200)
	short := w.accountToken(id)
	w.call(made.text("token"), "GET", "/environment", "").want(200)
	w.clock.advance(20 * time.Minute)

	var first string
	for name, token := range map[string]string{
		"unknown": "sando_api_ABCDEFGHIJKLMNOPQRSTUVWXYZ", "expired": made.text("token"), "revoked": revoked.text("token"), "account token": short,
		"another prefix": "sando_mcp_" + w.token[len("sando_api_"):], "garbage": "x", "a grant that is none": "a.b.c",
	} {
		got := w.call(token, "GET", "/environment", "").want(401, "UNAUTHENTICATED")
		delete(got.body, "request_id")
		if text := fmt.Sprint(got.body); first == "" {
			first = text
		} else if text != first {
			t.Errorf("%s is told apart: %s, not %s", name, text, first)
		}
	}
}

func TestIntrospection(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	client := internalauthv1connect.NewIntrospectionServiceClient(w.internal)
	keys, err := client.ListSigningKeys(t.Context(), &iv1.ListSigningKeysRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var verifier grant.Verifier
	if err := verifier.Set(keys.GetJwks()); err != nil {
		t.Fatal(err)
	}
	introspect := func(token string) *grant.Grant {
		t.Helper()
		res, err := client.Introspect(t.Context(), &iv1.IntrospectRequest{Token: token})
		if err != nil {
			t.Fatal(err)
		}
		g, err := verifier.Verify(res.GetGrant(), w.clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !g.ExpiresAt.Equal(res.GetExpiresAt().AsTime()) || g.ExpiresAt.Sub(g.IssuedAt) > 5*time.Minute {
			t.Errorf("the grant lives from %v to %v", g.IssuedAt, g.ExpiresAt)
		}
		return g
	}
	if g := introspect(w.token); g.Kind != "api" || g.EnvironmentID != w.environment || g.Accounts != nil || !g.Read || !g.Write {
		t.Errorf("grant of an API token: %+v", g)
	}
	token := w.accountToken(id)
	g := introspect(token)
	if g.Kind != "account" || len(g.Accounts) != 1 || g.Accounts[0] != id || g.MayService("mcp") || !g.MayService("proxy") {
		t.Errorf("grant of an account token: %+v", g)
	}

	// A grant is answered with a fresh one of the same reach, while its token stands.
	res, err := client.Introspect(t.Context(), &iv1.IntrospectRequest{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if again := introspect(res.GetGrant()); again.TokenID != g.TokenID || len(again.Accounts) != 1 || again.MayService("mcp") {
		t.Errorf("grant of a grant: %+v", again)
	}
	w.call(w.token, "DELETE", "/integrated-account/"+id, "").want(200)
	_, err = client.Introspect(t.Context(), &iv1.IntrospectRequest{Token: res.GetGrant()})
	w.wantCode(err, "UNAUTHENTICATED")
}

// A revoked token stops working on a replica within a second, and one that only follows the stream drops it as well.
func TestRevocationReachesReplicas(t *testing.T) {
	w := start(t)
	replica := access.New(w.internal, access.Options{Log: w.log.Logger})
	ctx := t.Context()
	go func() { _ = replica.Run(ctx) }()
	eventually(t, replica.Ready)

	made := w.call(w.token, "POST", "/api-token", `{}`).want(200)
	if _, err := replica.Authenticate(ctx, made.text("token"), ""); err != nil {
		t.Fatal(err)
	}
	w.call(w.token, "DELETE", "/api-token/"+made.text("id"), "").want(200)
	revoked := time.Now()
	eventually(t, func() error {
		if _, err := replica.Authenticate(ctx, made.text("token"), ""); err == nil {
			return fmt.Errorf("the revoked token still works after %v", time.Since(revoked))
		}
		return nil
	})
	if took := time.Since(revoked); took > time.Second {
		t.Errorf("revocation took %v", took)
	}
}

// The operator's CLI writes to the store beside a running server, which must notice.
func TestRevocationByAnotherProcess(t *testing.T) {
	w := start(t)
	seen := make(chan []string, 16)
	replica := access.New(w.internal, access.Options{Log: w.log.Logger})
	replica.OnAccounts(func(ids []string) { seen <- ids })
	go func() { _ = replica.Run(t.Context()) }()
	eventually(t, replica.Ready)
	id := w.link(w.token, "t1", goodKey)

	second := startWith(t, w.cfg)
	started := time.Now()
	second.call(w.token, "DELETE", "/integrated-account/"+id, "").want(200)
	for {
		select {
		case ids := <-seen:
			if len(ids) == 1 && ids[0] == id {
				if took := time.Since(started); took > time.Second {
					t.Errorf("the event took %v", took)
				}
				return
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the event of another process was not seen")
		}
	}
}

// eventually waits until check passes, for five seconds at most.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(err)
		}
	}
}

func TestEnvironments(t *testing.T) {
	w := start(t)
	other, _ := w.newEnvironment("Other")
	if rows := w.call(w.token, "GET", "/environment", "").want(200).list(); len(rows) != 1 || rows[0]["id"] != w.environment {
		t.Errorf("environments: %v", rows)
	}
	w.call(w.token, "GET", "/environment/"+other, "").want(404, "NOT_FOUND")
	w.call(w.token, "PATCH", "/environment/"+other, `{"name":"x"}`).want(404, "NOT_FOUND")
	got := w.call(w.token, "PATCH", "/environment/"+w.environment,
		`{"name":"Acme EU","allowed_frame_origins":["https://app.example.com"],"allowed_redirect_uris":["https://app.example.com/done?x=1"],"log_retention":"7776000s"}`).want(200)
	if got.text("name") != "Acme EU" || got.text("log_retention") != "7776000s" {
		t.Errorf("updated: %s", got.raw)
	}
	// What GET gives, PATCH takes; a list that is left out stays, and an empty one clears.
	if got := patched(w, got.raw); fmt.Sprint(got["allowed_frame_origins"]) != "[https://app.example.com]" {
		t.Errorf("patched with what it was: %v", got)
	}
	if got := patched(w, `{"allowed_frame_origins":[],"allowed_mcp_origins":null}`); fmt.Sprint(got["allowed_frame_origins"]) != "[]" ||
		fmt.Sprint(got["allowed_redirect_uris"]) != "[https://app.example.com/done?x=1]" {
		t.Errorf("cleared: %v", got)
	}
	for _, bad := range []string{
		`{"values":["https://app.example.com"]}`, `"https://app.example.com"`, `[7]`, `[null]`, `[["https://app.example.com"]]`,
		`[` + strings.Repeat(`"https://app.example.com",`, 100) + `"https://app.example.com"]`,
	} {
		w.call(w.token, "PATCH", "/environment/"+w.environment, `{"allowed_mcp_origins":`+bad+`}`).want(400, "VALIDATION_FAILED")
	}
	for _, bad := range []string{"https://app.example.com/path", "http://app.example.com", "https://*.example.com", "https://a.example; script-src *", "javascript:alert(1)", "null"} {
		w.call(w.token, "PATCH", "/environment/"+w.environment, `{"allowed_frame_origins":["`+bad+`"]}`).want(400, "VALIDATION_FAILED")
	}
	for _, bad := range []string{"/relative", "http://app.example.com/x", "https://user:pw@app.example.com/", "https://a.example/#f"} {
		w.call(w.token, "PATCH", "/environment/"+w.environment, `{"allowed_redirect_uris":["`+bad+`"]}`).want(400, "VALIDATION_FAILED")
	}
}

// patched changes the environment with the writable part of a body, and reads it back.
func patched(w *world, body string) map[string]any {
	w.t.Helper()
	var members map[string]json.RawMessage
	decodeInto(w.t, []byte(body), &members)
	for _, name := range []string{"id", "created_at", "updated_at"} {
		delete(members, name)
	}
	change, err := json.Marshal(members)
	if err != nil {
		w.t.Fatal(err)
	}
	w.call(w.token, "PATCH", "/environment/"+w.environment, string(change)).want(200)
	return w.call(w.token, "GET", "/environment/"+w.environment, "").want(200).body
}

func TestInternalProceduresAreNotPublic(t *testing.T) {
	w := start(t)
	for spec := range w.service.InternalServer().Specs() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+spec.Procedure, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/proto")
		r.Header.Set("Authorization", "Bearer "+w.token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusNotImplemented {
			t.Errorf("%s answers %d on the public port", spec.Procedure, res.StatusCode)
		}
	}
}
