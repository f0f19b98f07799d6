package mcp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// revisions are the protocol versions that clients in use speak.
var revisions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}

// connectAgent opens a session of one revision; empty leaves the choice to the SDK.
func connectAgent(t *testing.T, url, version string) *sdk.ClientSession {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1.2"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: url, DisableStandaloneSSE: true},
		&sdk.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatalf("connect %s: %v", version, err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func listTools(t *testing.T, session *sdk.ClientSession) map[string]*sdk.Tool {
	t.Helper()
	tools := make(map[string]*sdk.Tool)
	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		tools[tool.Name] = tool
	}
	return tools
}

func callTool(t *testing.T, session *sdk.ClientSession, name string, arguments any) *sdk.CallToolResult {
	t.Helper()
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return result
}

func textOf(t *testing.T, r *sdk.CallToolResult) string {
	t.Helper()
	if len(r.Content) != 1 {
		t.Fatalf("content: %v", r.Content)
	}
	return r.Content[0].(*sdk.TextContent).Text
}

// sample are arguments that every default tool takes.
var sample = map[string]string{
	"list_all_torii_me":                         `{}`,
	"list_all_torii_users":                      `{"limit":2}`,
	"get_single_torii_user_by_id":               `{"id":7}`,
	"update_a_torii_user_by_id":                 `{"id":"7","lifecycleStatus":"offboarding"}`,
	"list_all_torii_application_users":          `{"id_app":3,"limit":2}`,
	"list_all_torii_user_applications":          `{"id_user":"7"}`,
	"get_single_torii_user_application_by_id":   `{"id_user":7,"id":3}`,
	"update_a_torii_user_application_by_id":     `{"id_user":7,"id":3}`,
	"list_all_torii_contracts":                  `{"limit":1}`,
	"create_a_torii_contract":                   `{"name":"Slack","idApp":3,"status":"active"}`,
	"get_single_torii_contract_by_id":           `{"id":1}`,
	"delete_a_torii_contract_by_id":             `{"id":1}`,
	"update_a_torii_contract_by_id":             `{"id":1,"name":"Slack 2"}`,
	"list_all_torii_roles":                      `{}`,
	"list_all_torii_workflow_action_executions": `{"limit":1}`,
	"list_all_torii_apps":                       `{"limit":1}`,
	"get_single_torii_app_by_id":                `{"id":3}`,
	"create_a_torii_app":                        `{"name":"Own app"}`,
	"update_a_torii_app_by_id":                  `{"id":3,"c_owner_note":"custom field"}`,
	"torii_apps_search":                         `{"q":"sla"}`,
	"get_single_torii_file_by_id":               `{"id":5}`,
	"create_a_torii_file":                       `{"path":"1/a.csv","type":"attachment"}`,
	"torii_files_upload":                        `{"file":"aGVsbG8=","file_name":"a.csv","type":"attachment"}`,
	"list_all_torii_audit_logs":                 `{"limit":1}`,
	"list_all_torii_user_custom_fields":         `{}`,
	"list_all_torii_user_field_metadata":        `{}`,
}

// Every revision lists exactly the default tools, and calls all of them.
func TestEveryRevisionCallsEveryTool(t *testing.T) {
	s := mcptest.Start(t)
	s.Proxy.Rows(3, 100)
	server := s.Create(t, "")
	for _, version := range revisions {
		t.Run(version, func(t *testing.T) {
			session := connectAgent(t, server.URL, version)
			tools := listTools(t, session)
			names, want := []string{}, []string{}
			for name := range tools {
				names = append(names, name)
			}
			for name := range sample {
				want = append(want, name)
			}
			slices.Sort(names)
			slices.Sort(want)
			if diff := cmp.Diff(want, names); diff != "" {
				t.Fatalf("tools (-want +got):\n%s", diff)
			}
			for name, arguments := range sample {
				result := callTool(t, session, name, json.RawMessage(arguments))
				if result.IsError {
					t.Errorf("%s: %s", name, textOf(t, result))
					continue
				}
				fitsOutput(t, tools[name], result)
			}
		})
	}
}

// fitsOutput holds a result to the output schema, and its two copies to each other.
func fitsOutput(t *testing.T, tool *sdk.Tool, result *sdk.CallToolResult) {
	t.Helper()
	text := textOf(t, result)
	var fromText any
	if err := json.Unmarshal([]byte(text), &fromText); err != nil {
		t.Fatalf("%s: text is not JSON: %v", tool.Name, err)
	}
	if diff := cmp.Diff(fromText, result.StructuredContent); diff != "" {
		t.Errorf("%s: text and structured content differ:\n%s", tool.Name, diff)
	}
	b, err := json.Marshal(tool.OutputSchema)
	if err != nil {
		t.Fatal(err)
	}
	var schema jsonschema.Schema
	if err := json.Unmarshal(b, &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := resolved.Validate(fromText); err != nil {
		t.Errorf("%s: the result does not fit the output schema: %v", tool.Name, err)
	}
}

// A tool is described in full: title, description, schemas and all four hints.
func TestToolsAreDescribed(t *testing.T) {
	s := mcptest.Start(t)
	for name, tool := range listTools(t, connectAgent(t, s.Create(t, "").URL, "")) {
		a := tool.Annotations
		if tool.Title == "" || len(tool.Description) < 40 || tool.InputSchema == nil || tool.OutputSchema == nil ||
			a == nil || a.DestructiveHint == nil || a.OpenWorldHint == nil {
			t.Errorf("%s lacks something: %+v", name, tool)
			continue
		}
		reads := strings.HasPrefix(name, "list_") || strings.HasPrefix(name, "get_") || name == "torii_apps_search"
		if a.ReadOnlyHint != reads || *a.DestructiveHint && reads || strings.HasPrefix(name, "delete_") && !*a.DestructiveHint {
			t.Errorf("%s: hints are not honest: %+v", name, a)
		}
	}
}

// The call that reaches proxy says exactly what the agent said, under the server's own grant.
func TestCallsReachProxy(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, "").URL, "")
	tests := []struct {
		name, tool, arguments string
		want                  mcptest.Proxied
	}{
		{
			"parents go to the query", "list_all_torii_application_users", `{"id_app":"3","limit":5}`,
			mcptest.Proxied{Method: "List", Message: &proxyv1.ListRequest{
				Resource: "application_users", IntegratedAccountId: new(mcptest.Account), Limit: new(int32(5)), Query: new("id_app=3"),
			}},
		},
		{
			"lists and JSON may be given as what they are", "list_all_torii_users",
			`{"limit":5,"fields":["email","id"],"filters":[{"key":"id", "op":"gt","value":9007199254740993}]}`,
			mcptest.Proxied{Method: "List", Message: &proxyv1.ListRequest{
				Resource: "users", IntegratedAccountId: new(mcptest.Account), Limit: new(int32(5)),
				Query: new("filters=%5B%7B%22key%22%3A%22id%22%2C%22op%22%3A%22gt%22%2C%22value%22%3A9007199254740993%7D%5D&fields=email%2Cid"),
			}},
		},
		{
			"big numbers are not rounded", "update_a_torii_app_by_id", `{"id":9007199254740993,"c_cost":9007199254740993}`,
			mcptest.Proxied{Method: "Update", Message: &proxyv1.UpdateRequest{
				Resource: "apps", Id: mcptest.Big, IntegratedAccountId: new(mcptest.Account), Body: rawJSON(`{"c_cost":9007199254740993}`),
			}},
		},
		{
			"ids in bodies become numbers", "create_a_torii_contract", `{"name":"Slack","idApp":"003","status":"active"}`,
			mcptest.Proxied{Method: "Create", Message: &proxyv1.CreateRequest{
				Resource: "contracts", IntegratedAccountId: new(mcptest.Account), Body: rawJSON(`{"name":"Slack","idApp":3,"status":"active"}`),
			}},
		},
		{
			"null is not given", "get_single_torii_file_by_id", `{"id":5,"type":null}`,
			mcptest.Proxied{Method: "Get", Message: &proxyv1.GetRequest{Resource: "files", Id: "5", IntegratedAccountId: new(mcptest.Account)}},
		},
		{
			"uploads carry the bytes", "torii_files_upload",
			`{"file":"data:text/csv;base64,` + base64.StdEncoding.EncodeToString([]byte("a,b")) + `","file_name":"x.csv","type":"attachment"}`,
			mcptest.Proxied{Method: "Upload", Bytes: []byte("a,b"), Message: &proxyv1.UploadDescription{
				IntegratedAccountId: new(mcptest.Account), FileName: "x.csv", Type: "attachment", ContentType: new("text/csv"),
			}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if r := callTool(t, session, test.tool, json.RawMessage(test.arguments)); r.IsError {
				t.Fatal(textOf(t, r))
			}
			got := s.Proxy.Last()
			if !strings.HasPrefix(got.Bearer, "Bearer ey") {
				t.Errorf("proxy was called with %q, not with a signed grant", got.Bearer)
			}
			got.Bearer = ""
			if diff := cmp.Diff(test.want, got, protoCmp()); diff != "" {
				t.Errorf("call (-want +got):\n%s", diff)
			}
		})
	}
}

