package mcp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

const serversPath = "/integrated-account/" + mcptest.Account + "/mcp"

// What a configuration selects, and which ones are refused.
func TestConfigurations(t *testing.T) {
	s := mcptest.Start(t)
	tests := []struct {
		name, config string
		tools        int
		refusal      string
	}{
		{"absent", ``, 26, ""},
		{"null", `null`, 26, ""},
		{"empty", `{}`, 26, ""},
		{"read", `{"methods":["read"]}`, 17, ""},
		{"write", `{"methods":["write"]}`, 9, ""},
		{"read and write", `{"methods":["read","write"]}`, 26, ""},
		{"custom", `{"methods":["custom"]}`, 2, ""},
		{"a method", `{"methods":["delete"]}`, 1, ""},
		{"a tool", `{"methods":["list_all_torii_roles"]}`, 1, ""},
		{"an extended tool", `{"methods":["torii_files_download"]}`, 1, ""},
		{"tags and methods", `{"tags":["users"],"methods":["list_all_torii_contracts"]}`, 0, "select no tool"},
		{"empty methods", `{"methods":[]}`, 0, "empty list"},
		{"empty tags", `{"tags":[]}`, 0, "empty list"},
		{"unknown method", `{"methods":["raed"]}`, 0, `did you mean \"read\"`},
		{"unknown tag", `{"tags":["userz"]}`, 0, `did you mean \"users\"`},
		{"unknown member", `{"method":["read"]}`, 0, `config.method: is no member of a configuration; did you mean \"methods\"?`},
		{"member of another case", `{"Methods":["read"]}`, 0, `did you mean \"methods\"?`},
		{"unlike any member", `{"colour":"red"}`, 0, "it may have methods, tags"},
		{"an array", `["read"]`, 0, "config: must not be an array"},
		{"wrong type", `{"methods":"read"}`, 0, "config.methods"},
		{"wrong exposure", `{"tool_exposure":"some"}`, 0, "config.tool_exposure"},
		{"wrong style", `{"name_style":"tiny"}`, 0, "config.name_style"},
		{"too few bytes", `{"max_result_bytes":10}`, 0, "config.max_result_bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := `{"name":"x"}`
			if test.config != "" {
				body = `{"name":"x","config":` + test.config + `}`
			}
			status, got := s.Do(t, "POST", serversPath, body)
			if test.refusal != "" {
				if status != 400 || got["code"] != "MCP_CONFIG_INVALID" || !strings.Contains(mustJSON(t, got), test.refusal) {
					t.Errorf("%d %s", status, mustJSON(t, got))
				}
				return
			}
			if status != 200 {
				t.Fatalf("%d %s", status, mustJSON(t, got))
			}
			if tools := listTools(t, connectAgent(t, got["url"].(string), "")); len(tools) != test.tools {
				t.Errorf("%d tools, want %d", len(tools), test.tools)
			}
		})
	}
}

