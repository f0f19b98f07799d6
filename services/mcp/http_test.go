package mcp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// answer is an HTTP answer with its JSON.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

// send makes a bare request to an MCP endpoint.
func send(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for n := 0; n < len(headers); n += 2 {
		req.Header.Set(headers[n], headers[n+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(b)}
	// Answers without JSON leave the map empty.
	_ = json.Unmarshal(b, &a.body)
	return a
}

const (
	pingBody = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	listBody = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
)

// Who may call: tokens in the URL and as bearers, second factors, origins.
func TestAdmission(t *testing.T) {
	s := mcptest.Start(t)
	s.Auth.AllowOrigin("https://app.example.com")
	server := s.Create(t, "")
	guarded := s.Create(t, `{"require_api_token_auth":true}`)
	bare := s.URL + "/mcp"
	api := "Bearer " + mcptest.APIToken
	tests := []struct {
		name, url string
		headers   []string
		status    int
		code      string
	}{
		{"token in the URL", server.URL, nil, 200, ""},
		{"token as bearer", bare, []string{"Authorization", "Bearer " + server.Token}, 200, ""},
		{"no token", bare, nil, 401, "UNAUTHENTICATED"},
		{"unknown token in the URL", bare + "/sando_mcp_unknown", nil, 404, "NOT_FOUND"},
		{"unknown token as bearer", bare, []string{"Authorization", "Bearer sando_mcp_unknown"}, 401, "UNAUTHENTICATED"},
		{"more path after the token", server.URL + "/more", nil, 404, "NOT_FOUND"},
		{"token in the query", bare + "?token=" + server.Token, nil, 401, "UNAUTHENTICATED"},
		{"API token in the URL", bare + "/" + mcptest.APIToken, nil, 404, "NOT_FOUND"},
		{"API token as bearer", bare, []string{"Authorization", api}, 401, "UNAUTHENTICATED"},
		{"second factor missing", guarded.URL, nil, 401, "UNAUTHENTICATED"},
		{"second factor wrong", guarded.URL, []string{"Authorization", "Bearer sando_api_wrong"}, 401, "UNAUTHENTICATED"},
		{"second factor beside the URL", guarded.URL, []string{"Authorization", api}, 200, ""},
		{"second factor beside the bearer", bare, []string{"Authorization", "Bearer " + guarded.Token, "Sando-Api-Token", mcptest.APIToken}, 200, ""},
		{"second factor missing beside the bearer", bare, []string{"Authorization", "Bearer " + guarded.Token}, 401, "UNAUTHENTICATED"},
		{"origin on the list", server.URL, []string{"Origin", "https://app.example.com"}, 200, ""},
		{"origin not on the list", server.URL, []string{"Origin", "https://evil.example.com"}, 403, "PERMISSION_DENIED"},
		{"local origin not on the list", server.URL, []string{"Origin", "http://localhost:3000"}, 403, "PERMISSION_DENIED"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, "POST", test.url, pingBody, test.headers...)
			code, _ := got.body["code"].(string)
			if got.status != test.status || code != test.code {
				t.Fatalf("%d %s", got.status, got.raw)
			}
			if challenge := got.header.Get("Www-Authenticate"); (got.status == 401) != (challenge != "") {
				t.Errorf("WWW-Authenticate: %q", challenge)
			}
			if origin := got.header.Get("Access-Control-Allow-Origin"); (origin != "") != (test.name == "origin on the list") {
				t.Errorf("Access-Control-Allow-Origin: %q", origin)
			}
		})
	}
}

// A token that has expired, was rotated away or revoked is as if it never was.
func TestEndedTokens(t *testing.T) {
	s := mcptest.Start(t)
	expired, deleted, rotated := s.Create(t, ""), s.Create(t, ""), s.Create(t, "")
	for _, server := range []mcptest.Server{expired, deleted, rotated} {
		if got := send(t, "POST", server.URL, pingBody); got.status != 200 {
			t.Fatalf("before: %d", got.status)
		}
	}
	at := "/integrated-account/" + mcptest.Account + "/mcp/"
	s.Auth.Expire(expired.Token)
	if status, got := s.Do(t, "DELETE", at+deleted.ID, ""); status != 200 || got["id"] != deleted.ID {
		t.Fatalf("delete: %d %v", status, got)
	}
	status, fresh := s.Do(t, "POST", at+rotated.ID+"/rotate", `{}`)
	if status != 200 || fresh["token"] == rotated.Token {
		t.Fatalf("rotate: %d %v", status, fresh)
	}
	unknown := send(t, "POST", s.URL+"/mcp/sando_mcp_unknown", pingBody)
	for _, server := range []mcptest.Server{expired, deleted, rotated} {
		got := eventually(t, func() (answer, bool) {
			a := send(t, "POST", server.URL, pingBody)
			return a, a.status != 200
		})
		delete(got.body, "request_id")
		delete(unknown.body, "request_id")
		if a, b := mustJSON(t, got.body), mustJSON(t, unknown.body); got.status != 404 || a != b {
			t.Errorf("%d %s, unlike an unknown token: %s", got.status, a, b)
		}
	}
	if got := send(t, "POST", fresh["url"].(string), pingBody); got.status != 200 {
		t.Errorf("the new token: %d", got.status)
	}
}

