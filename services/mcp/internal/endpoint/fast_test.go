package endpoint

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const statelessMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`

// sample is one request of the comparison; headers are pairs.
type sample struct {
	name, body string
	headers    []string
}

func stateless(method, tool string) []string {
	h := []string{"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method}
	if tool != "" {
		h = append(h, "Mcp-Name", tool)
	}
	return h
}

// comparisons are requests that both ways must answer alike, the ordinary and the odd.
func comparisons() []sample {
	const users, user = "list_all_torii_users", "get_single_torii_user_by_id"
	call := func(id, tool, rest string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"` + tool + `"` + rest + `}}`
	}
	return []sample{
		{"list", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, nil},
		{"list with params", `{"jsonrpc":"2.0","id":"a","method":"tools/list","params":{}}`, nil},
		{"list with a progress token", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"progressToken":5}}}`, nil},
		{"list of 2025-06-18", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Mcp-Protocol-Version", "2025-06-18"}},
		{"list of 2024-11-05", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Mcp-Protocol-Version", "2024-11-05"}},
		{"list with a bad cursor", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"zzz"}}`, nil},
		{"list with params of the wrong type", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":[]}`, nil},
		{"list with null params", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":null}`, nil},
		{"stateless list", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + statelessMeta + `}}`, stateless("tools/list", "")},
		{
			"stateless list without its method header", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + statelessMeta + `}}`,
			[]string{"Mcp-Protocol-Version", "2026-07-28"},
		},
		{"stateless list without meta", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, stateless("tools/list", "")},
		{"stateless list without header", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` + statelessMeta + `}}`, nil},
		{"stateless list with bad capabilities", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` +
			strings.Replace(statelessMeta, "{}", `{"elicitation":4}`, 1) + `}}`, stateless("tools/list", "")},
		{"stateless list with capabilities", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` +
			strings.Replace(statelessMeta, "{}", `{"elicitation":{"form":{}},"roots":{"listChanged":true},"x":1}`, 1) + `}}`, stateless("tools/list", "")},
		{"stateless list of a bad client", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` +
			strings.Replace(statelessMeta, `{"io`, `{"io.modelcontextprotocol/clientInfo":3,"io`, 1) + `}}`, stateless("tools/list", "")},
		{"stateless list of a named client", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` +
			strings.Replace(statelessMeta, `{"io`, `{"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},"io`, 1) + `}}`, stateless("tools/list", "")},
		{"future version", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{` +
			strings.Replace(statelessMeta, "2026-07-28", "2027-01-01", 1) + `}}`, []string{"Mcp-Protocol-Version", "2027-01-01", "Mcp-Method", "tools/list"}},

		{"call", call("1", users, `,"arguments":{"limit":3}`), nil},
		{"call without arguments", call("1", users, ``), nil},
		{"call with null arguments", call("1", users, `,"arguments":null`), nil},
		{"call with arguments of the wrong type", call("1", users, `,"arguments":[1]`), nil},
		{"call with bad arguments", call("1", users, `,"arguments":{"limit":"x"}`), nil},
		{"call with arguments given twice", call("1", users, `,"arguments":{"q":"a","q":"b"}`), nil},
		{"call that fails", call("1", user, `,"arguments":{"id":404}`), nil},
		{"call of no tool", call("1", "nothing", ``), nil},
		{"call without a name", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}`, nil},
		{"call without params", `{"jsonrpc":"2.0","id":1,"method":"tools/call"}`, nil},
		{"call with an id of text", call(`"ü\u00e9"`, users, ``), nil},
		{"call with a fraction as id", call("1.5", users, ``), nil},
		{"call with null as id", call("null", users, ``), nil},
		{"stateless call", call("1", users, `,"arguments":{},`+statelessMeta), stateless("tools/call", users)},
		{"stateless call that fails", call("1", user, `,"arguments":{"id":404},`+statelessMeta), stateless("tools/call", user)},
		{"stateless call under another name", call("1", users, `,`+statelessMeta), stateless("tools/call", user)},
		{"stateless call without its name header", call("1", users, `,`+statelessMeta), stateless("tools/call", "")},
		{"stateless call of no tool", call("1", "nothing", `,`+statelessMeta), stateless("tools/call", "nothing")},
		{"call with a foreign state", call("1", users, `,"requestState":"x",`+statelessMeta), stateless("tools/call", users)},
		{"members given twice", `{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}`, nil},
		{"members of another case", `{"jsonrpc":"2.0","ID":1,"Method":"tools/list"}`, nil},
		{"wrong JSON-RPC", `{"jsonrpc":"1.0","id":1,"method":"tools/list"}`, nil},
		{"notification", `{"jsonrpc":"2.0","method":"tools/list"}`, nil},
		{"batch", `[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]`, []string{"Mcp-Protocol-Version", "2025-03-26"}},
		{"no JSON", `tools/list`, nil},
		{"nothing", ``, nil},
		{"resumption", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Last-Event-Id", "1"}},
		{"content type with a charset", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Content-Type", "application/json; charset=utf-8"}},
		{"wrong content type", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Content-Type", "text/json"}},
		{"stream alone accepted", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Accept", "text/event-stream"}},
		{"anything accepted", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, []string{"Accept", "*/*"}},
	}
}

// reply is an answer without what differs between any two.
type reply struct {
	Status  int
	Headers map[string]string
	Body    any
}

func post(h http.Handler, s sample) reply {
	r := httptest.NewRequest(http.MethodPost, "/mcp/token", strings.NewReader(s.body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Request-Id", "fixed")
	for n := 0; n < len(s.headers); n += 2 {
		r.Header.Set(s.headers[n], s.headers[n+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	out := reply{Status: w.Code, Headers: make(map[string]string)}
	for _, name := range []string{"Content-Type", "Cache-Control", "X-Accel-Buffering"} {
		out.Headers[name] = w.Header().Get(name)
	}
	dec := json.NewDecoder(w.Body)
	dec.UseNumber()
	if err := dec.Decode(&out.Body); err != nil {
		out.Body = w.Body.String()
	}
	return out
}

// Whichever way a request takes, its answer is the same.
func TestBothWaysAnswerAlike(t *testing.T) {
	for _, config := range []string{`{}`, `{"name_style":"full","methods":["read"]}`, `{"tool_exposure":"discovery"}`, `{"confirm_destructive":true}`} {
		fast, slow := newHandler(t, config, false, answerOf(2000)), newHandler(t, config, true, answerOf(2000))
		for _, s := range comparisons() {
			t.Run(config+"/"+s.name, func(t *testing.T) {
				if diff := cmp.Diff(post(slow, s), post(fast, s)); diff != "" {
					t.Errorf("-SDK +ours:\n%s", diff)
				}
			})
		}
	}
}

// The ordinary requests do take the short way; else the comparison would compare the SDK with itself.
func TestOrdinaryRequests(t *testing.T) {
	want := map[string]bool{
		"list": true, "list with params": true, "list with a progress token": true, "list of 2025-06-18": true, "list of 2024-11-05": true,
		"stateless list": true, "stateless list with capabilities": true, "stateless list of a named client": true, "list with null params": false,
		"call": true, "call without arguments": true, "call with bad arguments": true, "call that fails": true, "call with an id of text": true,
		"stateless call": true, "stateless call that fails": true,
		"batch": false, "members given twice": false, "stateless list without header": false, "call with a fraction as id": true,
		"stateless call under another name": false, "call with a foreign state": false, "future version": false,
	}
	for _, s := range comparisons() {
		short, ok := want[s.name]
		if !ok {
			continue
		}
		r := httptest.NewRequest(http.MethodPost, "/mcp", nil)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		for n := 0; n < len(s.headers); n += 2 {
			r.Header.Set(s.headers[n], s.headers[n+1])
		}
		if _, got := ordinary(r, []byte(s.body)); got != short {
			t.Errorf("%s: %v", s.name, got)
		}
	}
}
