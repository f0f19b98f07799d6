package endpoint

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is wrong with a message is said in JSON-RPC, whatever found it, and in no words of Go.
func TestFaults(t *testing.T) {
	message := func(members string) string { return `{"jsonrpc":"2.0",` + members + `}` }
	of := func(version string) []string { return []string{"Mcp-Protocol-Version", version} }
	tests := []struct {
		name, body   string
		headers      []string
		status, code int
		id           string
	}{
		{"no body", ``, nil, 400, -32700, `null`},
		{"white space", " \n", nil, 400, -32700, `null`},
		{"half a body", `{"jsonrpc":"2.0"`, nil, 400, -32700, `null`},
		{"bytes that are not UTF-8", "{\"jsonrpc\":\"\xff\"}", nil, 400, -32700, `null`},
		{"two messages", `{} {}`, nil, 400, -32700, `null`},
		{"a string", `"ping"`, nil, 400, -32600, `null`},
		{"another JSON-RPC", `{"jsonrpc":"1.0","id":7,"method":"ping"}`, nil, 400, -32600, `7`},
		{"no JSON-RPC", `{"id":7,"method":"ping"}`, nil, 400, -32600, `7`},
		{"JSON-RPC as a number", `{"jsonrpc":2.0,"id":7,"method":"ping"}`, nil, 400, -32600, `7`},
		{"null as id", message(`"id":null,"method":"ping"`), nil, 400, -32600, `null`},
		{"a boolean as id", message(`"id":true,"method":"ping"`), nil, 400, -32600, `null`},
		{"an object as id", message(`"id":{},"method":"tools/list"`), nil, 400, -32600, `null`},
		{"no method and no id", message(`"result":{}`), nil, 400, -32600, `null`},
		{"a number as method", message(`"id":7,"method":1`), nil, 400, -32600, `7`},
		{"an error that is none", message(`"id":7,"error":1`), nil, 400, -32600, `7`},
		{"a request without id", message(`"method":"tools/list"`), nil, 400, -32600, `null`},
		{"a notification with id", message(`"id":7,"method":"notifications/initialized"`), nil, 400, -32600, `7`},
		{"params that are no object", message(`"id":7,"method":"ping","params":[1]`), nil, 400, -32602, `7`},
		{"a name of the wrong type", message(`"id":7,"method":"tools/call","params":{"name":5}`), nil, 200, -32602, `7`},
		{"a version of the wrong type", message(`"id":7,"method":"initialize","params":{"protocolVersion":5}`), nil, 200, -32602, `7`},
		{"unknown method", message(`"id":7,"method":"tools/paint"`), nil, 200, -32601, `7`},
		{"unknown method of 2025-11-25", message(`"id":"a","method":"tools/paint"`), of("2025-11-25"), 200, -32601, `"a"`},
		{"method without its feature", message(`"id":7,"method":"prompts/list"`), nil, 200, -32601, `7`},
		{"empty method", message(`"id":7,"method":""`), nil, 200, -32601, `7`},
		{
			"unknown stateless method", message(`"id":7,"method":"tools/paint","params":{` + statelessMeta + `}`),
			stateless("tools/paint", ""), 404, -32601, `7`,
		},
		{"unknown version", message(`"id":7,"method":"ping"`), of("2024-01-01"), 400, -32022, `7`},
		{"not a version", message(`"id":7,"method":"ping"`), of("1"), 400, -32022, `7`},
		{"a version to come", message(`"id":7,"method":"ping"`), of("2030-01-01"), 400, -32022, `7`},
		{"wrong content type", message(`"id":7,"method":"ping"`), []string{"Content-Type", "text/plain"}, 415, -32600, `null`},
		{"resumption", message(`"id":7,"method":"ping"`), []string{"Last-Event-Id", "1"}, 400, -32600, `7`},
		{"stream alone accepted", message(`"id":7,"method":"ping"`), []string{"Accept", "text/event-stream"}, 400, -32600, `7`},
		{"empty batch", `[]`, nil, 400, -32600, `null`},
		{"batch of 2024-11-05", `[` + message(`"id":7,"method":"ping"`) + `]`, of("2024-11-05"), 400, -32600, `null`},
		{"batch of a version to come", `[` + message(`"id":7,"method":"ping"`) + `]`, of("2027-01-01"), 400, -32600, `null`},
		{"long batch", `[1` + strings.Repeat(",1", maxBatch) + `]`, nil, 413, -32600, `null`},
	}
	h := newHandler(t, `{}`, false, nil)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := post(h, sample{body: test.body, headers: test.headers})
			var said struct {
				Version string          `json:"jsonrpc"`
				ID      json.RawMessage `json:"id"`
				Error   struct {
					Code    int    `json:"code"`
					Message string `json:"message"`
				} `json:"error"`
			}
			again(t, got.Body, &said)
			if got.Status != test.status || said.Error.Code != test.code || string(said.ID) != test.id || said.Version != "2.0" || said.Error.Message == "" {
				t.Fatalf("%d %v", got.Status, got.Body)
			}
			if got.Headers["Content-Type"] != "application/json" {
				t.Errorf("Content-Type %q", got.Headers["Content-Type"])
			}
			for _, word := range []string{"unmarshal", "mcp.", "jsonrpc2", "json:", "struct", "int64"} {
				if strings.Contains(said.Error.Message, word) {
					t.Errorf("words of Go: %s", said.Error.Message)
				}
			}
		})
	}
}

// Versions that are served are named to who asks for another.
func TestUnsupportedVersionNamesOthers(t *testing.T) {
	got := post(newHandler(t, `{}`, false, nil), sample{
		body: `{"jsonrpc":"2.0","id":7,"method":"ping"}`, headers: []string{"Mcp-Protocol-Version", "2023-01-01"},
	})
	data := got.Body.(map[string]any)["error"].(map[string]any)["data"]
	want := map[string]any{
		"requested": "2023-01-01", "supported": []any{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"},
	}
	if diff := cmp.Diff(want, data); diff != "" {
		t.Error(diff)
	}
}

// Notifications have no answer, known or not.
func TestNotifications(t *testing.T) {
	h := newHandler(t, `{}`, false, nil)
	for _, method := range []string{"notifications/initialized", "notifications/of_tomorrow"} {
		got := post(h, sample{body: `{"jsonrpc":"2.0","method":"` + method + `"}`})
		if got.Status != http.StatusAccepted || got.Body != "" {
			t.Errorf("%s: %d %v", method, got.Status, got.Body)
		}
	}
}

// again decodes what was decoded without a type.
func again(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}