// Rotation with an overlap keeps both tokens alive.
func TestRotationOverlaps(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, "")
	_, fresh := s.Do(t, "POST", "/integrated-account/"+mcptest.Account+"/mcp/"+server.ID+"/rotate", `{"overlap_seconds":60}`)
	for _, url := range []string{server.URL, fresh["url"].(string)} {
		if got := send(t, "POST", url, pingBody); got.status != 200 {
			t.Errorf("%d %s", got.status, got.raw)
		}
	}
}

// Methods, content types, Accept, versions and batches, as each revision says.
func TestTransportRules(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, "")
	batch := "[" + pingBody + `,{"jsonrpc":"2.0","id":2,"method":"tools/list"}]`
	const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	tests := []struct {
		name, method, body string
		headers            []string
		status             int
		says               string
	}{
		{"GET", "GET", "", []string{"Accept", "text/event-stream"}, 405, "POST only"},
		{"DELETE", "DELETE", "", nil, 405, "POST only"},
		{"PUT", "PUT", pingBody, nil, 405, "POST only"},
		{"notifications are accepted", "POST", initialized, nil, 202, ""},
		{"no Accept", "POST", listBody, []string{"Accept", ""}, 200, `"tools"`},
		{"Accept of JSON alone", "POST", listBody, []string{"Accept", "application/json"}, 200, `"tools"`},
		{"Accept of both", "POST", listBody, []string{"Accept", "application/json, text/event-stream"}, 200, `"tools"`},
		{"wrong content type", "POST", listBody, []string{"Content-Type", "text/plain"}, 415, ""},
		{"unknown old version", "POST", listBody, []string{"Mcp-Protocol-Version", "2023-01-01"}, 400, `"code":-32022`},
		{"session that cannot be read is passed over", "POST", listBody, []string{"Mcp-Session-Id", "abc"}, 200, `"tools"`},
		{"batch in 2025-03-26", "POST", batch, []string{"Mcp-Protocol-Version", "2025-03-26"}, 200, `"tools"`},
		{"batch in no version", "POST", batch, nil, 200, `"tools"`},
		{"batch in 2024-11-05", "POST", batch, []string{"Mcp-Protocol-Version", "2024-11-05"}, 400, `"code":-32600`},
		{"batch in 2025-06-18", "POST", batch, []string{"Mcp-Protocol-Version", "2025-06-18"}, 400, `"code":-32600`},
		{"batch in 2025-11-25", "POST", batch, []string{"Mcp-Protocol-Version", "2025-11-25"}, 400, `"code":-32600`},
		{"batch in 2026-07-28", "POST", batch, []string{"Mcp-Protocol-Version", "2026-07-28"}, 400, `"code":-32600`},
		{"endless batch", "POST", "[" + strings.Repeat(pingBody+",", 50) + pingBody + "]", []string{"Mcp-Protocol-Version", "2025-03-26"}, 413, "at most 50"},
		{"not JSON", "POST", `{"jsonrpc"`, nil, 400, `"code":-32700`},
		{"unknown method", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/paint"}`, nil, 200, `"code":-32601`},
		{"stateless without its headers", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{` +
			`"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`, nil, 400, "header"},
		{"body too large", "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"` + strings.Repeat("x", 7<<20) + `"}}`, nil, 413, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := send(t, test.method, server.URL, test.body, test.headers...)
			if got.status != test.status || !strings.Contains(got.raw, test.says) {
				t.Fatalf("%d %s", got.status, got.raw[:min(len(got.raw), 300)])
			}
			if got.status == 405 && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if got.status == 200 && got.header.Get("X-Accel-Buffering") != "no" {
				t.Error("a proxy may buffer the answer")
			}
		})
	}
}

// A browser asks before it calls; the answer lets it send what MCP needs.
func TestPreflight(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, "")
	got := send(t, "OPTIONS", server.URL, "", "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST")
	if got.status != 204 || got.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" ||
		!strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "Mcp-Protocol-Version") {
		t.Errorf("%d %v", got.status, got.header)
	}
}

// Lists say that they are for this caller alone, and capabilities are what is served.
func TestDiscoverIsPrivate(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, "")
	meta := `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for method, want := range map[string]string{
		"server/discover": `"capabilities":{"tools":{}}`,
		"tools/list":      `"resultType":"complete"`,
	} {
		got := send(t, "POST", server.URL, `{"jsonrpc":"2.0","id":"a","method":"`+method+`","params":{`+meta+`}}`,
			"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method)
		if got.status != 200 || !strings.Contains(got.raw, want) || !strings.Contains(got.raw, `"cacheScope":"private"`) {
			t.Errorf("%s: %d %.300s", method, got.status, got.raw)
		}
	}
}

// The token of a URL stands in nothing that was written.
func TestTokensAreNotLogged(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, "")
	send(t, "POST", server.URL, listBody)
	send(t, "GET", server.URL, "")
	send(t, "POST", server.URL+"/more", listBody)
	send(t, "POST", server.URL, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no_such_tool"}}`)
	s.Proxy.Fail(errPanic)
	send(t, "POST", server.URL, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"list_all_torii_me"}}`)
	if strings.Contains(s.Log.String(), server.Token) {
		t.Error("the token is in the log")
	}
	if len(s.Log.Lines("McpEndpoint")) < 4 {
		t.Error("the calls are not in the log")
	}
}
