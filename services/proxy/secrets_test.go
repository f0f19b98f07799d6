package proxy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/kit/kittest"
)

// quoting are answers of a provider that quote a key.
func quoting(quoted string) map[string]http.HandlerFunc {
	member, err := json.Marshal(quoted)
	if err != nil {
		panic(err)
	}
	say := func(status int, header, value, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(header, value)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	return map[string]http.HandlerFunc{
		"the message":    say(400, "Content-Type", "application/json", `{"statusCode":400,"message":`+string(member)+`}`),
		"SCIM's detail":  say(409, "X-Key", quoted, `{"detail":`+string(member)+`,"scimType":`+string(member)+`}`),
		"missing scopes": say(403, "X-Key", quoted, `{"message":"missing_required_scope: "}`[:36]+strings.Trim(string(member), `"`)+`"}`),
		"a key of JSON":  say(404, "Content-Type", "application/json", `{"errors":{`+string(member)+`:[1]}}`),
		"HTML":           say(500, "Content-Type", "text/html", "<p>"+quoted+"</p>"),
		"no permission":  say(401, "WWW-Authenticate", `Bearer error="`+quoted+`"`, `{"message":`+string(member)+`}`),
		"a redirect":     say(302, "Location", "https://evil.example/?key="+quoted, string(member)),
		"a broken text":  say(400, "Content-Length", "90000", "<p>"+quoted),
		cutWithin:        say(400, "Content-Length", "90000", "<p>"+quoted[:len(quoted)*2/3]),
	}
}

// cutWithin is an answer that breaks off within the key.
const cutWithin = "a text that breaks off within the key"

// TestS6NothingQuotesTheKey has the provider quote the account's key in every
// spelling, wherever it can: nothing that the proxy answers, logs, reports or
// records gives it away.
func TestS6NothingQuotesTheKey(t *testing.T) {
	b, provider := newProvider(t)
	client := b.rpc(tokenAll)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	for i, spelling := range kittest.Spellings() {
		id, key := fmt.Sprint("account of spelling ", i), kittest.RandomKey(r)
		for place, answer := range quoting(spelling.Write(key)) {
			// A 401 ends an account; the next call is made with a new one.
			account := fmt.Sprint(id, " ", place)
			b.auth.link(account, environment, account, key)
			logged := len(b.log.String())
			provider.answer(answer)
			secret := key
			if place == cutWithin {
				secret = key[:5]
			}
			var all strings.Builder // what the product says, anywhere
			query := "?integrated_account_id=" + strings.ReplaceAll(account, " ", "%20")
			for _, call := range []request{
				{path: "/proxy/users" + query},
				{path: "/custom/users" + query, header: map[string]string{"Sando-Raw": "true"}},
				{method: "PATCH", path: "/proxy/users/1" + query, body: `{"lifecycleStatus":"active"}`},
				{path: "/proxy/files/1/download" + query},
			} {
				call.token = tokenAll
				a := b.do(call)
				fmt.Fprintln(&all, "answer", string(a.body), a.header)
				if a.status < 400 || !json.Valid(a.body) {
					t.Errorf("%s in %s: %d %s", spelling.Name, place, a.status, a.body)
				}
			}
			_, err := client.List(t.Context(), &proxyv1.ListRequest{IntegratedAccountId: &account, Resource: "users"})
			shown := b.auth.errors.From(err)
			fmt.Fprintln(&all, "RPC", err, shown.Message, shown.Details, string(shown.Raw))
			fmt.Fprintln(&all, "log", b.log.String()[logged:], "auth", b.auth.take())
			if kittest.Reveals(all.String(), secret, 2) {
				t.Errorf("%s in %s: the key %q is in %s", spelling.Name, place, key, all.String())
			}
		}
	}
}

// take is what auth was told since it was asked before.
func (f *fakeAuth) take() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := fmt.Sprint(f.reports, f.audit)
	f.reports, f.audit = nil, nil
	return text
}