// Numbers come back as they were.
func TestNumbersAreExact(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, "").URL, "")
	for _, call := range []string{"list_all_torii_users", "list_all_torii_me"} {
		if text := textOf(t, callTool(t, session, call, map[string]any{})); !strings.Contains(text, mcptest.Big) {
			t.Errorf("%s: %s is not in %s", call, mcptest.Big, text)
		}
	}
}

// Arguments that do not fit are a failed call that says what and how, and nothing is sent.
func TestBadArguments(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, "").URL, "")
	tests := []struct{ tool, arguments, says string }{
		{"get_single_torii_user_by_id", `{}`, "id: is required"},
		{"get_single_torii_user_by_id", `{"id":"seven"}`, "must be an id"},
		{"list_all_torii_users", `{"limit":5000}`, "at most 1000"},
		{"list_all_torii_users", `{"limit":"many"}`, "must be an integer, not string"},
		{"list_all_torii_users", `{"lifecycleStatus":"gone"}`, "must be one of active, offboarding, offboarded"},
		{"list_all_torii_users", `{"lifecycle":"active"}`, "is not an argument of this tool"},
		{"update_a_torii_user_by_id", `{"id":7}`, "lifecycleStatus: is required"},
		{"torii_apps_search", `{}`, "q: is required"},
		{"torii_files_upload", `{"file":"%%%","file_name":"a.csv","type":"attachment"}`, "base64"},
		{"torii_files_upload", `{"file":"aGk=","type":"attachment"}`, "file_name: is required"},
	}
	for _, test := range tests {
		result := callTool(t, session, test.tool, json.RawMessage(test.arguments))
		text := textOf(t, result)
		if !result.IsError || result.StructuredContent != nil || !strings.Contains(text, test.says) || !strings.Contains(text, `"VALIDATION_FAILED"`) {
			t.Errorf("%s %s: %s", test.tool, test.arguments, text)
		}
		if diff := cmp.Diff(text, metaError(t, result)); diff != "" {
			t.Errorf("%s: text and _meta differ:\n%s", test.tool, diff)
		}
	}
	if calls := s.Proxy.Calls(); len(calls) > 0 {
		t.Errorf("%d calls reached proxy", len(calls))
	}
}