// Tokens and URLs are in the answers that made them and nowhere else.
func TestServersAreManaged(t *testing.T) {
	s := mcptest.Start(t)
	ends := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	status, made := s.Do(t, "POST", serversPath, `{"name":"Agent","config":{"methods":["read"]},"expires_at":"`+ends+`"}`)
	if status != 200 || !strings.HasPrefix(made["token"].(string), "sando_mcp_") || made["url"] != s.URL+"/mcp/"+made["token"].(string) ||
		made["expires_at"] != ends || made["name"] != "Agent" {
		t.Fatalf("create: %d %v", status, made)
	}
	at := serversPath + "/" + made["id"].(string)
	for _, step := range []struct {
		method, path, body string
		status             int
		check              func(map[string]any) bool
	}{
		{"GET", at, "", 200, func(m map[string]any) bool { return m["token"] == nil && m["url"] == nil && m["name"] == "Agent" }},
		{"GET", serversPath, "", 200, func(m map[string]any) bool {
			return len(m["result"].([]any)) == 1 && m["next_cursor"] == nil && !strings.Contains(mustJSON(t, m), "sando_mcp_")
		}},
		{"PATCH", at, `{"name":"Renamed"}`, 200, func(m map[string]any) bool { return m["name"] == "Renamed" && m["expires_at"] == ends }},
		{"PATCH", at, `{"expires_at":null}`, 200, func(m map[string]any) bool { return m["expires_at"] == nil && m["name"] == "Renamed" }},
		{"PATCH", at, `{"expires_at":"` + time.Now().Add(30*time.Second).UTC().Format(time.RFC3339) + `"}`, 400, nil},
		{"PATCH", at, `{"config":{"name_style":"short"}}`, 200, func(m map[string]any) bool {
			c := m["config"].(map[string]any)
			return c["name_style"] == "short" && len(c["methods"].([]any)) == 1
		}},
		{"PATCH", at, `{"config":{"methods":[]}}`, 400, nil},
		{"PATCH", at, `{"config":{"methods":null}}`, 200, func(m map[string]any) bool {
			return m["config"].(map[string]any)["methods"] == nil
		}},
		{"PATCH", at, `{"token":"x"}`, 400, nil},
		{"PATCH", at, `[]`, 400, nil},
		{"GET", serversPath + "/unknown", "", 404, nil},
		{"GET", "/integrated-account/other/mcp", "", 404, func(m map[string]any) bool { return m["code"] == "ACCOUNT_NOT_FOUND" }},
		{"POST", serversPath, `{"expires_at":"2020-01-01T00:00:00Z"}`, 400, nil},
		{"DELETE", at, "", 200, nil},
		{"GET", at, "", 404, nil},
	} {
		status, got := s.Do(t, step.method, step.path, step.body)
		if status != step.status || step.check != nil && !step.check(got) {
			t.Errorf("%s %s %s: %d %s", step.method, step.path, step.body, status, mustJSON(t, got))
		}
	}
}

// TestS10ZeroExpiry: what clients send for a time that nobody has set makes no server that never ends. A change may take the end away, by null, and by
// nothing else.
func TestS10ZeroExpiry(t *testing.T) {
	s := mcptest.Start(t)
	_, made := s.Do(t, "POST", serversPath, `{}`)
	at := serversPath + "/" + made["id"].(string)
	for _, expiry := range []string{
		`"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00"`, `"9999-12-31T23:59:59.9999999Z"`, `"9999-12-31T00:00:00Z"`, `"1970-01-01T00:00:00.000Z"`,
		`"-1000000000-01-01T00:00:00Z"`, `"Invalid Date"`, `"NaN"`, `""`, `0`, `false`, `{}`, `null`,
	} {
		calls := [][2]string{{"POST", serversPath}, {"PATCH", at}}
		if expiry == "null" {
			calls = calls[:1]
		}
		for _, call := range calls {
			status, got := s.Do(t, call[0], call[1], `{"expires_at":`+expiry+`}`)
			if message, _ := got["message"].(string); status != 400 || !strings.Contains(message, "expires_at") {
				t.Errorf("%s with %s: %d %s", call[0], expiry, status, mustJSON(t, got))
			}
		}
	}
	if _, all := s.Do(t, "GET", serversPath, ""); len(all["result"].([]any)) != 1 {
		t.Errorf("servers were made: %s", mustJSON(t, all))
	}
}

// What was read can be written back: nothing changes by it, not even the time of the last change.
func TestServersAreWrittenBackAsRead(t *testing.T) {
	s := mcptest.Start(t)
	ends := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, config := range []string{
		`{}`, `{"methods":["read"]}`, `{"tags":["users"],"tool_exposure":"discovery"}`,
		`{"confirm_destructive":true,"max_result_bytes":5000,"methods":["write"],"name_style":"short","require_api_token_auth":false}`,
	} {
		for _, expiry := range []string{"", `,"expires_at":"` + ends + `"`} {
			status, made := s.Do(t, "POST", serversPath, `{"config":`+config+expiry+`}`)
			if status != 200 || mustJSON(t, made["config"]) != config {
				t.Fatalf("%s: %d %s", config, status, mustJSON(t, made))
			}
			at := serversPath + "/" + made["id"].(string)
			_, read := s.Do(t, "GET", at, "")
			status, written := s.Do(t, "PATCH", at, mustJSON(t, read))
			_, after := s.Do(t, "GET", at, "")
			if diff := cmp.Diff([]any{read, read}, []any{written, after}); status != 200 || diff != "" {
				t.Errorf("%s: %d %s", config, status, diff)
			}
		}
	}
}

