package endpoint

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// An id comes back as it was sent, whichever way the request takes and however it ends: a rounded one would answer another request.
func TestIDsComeBack(t *testing.T) {
	ids := []string{
		`0`, `-1`, `9007199254740991`, `9007199254740993`, `-9007199254740993`, `123456789012345678901234567890`, `1.5`, `1.0`, `1e3`, `-0`,
		`""`, `"a"`, `"1"`, `"null"`, `"Zoë \"Z\""`,
	}
	rests := map[string]sample{
		"list":           {body: `"method":"tools/list"`},
		"list with null": {body: `"method":"tools/list","params":null`},
		"ping":           {body: `"method":"ping"`},
		"initialize": {body: `"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},` +
			`"clientInfo":{"name":"a","version":"1"}}`},
		"call":            {body: `"method":"tools/call","params":{"name":"list_all_torii_users"}`},
		"failed call":     {body: `"method":"tools/call","params":{"name":"get_single_torii_user_by_id","arguments":{"id":404}}`},
		"call of no tool": {body: `"method":"tools/call","params":{"name":"nothing"}`},
		"bad params":      {body: `"method":"tools/call","params":{"name":5}`},
		"unknown method":  {body: `"method":"tools/paint"`},
		"wrong Accept":    {body: `"method":"ping"`, headers: []string{"Accept", "text/event-stream"}},
		"stateless list":  {body: `"method":"tools/list","params":{` + statelessMeta + `}`, headers: stateless("tools/list", "")},
		"stateless ping":  {body: `"method":"ping","params":{` + statelessMeta + `}`, headers: stateless("ping", "")},
		"no such header":  {body: `"method":"tools/list","params":{` + statelessMeta + `}`, headers: stateless("tools/call", "")},
	}
	for _, sdkOnly := range []bool{false, true} {
		h := newHandler(t, `{}`, sdkOnly, answerOf(100))
		for name, rest := range rests {
			for _, id := range ids {
				got := post(h, sample{body: `{"jsonrpc":"2.0","id":` + id + `,` + rest.body + `}`, headers: rest.headers})
				if diff := cmp.Diff(decoded(t, id), got.Body.(map[string]any)["id"]); diff != "" {
					t.Errorf("%s, SDK only %v, id %s: %v", name, sdkOnly, id, got.Body)
				}
			}
		}
	}
}

// Each message of a batch has its own answer, also the one that is none; notifications have nothing.
func TestBatchAnswersEachMessage(t *testing.T) {
	const batch = `[{"jsonrpc":"2.0","id":9007199254740993,"method":"tools/list"},{"jsonrpc":"2.0","id":1.5,"method":"ping"},
		{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":"p","method":"tools/paint"},5,
		{"jsonrpc":"2.0","id":"i","method":"initialize","params":{}}]`
	type part struct {
		ID     any            `json:"id"`
		Result map[string]any `json:"result"`
		Error  struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	for _, sdkOnly := range []bool{false, true} {
		got := post(newHandler(t, `{}`, sdkOnly, nil), sample{body: batch})
		var parts []part
		again(t, got.Body, &parts)
		if len(parts) != 5 || got.Status != 200 {
			t.Fatalf("%d %v", got.Status, got.Body)
		}
		for n, want := range []struct {
			id   string
			code int
		}{{`9007199254740993`, 0}, {`1.5`, 0}, {`"p"`, -32601}, {`null`, -32600}, {`"i"`, -32600}} {
			id := got.Body.([]any)[n].(map[string]any)["id"]
			if diff := cmp.Diff(decoded(t, want.id), id); diff != "" || parts[n].Error.Code != want.code || (want.code == 0) != (parts[n].Result != nil) {
				t.Errorf("message %d: %v", n, got.Body.([]any)[n])
			}
		}
	}
	if got := post(newHandler(t, `{}`, false, nil), sample{body: `[{"jsonrpc":"2.0","method":"notifications/initialized"}]`}); got.Status != 202 {
		t.Errorf("notifications alone: %d %v", got.Status, got.Body)
	}
}

// decoded keeps the digits of a number.
func decoded(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