// TestS6NoHTTP has the provider quote the key where HTTP has no place for it.
func TestS6NoHTTP(t *testing.T) {
	b, provider := newProvider(t)
	const key = "the-key/of+this=account"
	b.auth.link(account, environment, "10", key)
	for _, answer := range []string{
		"HTTP/1.1 401 " + key + "\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 400 Bad\r\nX-Key " + key + "\r\n\r\n",
		"HTTP/1.1 400 Bad\r\nContent-Length: " + key + "\r\n\r\n",
		"HTTP/1.1 400 Bad\r\nTransfer-Encoding: " + key + "\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + key + "\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: " + key + "\r\nContent-Length: 2\r\n\r\n{}",
		"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"users\":[" + key,
		"HTTP/1.1 302 Found\r\nLocation: https://" + key + "/\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://%zz" + key + "\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://the-key.of.this.account.s3.amazonaws.com:444/" + key + "\r\nContent-Length: 0\r\n\r\n",
		"HTTP/" + key + " 200 OK\r\n\r\n",
		key + "\r\n\r\n",
	} {
		provider.write(answer)
		for _, call := range []request{
			{path: "/proxy/users"},
			{path: "/custom/users", header: map[string]string{"Sando-Raw": "true"}},
			{method: "PATCH", path: "/proxy/users/1", body: `{"lifecycleStatus":"active"}`},
			{path: "/proxy/files/1/download"},
		} {
			a := b.do(call)
			if all := fmt.Sprint(string(a.body), a.header); kittest.Reveals(all, key, 2) {
				t.Errorf("%q by %s: %s", answer, call.path, all)
			}
			b.auth.link(account, environment, "10", key)
		}
	}
	if all := b.log.String() + b.auth.take(); kittest.Reveals(all, key, 2) {
		t.Errorf("the key is in the log: %s", all)
	}
}

// What is handed on as it is says nothing of the key in its header.
func TestS6HeadersOfRawAnswers(t *testing.T) {
	b, provider := newProvider(t)
	const key = "the-key/of+this=account"
	b.auth.link(account, environment, "10", key)
	for _, header := range []string{"text/plain; key=%s", "text/x-%s"} {
		provider.answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", fmt.Sprintf(header, key))
			w.Header().Set("Content-Disposition", `attachment; filename="`+key+`.csv"`)
			_, _ = w.Write([]byte("[]"))
		})
		for _, path := range []string{"/custom/users", "/proxy/files/1/download"} {
			a := b.do(request{path: path, header: map[string]string{"Sando-Raw": "true"}})
			if all := fmt.Sprint(a.header); a.status != 200 || kittest.Reveals(all, key, 2) {
				t.Errorf("%s: %d %s", path, a.status, all)
			}
		}
	}
}

// A page in the place of an answer, whatever its status, is handed on without
// the key, the first time and when it is replayed.
func TestS6PagesOfRawAnswers(t *testing.T) {
	b, provider := newProvider(t)
	const key = "the-key/of+this=account"
	b.auth.link(account, environment, "10", key)
	for _, spelling := range kittest.Spellings() {
		provider.answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte("<html><p>blocked: " + spelling.Write(key) + "</p></html>"))
		})
		header := map[string]string{"Sando-Raw": "true", "Idempotency-Key": spelling.Name}
		for _, call := range []request{
			{path: "/custom/users", header: header},
			{method: "PUT", path: "/custom/users/1", body: "{}", header: header},
			{method: "PUT", path: "/custom/users/1", body: "{}", header: header},
		} {
			a := b.do(call)
			if a.status != 200 || kittest.Reveals(string(a.body), key, 2) || !strings.Contains(string(a.body), "[redacted]") {
				t.Errorf("%s by %s: %d %s", spelling.Name, call.method, a.status, a.body)
			}
		}
	}
}
