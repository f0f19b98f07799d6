package mcp_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// found are the names that a search answers.
func found(t *testing.T, session *sdk.ClientSession, query string) []string {
	t.Helper()
	var got struct {
		Result struct {
			Tools []struct{ Name string } `json:"tools"`
		} `json:"result"`
	}
	text := textOf(t, callTool(t, session, "search_tools", map[string]any{"query": query}))
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tool := range got.Result.Tools {
		names = append(names, tool.Name)
	}
	return names
}

// Three tools stand for all: find one, read its schema, call it, within the same scope.
func TestDiscovery(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"tool_exposure":"discovery","methods":["read","create"]}`)
	for _, version := range revisions {
		session := connectAgent(t, server.URL, version)
		if tools := listTools(t, session); len(tools) != 3 || tools["search_tools"] == nil || tools["get_tool_schema"] == nil || tools["call_tool"] == nil {
			t.Fatalf("%d tools", len(tools))
		}
		if names := found(t, session, "create contracts"); len(names) == 0 || names[0] != "create_a_torii_contract" {
			t.Errorf("search: %v", names)
		}
		if names := found(t, session, ""); len(names) != 20 || slices.Contains(names, deleteContract) {
			t.Errorf("all: %d %v", len(names), names)
		}
		schema := textOf(t, callTool(t, session, "get_tool_schema", map[string]any{"name": "create_a_torii_contract"}))
		if !strings.Contains(schema, `"idApp"`) || !strings.Contains(schema, "output_schema") {
			t.Errorf("schema: %s", schema)
		}
		through := func(name, arguments string) (*sdk.CallToolResult, error) {
			return session.CallTool(t.Context(), &sdk.CallToolParams{Name: "call_tool", Arguments: map[string]any{
				"name": name, "arguments": json.RawMessage(arguments),
			}})
		}
		result, err := through("list_all_torii_users", `{"limit":2}`)
		if err != nil || result.IsError || !strings.Contains(textOf(t, result), mcptest.Big) {
			t.Errorf("call: %v %v", result, err)
		}
		if result, err = through("list_all_torii_users", `{"limit":"x"}`); err != nil || !result.IsError || !strings.Contains(textOf(t, result), "VALIDATION_FAILED") {
			t.Errorf("bad arguments: %v %v", result, err)
		}
		_, err = session.CallTool(t.Context(), &sdk.CallToolParams{Name: "list_all_torii_users"})
		if refusal, ok := errors.AsType[*jsonrpc.Error](err); !ok || !strings.Contains(string(refusal.Data), "UNKNOWN_TOOL") || !strings.Contains(refusal.Message, "through call_tool") {
			t.Errorf("a tool that is not listed: %v", err)
		}
		_, err = through(deleteContract, `{"id":1}`)
		if refusal, ok := errors.AsType[*jsonrpc.Error](err); !ok || !strings.Contains(string(refusal.Data), "OPERATION_NOT_GRANTED") {
			t.Errorf("out of scope: %v", err)
		}
	}
	last := s.Auth.Entries()
	if e := last[len(last)-1]; e.GetToolName() != deleteContract || e.GetAction() != "torii.contracts.delete" {
		t.Errorf("the log names %s %s", e.GetToolName(), e.GetAction())
	}
}

// Short names show and work the same.
func TestShortStyle(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, `{"name_style":"short"}`).URL, "")
	tools := listTools(t, session)
	if len(tools) != 26 || tools["list_users"] == nil || tools["list_all_torii_users"] != nil {
		t.Fatalf("%d tools", len(tools))
	}
	for name := range tools {
		if len(name)+37 > 64 {
			t.Errorf("%s does not fit behind a UUID", name)
		}
	}
	if r := callTool(t, session, "update_user", map[string]any{"id": 7, "lifecycleStatus": "offboarding"}); r.IsError || s.Proxy.Last().Method != "Update" {
		t.Errorf("%s", textOf(t, r))
	}
}
