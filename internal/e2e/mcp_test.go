package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An agent's client sees 26 tools, and what it changes the proxy then reads.
func TestAnAgentUsesEveryTool(t *testing.T) {
	_, s := startDev(t)
	useEveryTool(t, s)
}

func useEveryTool(t *testing.T, s stack) {
	t.Helper()
	for _, version := range []string{"2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			session := connectAgent(t, s, version)
			if got := session.InitializeResult(); got != nil && got.ProtocolVersion != version {
				t.Errorf("negotiated %s", got.ProtocolVersion)
			}
			tools := listTools(t, session)
			if len(tools) != 26 {
				t.Fatalf("%d tools: %v", len(tools), slices.Sorted(maps.Keys(tools)))
			}
			a := &agent{session: session, tools: tools, called: make(map[string]bool)}
			a.callAll(t)
			for name := range tools {
				if !a.called[name] {
					t.Errorf("%s was never called", name)
				}
			}
			a.offboard(t, s)
		})
	}
}

func connectAgent(t *testing.T, s stack, version string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "e2e", Version: "1"}, nil)
	transport := &mcp.StreamableClientTransport{Endpoint: s.mcpURL, DisableStandaloneSSE: true}
	session, err := client.Connect(t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

func listTools(t *testing.T, session *mcp.ClientSession) map[string]*mcp.Tool {
	t.Helper()
	tools := make(map[string]*mcp.Tool)
	for tool, err := range session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if tool.InputSchema == nil || tool.OutputSchema == nil || tool.Annotations == nil || tool.Title == "" || tool.Description == "" {
			t.Errorf("%s lacks a schema, annotations, a title or a description", tool.Name)
		}
		tools[tool.Name] = tool
	}
	return tools
}

// An agent calls tools and remembers which.
type agent struct {
	session *mcp.ClientSession
	tools   map[string]*mcp.Tool
	called  map[string]bool
}