// metaError is the error object under _meta, as text with the keys in the order of the text.
func metaError(t *testing.T, r *sdk.CallToolResult) string {
	t.Helper()
	var fromText, fromMeta any
	b, err := json.Marshal(r.Meta["sando.dev/error"])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &fromMeta); err != nil {
		t.Fatal(err)
	}
	text := textOf(t, r)
	if err := json.Unmarshal([]byte(text), &fromText); err != nil {
		t.Fatal(err)
	}
	if cmp.Equal(fromText, fromMeta) {
		return text
	}
	return string(b)
}

// Ten thousand users: every answer stays below the bound, and following the cursors rebuilds the full set, each user once.
func TestCutPagesRebuildTheWhole(t *testing.T) {
	s := mcptest.Start(t)
	s.Proxy.Rows(10_000, 600)
	server := s.Create(t, `{"max_result_bytes":60000}`)
	for _, limit := range []int{0, 1000} {
		session := connectAgent(t, server.URL, "")
		seen, noted := 0, false
		for cursor := ""; ; {
			arguments := map[string]any{"next_cursor": cursor}
			if cursor == "" {
				delete(arguments, "next_cursor")
			}
			if limit > 0 {
				arguments["limit"] = limit
			}
			text := textOf(t, callTool(t, session, "list_all_torii_users", arguments))
			if len(text) > 60_000 {
				t.Fatalf("an answer of %d bytes", len(text))
			}
			var page struct {
				Result []struct{ ID int } `json:"result"`
				Next   string             `json:"next_cursor"`
				Note   string             `json:"note"`
			}
			if err := json.Unmarshal([]byte(text), &page); err != nil {
				t.Fatal(err)
			}
			for _, u := range page.Result {
				if seen++; u.ID != seen {
					t.Fatalf("user %d came at place %d", u.ID, seen)
				}
			}
			noted = noted || page.Note != ""
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if seen != 10_000 {
			t.Errorf("limit %d: %d users", limit, seen)
		}
		if limit > 0 && !noted {
			t.Error("pages smaller than asked for say nothing about it")
		}
	}
}

// One record that is larger than the bound cannot be cut.
func TestOneRecordTooLarge(t *testing.T) {
	s := mcptest.Start(t)
	s.Proxy.Rows(3, 5000)
	session := connectAgent(t, s.Create(t, `{"max_result_bytes":2000}`).URL, "")
	result := callTool(t, session, "list_all_torii_users", map[string]any{})
	if !result.IsError || !strings.Contains(textOf(t, result), "RESULT_TOO_LARGE") {
		t.Error(textOf(t, result))
	}
}

// A bound that leaves no room for two records and a note gives them one by one.
func TestOneRecordAtATime(t *testing.T) {
	s := mcptest.Start(t)
	s.Proxy.Rows(3, 400)
	session := connectAgent(t, s.Create(t, `{"max_result_bytes":1600}`).URL, "")
	arguments := map[string]any{"limit": 1000}
	for n := 1; n <= 3; n++ {
		text := textOf(t, callTool(t, session, "list_all_torii_users", arguments))
		var page struct {
			Result []struct{ ID int } `json:"result"`
			Next   string             `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || len(page.Result) != 1 || page.Result[0].ID != n || len(text) > 1600/2 {
			t.Fatalf("page %d: %s", n, text)
		}
		arguments["next_cursor"] = page.Next
	}
}

func TestToolsListPages(t *testing.T) {
	s := mcptest.Start(t, func(c *configType) { c.ToolsPageSize = 10 })
	session := connectAgent(t, s.Create(t, "").URL, "")
	first, err := session.ListTools(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Tools) != 10 || first.NextCursor == "" {
		t.Errorf("first page: %d tools, cursor %q", len(first.Tools), first.NextCursor)
	}
	if all := listTools(t, session); len(all) != 26 {
		t.Errorf("all pages: %d tools", len(all))
	}
}
