package proxy

import (
	"net/http"
	"strings"
	"testing"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"

	"github.com/sando-dev/sando/emulator"
)

func TestCustomPassesWhatItIsGiven(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.emulator.ClearRequests()
	b.ok(b.get("/custom/users?size=2&integrated_account_id=" + account + "&cursor=&email=a%2Bb@c.d"))
	requests := b.emulator.Requests()
	if len(requests) != 1 || requests[0].Query != "size=2&cursor=&email=a%2Bb@c.d" {
		t.Errorf("requests = %+v", requests)
	}
}

func TestCustomWrites(t *testing.T) {
	b := newBench(t, emulator.Options{})
	user := b.firstID("users")
	e := b.ok(b.do(request{method: "PUT", path: "/custom/users/" + user, body: `{"lifecycleStatus":"offboarding"}`}))
	if !strings.Contains(string(e.Result), `"user":{`) {
		t.Errorf("result = %s", e.Result)
	}
	if n := len(b.auth.entries("torii.users.update")); n != 2 {
		t.Errorf("%d audit entries, want intent and outcome under the operation's name", n)
	}
	b.refused(b.do(request{method: "PUT", path: "/custom/users/1?integrated_account_id=" + account, body: `{}`, token: tokenRead}), 403, "OPERATION_NOT_GRANTED")
	b.refused(b.do(request{method: "DELETE", path: "/custom/contracts/1", token: tokenSelected}), 403, "OPERATION_NOT_GRANTED")
	b.ok(b.do(request{path: "/custom/users?size=1", token: tokenSelected}))
	b.refused(b.do(request{path: "/custom/roles", token: tokenSelected}), 403, "OPERATION_NOT_GRANTED")
}

func TestRawIsTheProvidersOwnAnswer(t *testing.T) {
	b := newBench(t, emulator.Options{})
	raw := map[string]string{"Sando-Raw": "true"}
	a := b.do(request{path: "/proxy/me", header: raw})
	if a.status != http.StatusOK || !strings.HasPrefix(string(a.body), `{"org":{`) || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	b.fault(emulator.Fault{Kind: emulator.FaultWrongContent})
	a = b.do(request{path: "/custom/anything", header: raw})
	if a.status != http.StatusOK || !strings.HasPrefix(string(a.body), "<html>") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	b.fault(emulator.Fault{Kind: emulator.FaultWrongContent})
	b.refused(b.get("/custom/anything"), 502, "UPSTREAM_BAD_RESPONSE")
}

func TestCustomStaysBelowTheBasePath(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.emulator.ClearRequests()
	for _, path := range []string{
		"..", "users/../../x", "%2e%2e/x", "users%2f..%2f..%2fx", "users/%252e%252e/x", `users\..\x`, "users/..;/x",
		"/evil.example/x", "users//x", "users/%00", "a?b", "a#b", "%zz", ".", "users/.", "https://evil.example/x",
	} {
		_, err := b.rpc(tokenAccount).Custom(t.Context(), &proxyv1.CustomRequest{Path: "/" + path})
		if code := b.rpcCode(err); code != "PATH_NOT_ALLOWED" {
			t.Errorf("%q: %q, want PATH_NOT_ALLOWED", path, code)
		}
	}
	if n := len(b.emulator.Requests()); n != 0 {
		t.Errorf("%d of them reached Torii", n)
	}
}