// call makes a call that must succeed and answers its structured result.
func (a *agent) call(t *testing.T, tool string, arguments map[string]any) any {
	t.Helper()
	a.called[tool] = true
	result, err := a.session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	text := textOf(result)
	if result.IsError {
		t.Fatalf("%s failed: %s", tool, text)
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err != nil || result.StructuredContent == nil {
		t.Fatalf("%s has no structured content (%v)", tool, err)
	}
	v := decode(t, structured)
	if !same(v, decode(t, []byte(text))) {
		t.Errorf("%s: text and structured content differ", tool)
	}
	return v
}

func textOf(result *mcp.CallToolResult) string {
	var b strings.Builder
	for _, c := range result.Content {
		if text, ok := c.(*mcp.TextContent); ok {
			b.WriteString(text.Text)
		}
	}
	return b.String()
}

// must follows a path in a result.
func must(t *testing.T, v any, path string) any {
	t.Helper()
	got, ok := lookup(v, path)
	if !ok {
		t.Fatalf("%s is missing in %s", path, brief(v))
	}
	return got
}

// callAll calls each of the 26 with what the others answered.
func (a *agent) callAll(t *testing.T) {
	t.Helper()
	a.call(t, "list_all_torii_me", nil)
	users := a.call(t, "list_all_torii_users", map[string]any{"limit": 5})
	user := must(t, users, "result.0.id")
	a.call(t, "get_single_torii_user_by_id", map[string]any{"id": user})
	a.call(t, "update_a_torii_user_by_id", map[string]any{"id": user, "lifecycleStatus": "active"})
	apps := a.call(t, "list_all_torii_apps", map[string]any{"limit": 3})
	app := must(t, apps, "result.0.id")
	a.call(t, "get_single_torii_app_by_id", map[string]any{"id": fmt.Sprint(app)})
	a.call(t, "list_all_torii_application_users", map[string]any{"id_app": app, "limit": 1})
	of := a.call(t, "list_all_torii_user_applications", map[string]any{"id_user": user})
	assigned := must(t, of, "result.0.id")
	a.call(t, "get_single_torii_user_application_by_id", map[string]any{"id_user": user, "id": assigned})
	a.call(t, "update_a_torii_user_application_by_id", map[string]any{"id_user": user, "id": assigned, "isUserRemovedFromApp": false})
	a.callContracts(t, app)
	a.call(t, "list_all_torii_roles", nil)
	a.call(t, "list_all_torii_workflow_action_executions", map[string]any{"limit": 2})
	made := a.call(t, "create_a_torii_app", map[string]any{"name": "Internal tool", "state": "discovered"})
	a.call(t, "update_a_torii_app_by_id", map[string]any{"id": must(t, made, "result.id"), "state": "sanctioned"})
	a.call(t, "torii_apps_search", map[string]any{"q": "s"})
	a.callFiles(t)
	a.call(t, "list_all_torii_audit_logs", map[string]any{"limit": 2})
	a.call(t, "list_all_torii_user_custom_fields", nil)
	a.call(t, "list_all_torii_user_field_metadata", nil)
}

func (a *agent) callContracts(t *testing.T, app any) {
	t.Helper()
	a.call(t, "list_all_torii_contracts", map[string]any{"limit": 2})
	made := a.call(t, "create_a_torii_contract", map[string]any{"name": "Yearly", "idApp": app, "status": "active"})
	id := must(t, made, "result.id")
	a.call(t, "get_single_torii_contract_by_id", map[string]any{"id": id})
	a.call(t, "update_a_torii_contract_by_id", map[string]any{"id": id, "name": "Yearly, renewed"})
	a.call(t, "delete_a_torii_contract_by_id", map[string]any{"id": id})
}

func (a *agent) callFiles(t *testing.T) {
	t.Helper()
	uploaded := a.call(t, "torii_files_upload", map[string]any{
		"file": "aWQsbmFtZQoxLFRvbnkK", "file_name": "expenses.csv", "type": "expenseReport",
	})
	a.call(t, "get_single_torii_file_by_id", map[string]any{"id": must(t, uploaded, "result.id")})
	a.call(t, "create_a_torii_file", map[string]any{"path": "1767225600/expenses.csv", "type": "expenseReport"})
}

// offboard changes a user by tool and reads the change by REST.
func (a *agent) offboard(t *testing.T, s stack) {
	t.Helper()
	users := a.call(t, "list_all_torii_users", map[string]any{"limit": 1, "lifecycleStatus": "active"})
	id := must(t, users, "result.0.id")
	a.call(t, "update_a_torii_user_by_id", map[string]any{"id": id, "lifecycleStatus": "offboarding"})
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	code, text := rest.do(t, "GET", fmt.Sprintf("/proxy/users/%v?integrated_account_id=%s", id, s.account), s.apiToken, nil, nil)
	if status := must(t, decode(t, text), "result.lifecycleStatus"); code != 200 || status != "offboarding" {
		t.Errorf("after the tool's update the proxy reads %v (status %d)", status, code)
	}
	a.call(t, "update_a_torii_user_by_id", map[string]any{"id": id, "lifecycleStatus": "active"})
}

// What an agent does wrong is told to it as a failed call, with the error object and no structured content.
func TestAnAgentIsToldWhatIsWrong(t *testing.T) {
	_, s := startDev(t)
	session := connectAgent(t, s, "2025-11-25")
	for name, p := range map[string]*mcp.CallToolParams{
		"VALIDATION_FAILED":  {Name: "get_single_torii_user_by_id", Arguments: map[string]any{}},
		"UPSTREAM_NOT_FOUND": {Name: "get_single_torii_user_by_id", Arguments: map[string]any{"id": 99999999}},
	} {
		result, err := session.CallTool(context.WithoutCancel(t.Context()), p)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !result.IsError || result.StructuredContent != nil {
			t.Errorf("%s: isError %v, structured content %v", name, result.IsError, result.StructuredContent)
		}
		if got := must(t, decode(t, []byte(textOf(result))), "code"); got != name {
			t.Errorf("code %v, want %s", got, name)
		}
	}
}
