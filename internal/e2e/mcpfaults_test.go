package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What goes wrong at Torii reaches an agent as the error of a tool with the code
// that REST has, at whatever place of the answer it happens: a tool's answer is
// held until it is whole. A write is sent once.
func TestFaultsReachAgents(t *testing.T) {
	_, s := startDev(t, "--emulator-control", "--no-rate-limits")
	session := connectAgent(t, s, "2025-11-25")
	for _, tt := range []struct {
		name        string
		fault       map[string]any
		read, write string // codes
	}{
		{"500", map[string]any{"kind": "status", "status": 500}, "UPSTREAM_ERROR", "OUTCOME_UNKNOWN"},
		{"502", map[string]any{"kind": "status", "status": 502}, "UPSTREAM_ERROR", "OUTCOME_UNKNOWN"},
		{"503", map[string]any{"kind": "status", "status": 503}, "UPSTREAM_ERROR", "OUTCOME_UNKNOWN"},
		{"cut", map[string]any{"kind": "cut"}, "UPSTREAM_ERROR", "OUTCOME_UNKNOWN"},
		{"reset before", map[string]any{"kind": "reset-before"}, "UPSTREAM_ERROR", "OUTCOME_UNKNOWN"},
		{"reset after", map[string]any{"kind": "reset-after"}, "UPSTREAM_ERROR", "OUTCOME_UNKNOWN"},
		{"bad JSON", map[string]any{"kind": "bad-json"}, "UPSTREAM_BAD_RESPONSE", "OUTCOME_UNKNOWN"},
		{"wrong content", map[string]any{"kind": "wrong-content"}, "UPSTREAM_BAD_RESPONSE", "OUTCOME_UNKNOWN"},
		{"a redirect", map[string]any{"kind": "redirect", "location": "https://evil.example"}, "UPSTREAM_BAD_RESPONSE", "OUTCOME_UNKNOWN"},
		{"huge headers", map[string]any{"kind": "huge-headers"}, "UPSTREAM_BAD_RESPONSE", "OUTCOME_UNKNOWN"},
		{"a gzip bomb", map[string]any{"kind": "gzip-bomb"}, "UPSTREAM_BAD_RESPONSE", "OUTCOME_UNKNOWN"},
		{"duplicate rows", map[string]any{"kind": "duplicate-rows"}, "", ""},
		{"forbidden", map[string]any{"kind": "forbidden"}, "UPSTREAM_FORBIDDEN", "UPSTREAM_FORBIDDEN"},
		{"slow", map[string]any{"kind": "slow", "delay": "50ms"}, "", ""},
		{"trickle", map[string]any{"kind": "trickle", "delay": "1ms"}, "", ""},
		// Last: the limits that they teach stay.
		{"429", map[string]any{"kind": "rate-limited", "retry_after": "30"}, "RATE_LIMITED", "RATE_LIMITED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, side := range []struct {
				operation, tool, want string
				arguments             map[string]any
			}{
				{"users.list", "list_all_torii_users", tt.read, map[string]any{"limit": 20}},
				{"users.update", "update_a_torii_user_by_id", tt.write, map[string]any{"id": 1001, "lifecycleStatus": "active"}},
			} {
				emulatorDo(t, s, "DELETE", "/faults", nil)
				emulatorDo(t, s, "DELETE", "/requests", nil)
				fault := map[string]any{"operation": side.operation, "times": -1}
				for k, v := range tt.fault {
					fault[k] = v
				}
				emulatorDo(t, s, "POST", "/faults", fault)
				if got := toolCode(t, session, side.tool, side.arguments); got != side.want {
					t.Errorf("%s: %q, want %q", side.tool, got, side.want)
				}
				if side.operation != "users.update" {
					continue
				}
				if n := bytes.Count(emulatorDo(t, s, "GET", "/requests", nil), []byte(`"PUT"`)); n != 1 {
					t.Errorf("written %d times, want 1", n)
				}
			}
		})
	}
}

// A provider whose cursors lead nowhere does not keep an agent going in a circle.
func TestCursorLoopReachesAgents(t *testing.T) {
	_, s := startDev(t, "--emulator-control", "--no-rate-limits")
	session := connectAgent(t, s, "2025-11-25")
	emulatorDo(t, s, "POST", "/faults", map[string]any{"kind": "cursor-loop", "operation": "users.list", "times": -1})
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "list_all_torii_users", Arguments: map[string]any{"limit": 10}})
	if err != nil || result.IsError {
		t.Fatalf("the first page: %v %v", err, result)
	}
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(textOf(result)), &page); err != nil || page.NextCursor == "" {
		t.Fatalf("the first page has no cursor: %v %.300s", err, textOf(result))
	}
	arguments := map[string]any{"limit": 10, "next_cursor": page.NextCursor}
	if got := toolCode(t, session, "list_all_torii_users", arguments); got != "UPSTREAM_BAD_RESPONSE" {
		t.Errorf("the page that leads to itself: %q, want UPSTREAM_BAD_RESPONSE", got)
	}
}

// A provider that cannot be reached had no write sent to it, and the agent is told so.
func TestUnreachableReachesAgents(t *testing.T) {
	o := newOperator(t)
	s := o.serve(t)
	link(t, &s)
	for name, base := range map[string]string{
		"DNS": "http://nowhere.invalid/v1.0",
		"TLS": strings.Replace(o.torii, "http:", "https:", 1), // it speaks none
	} {
		o.torii = base
		o.restart(t)
		session := connectAgent(t, s, "2025-11-25")
		for tool, arguments := range map[string]map[string]any{
			"list_all_torii_users":      {"limit": 20},
			"update_a_torii_user_by_id": {"id": 1001, "lifecycleStatus": "active"},
		} {
			if got := toolCode(t, session, tool, arguments); got != "UPSTREAM_ERROR" {
				t.Errorf("%s: %s: %q, want UPSTREAM_ERROR", name, tool, got)
			}
		}
	}
}

// toolCode calls a tool and gives the code of its error; empty for none.
func toolCode(t *testing.T, session *mcp.ClientSession, tool string, arguments map[string]any) string {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if !result.IsError {
		if !json.Valid([]byte(textOf(result))) {
			t.Errorf("%s succeeded with %s", tool, textOf(result))
		}
		return ""
	}
	if result.StructuredContent != nil {
		t.Errorf("%s failed with structured content", tool)
	}
	var e struct{ Code string }
	if err := json.Unmarshal([]byte(textOf(result)), &e); err != nil || e.Code == "" {
		t.Errorf("%s: the error is %s", tool, textOf(result))
	}
	return e.Code
}

// emulatorDo calls a control route of the stand-in.
func emulatorDo(t *testing.T, s stack, method, path string, body any) []byte {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	code, answer := restOver{client: http.DefaultClient, base: s.emulatorURL}.do(t, method, "/__emulator"+path, "", nil, text)
	if code >= 300 {
		t.Fatalf("%s %s: status %d: %s", method, path, code, answer)
	}
	return answer
}
