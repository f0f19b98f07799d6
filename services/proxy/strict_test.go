package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

// TestIDsStayInTheirPlace: an id that could lead elsewhere in the provider's
// path is refused and never sent.
func TestIDsStayInTheirPlace(t *testing.T) {
	b := newBench(t, emulator.Options{})
	sent := len(b.emulator.Requests())
	for _, id := range []string{"..", "1..2", `1\2`, "1\n", "1\u0085", "%2e%2e", "1%2Fapps"} {
		if e := b.refused(b.get("/proxy/users/"+escaped(id)), 400, "VALIDATION_FAILED"); !strings.Contains(e.Message, "id:") {
			t.Errorf("%q over REST: %q does not name the id", id, e.Message)
		}
	}
	for _, id := range []string{"..", "1/apps", "../apps", `1\2`, "1\x00", "%2e%2e"} {
		_, err := b.rpc(tokenAccount).Get(t.Context(), &proxyv1.GetRequest{Resource: "users", Id: id})
		if code := b.rpcCode(err); code != "VALIDATION_FAILED" {
			t.Errorf("%q over RPC: %q, want VALIDATION_FAILED", id, code)
		}
	}
	if n := len(b.emulator.Requests()) - sent; n != 0 {
		t.Errorf("%d calls reached the provider", n)
	}
}

// escaped percent-encodes every byte.
func escaped(text string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(text) {
		b.Write([]byte{'%', digits[c>>4], digits[c&15]})
	}
	return b.String()
}

func TestOurParametersComeOnce(t *testing.T) {
	b := newBench(t, emulator.Options{})
	for _, path := range []string{"/proxy/users", "/custom/users"} {
		for _, name := range []string{"integrated_account_id", "limit", "next_cursor"} {
			e := b.refused(b.get(path+"?"+name+"=1&x=y&"+name+"=1"), 400, "VALIDATION_FAILED")
			if !strings.Contains(e.Message, name) {
				t.Errorf("%s twice on %s: %q", name, path, e.Message)
			}
		}
	}
}

func TestBadBodiesAreNamedPlainly(t *testing.T) {
	b := newBench(t, emulator.Options{})
	for body, want := range map[string]string{
		`{"a":x}`: "the body is not JSON at byte 6: ",
		`{"a":1`:  "the body broke off",
		`[1]`:     "the body is not a JSON object",
	} {
		e := b.refused(b.do(request{method: http.MethodPatch, path: "/proxy/users/1", body: body}), 400, "VALIDATION_FAILED")
		if !strings.Contains(e.Message, want) || slices.ContainsFunc([]string{"splice", "route"}, func(name string) bool { return strings.Contains(e.Message, name) }) {
			t.Errorf("%s: %q, want %q", body, e.Message, want)
		}
	}
}