// What cannot be changed is named, and so is what was most likely meant.
func TestRefusedChanges(t *testing.T) {
	s := mcptest.Start(t)
	at := serversPath + "/" + s.Create(t, "").ID
	for body, says := range map[string]string{
		`{"id":"other"}`:                    "id: cannot be changed",
		`{"integrated_account_id":"other"}`: "integrated_account_id: cannot be changed",
		`{"token":"x"}`:                     "token: cannot be changed",
		`{"nmae":"x"}`:                      `nmae: is no member of an MCP server; did you mean "name"?`,
		`{"expire_at":null}`:                `did you mean "expires_at"?`,
		`{"colour":"red"}`:                  "colour: is no member of an MCP server; name, config and expires_at can be changed",
		`{"config":{"name_stile":"full"}}`:  `config.name_stile: is no member of a configuration; did you mean "name_style"?`,
		`{"config":"read"}`:                 "config: must be an object or null",
		`{"config":{"methods":[5]}}`:        "config.methods.0: must not be a number",
		`{"expires_at":5}`:                  "expires_at: must be a time",
		`null`:                              "one JSON object",
	} {
		status, got := s.Do(t, "PATCH", at, body)
		message, _ := got["message"].(string)
		if status != 400 || !strings.Contains(message, says) || strings.Contains(message, "json:") {
			t.Errorf("%s: %d %s", body, status, mustJSON(t, got))
		}
	}
}

// A change of scope reaches the server that is already in use.
func TestScopeChangesAtOnce(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"methods":["read"]}`)
	if tools := listTools(t, connectAgent(t, server.URL, "")); len(tools) != 17 {
		t.Fatalf("%d tools", len(tools))
	}
	s.Do(t, "PATCH", serversPath+"/"+server.ID, `{"config":{"methods":["delete"]}}`)
	n := eventually(t, func() (int, bool) {
		n := len(listTools(t, connectAgent(t, server.URL, "")))
		return n, n == 1
	})
	if n != 1 {
		t.Errorf("%d tools after the change", n)
	}
}

// Frameworks get the same tools as JSON.
func TestToolsAsJSON(t *testing.T) {
	s := mcptest.Start(t)
	path := "/integrated-account/" + mcptest.Account + "/tools"
	tests := []struct {
		query         string
		status, tools int
	}{
		{"", 200, 26},
		{"?methods=read", 200, 17},
		{"?methods=read,write", 200, 26},
		{"?methods=list&tags=contracts", 200, 3}, // the group with its extended tools
		{"?methods=", 400, 0},
		{"?methods=nothing", 400, 0},
		{"?unknown=1", 400, 0},
	}
	for _, test := range tests {
		status, got := s.Do(t, "GET", path+test.query, "")
		list, _ := got["result"].([]any)
		if status != test.status || len(list) != test.tools {
			t.Errorf("%s: %d, %d tools %.200s", test.query, status, len(list), mustJSON(t, got))
		}
	}
	shown := listTools(t, connectAgent(t, s.Create(t, "").URL, ""))
	_, got := s.Do(t, "GET", path, "")
	for _, item := range got["result"].([]any) {
		m := item.(map[string]any)
		tool := shown[m["name"].(string)]
		if tool == nil || tool.Description != m["description"] || mustJSON(t, tool.InputSchema) != mustJSON(t, m["input_schema"]) ||
			mustJSON(t, tool.OutputSchema) != mustJSON(t, m["output_schema"]) {
			t.Errorf("%s differs from what agents see", m["name"])
		}
	}
	if status, _ := s.Do(t, "GET", "/integrated-account/other/tools", ""); status != http.StatusNotFound {
		t.Errorf("foreign account: %d", status)
	}
}

// The base of URLs is the configured one, whatever host the request names.
func TestPublicBaseURL(t *testing.T) {
	s := mcptest.Start(t, func(c *configType) { c.PublicBaseURL = "https://sando.example.com/" })
	if server := s.Create(t, ""); server.URL != "https://sando.example.com/mcp/"+server.Token {
		t.Error(strings.ReplaceAll(server.URL, server.Token, "..."))
	}
}
