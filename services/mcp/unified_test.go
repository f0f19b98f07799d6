package mcp_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"google.golang.org/protobuf/proto"

	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// Tools for normalised records come with their tag, and reach unified as it wants it.
func TestUnifiedTools(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"tags":["unified"],"max_result_bytes":20000}`)
	session := connectAgent(t, server.URL, "")
	tools := listTools(t, session)
	if len(tools) != 12 {
		t.Errorf("%d tools", len(tools))
	}
	tests := []struct {
		tool, arguments string
		want            proto.Message
	}{
		{"get_single_unified_user_by_id", `{"id":7}`, &userdirectoryv1.GetUserRequest{Id: "7"}},
		{"get_single_unified_user_by_id", `{"id":"7","remote_data":true}`, &userdirectoryv1.GetUserRequest{Id: "7", RemoteData: new(true)}},
		{"update_a_unified_user_by_id", `{"id":"7","status":"inactive"}`, &userdirectoryv1.UpdateUserRequest{Id: "7", Status: new("inactive")}},
		{
			"list_all_unified_users", `{"limit":3,"next_cursor":"4","is_external":false}`,
			&userdirectoryv1.ListUsersRequest{Limit: new(int32(3)), NextCursor: new("4"), IsExternal: new(false)},
		},
	}
	for _, test := range tests {
		result := callTool(t, session, test.tool, json.RawMessage(test.arguments))
		if result.IsError {
			t.Errorf("%s: %s", test.tool, textOf(t, result))
			continue
		}
		fitsOutput(t, tools[test.tool], result)
		if diff := cmp.Diff(test.want, s.Unified.Last(), protoCmp()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.tool, diff)
		}
	}
	whole := 0
	for cursor := ""; ; {
		arguments := map[string]any{"limit": 1000}
		if cursor != "" {
			arguments["next_cursor"] = cursor
		}
		text := textOf(t, callTool(t, session, "list_all_unified_users", arguments))
		var page struct {
			Result []json.RawMessage `json:"result"`
			Next   string            `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || len(text) > 20_000 {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		whole += len(page.Result)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if whole != 1000 {
		t.Errorf("%d users in all pages", whole)
	}
}

// withBearer sends a token with every request.
type withBearer struct{ token string }

// connectBuilder opens a session with the builder.
func connectBuilder(t *testing.T, s *mcptest.Stack) *sdk.ClientSession {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "builder", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{
		Endpoint: s.URL + "/mcp/builder", DisableStandaloneSSE: true, HTTPClient: withBearer{mcptest.APIToken}.client(),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	return session
}

// An agent with an API token reads schema and samples, tries an override, applies it and rolls it back; each act is recorded.
func TestBuilder(t *testing.T) {
	s := mcptest.Start(t)
	session := connectBuilder(t, s)
	tools := listTools(t, session)
	const users = `"model":"user-directory","resource":"users"`
	const on = users + `,"layer":"account","integrated_account_id":"acc-1"`
	override := rawJSON(`{"fields":{"title":{"path":["/role"]}}}`)
	tests := []struct {
		tool, arguments, says string
		want                  proto.Message
	}{
		{"get_schema", `{` + users + `}`, `"methods":["list"]`, &mappingv1.GetMetaRequest{Model: "user-directory", Resource: "users"}},
		{
			"get_sample", `{` + users + `,"integrated_account_id":"acc-1","samples":2}`, mcptest.Big,
			&userdirectoryv1.ListUsersRequest{Limit: new(int32(2)), RemoteData: new(true), IntegratedAccountId: new("acc-1")},
		},
		{"get_mapping", `{` + users + `}`, `"account_version":3`, &mappingv1.GetMappingRequest{Model: "user-directory", Resource: "users"}},
		{
			"validate_mapping", `{` + on + `,"override":` + string(override.Json) + `}`, `"valid":true`,
			&mappingv1.DryRunRequest{
				Model: "user-directory", Resource: "users", Layer: "account", IntegratedAccountId: "acc-1", Override: override, Samples: new(int32(1)),
			},
		},
		{
			"dry_run_mapping", `{` + on + `,"samples":3,"override":null}`, `"samples":3`,
			&mappingv1.DryRunRequest{
				Model: "user-directory", Resource: "users", Layer: "account", IntegratedAccountId: "acc-1", Override: rawJSON("null"), Samples: new(int32(3)),
			},
		},
		{
			"apply_override", `{` + on + `,"override":` + string(override.Json) + `,"reason":"titles","expected_version":3}`, `"number":4`,
			&mappingv1.PutOverrideRequest{
				Model: "user-directory", Resource: "users", Layer: "account", IntegratedAccountId: new("acc-1"), Override: override,
				Reason: "titles", ExpectedVersion: new(int32(3)),
			},
		},
		{
			"explain_record", `{` + users + `,"integrated_account_id":"acc-1","id":"7"}`, `"fields":[]`,
			&mappingv1.ExplainRequest{Model: "user-directory", Resource: "users", IntegratedAccountId: "acc-1", Id: "7"},
		},
		{
			"rollback_override", `{` + on + `,"number":0,"reason":"undo"}`, `"number":5`,
			&mappingv1.RollbackRequest{
				Model: "user-directory", Resource: "users", Layer: "account", IntegratedAccountId: new("acc-1"), Reason: "undo",
			},
		},
	}
	if len(tools) != len(tests) {
		t.Errorf("%d tools", len(tools))
	}
	for _, test := range tests {
		result := callTool(t, session, test.tool, json.RawMessage(test.arguments))
		if text := textOf(t, result); result.IsError || !strings.Contains(text, test.says) {
			t.Errorf("%s: %s", test.tool, text)
			continue
		}
		fitsOutput(t, tools[test.tool], result)
		if diff := cmp.Diff(test.want, s.Unified.Last(), protoCmp()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.tool, diff)
		}
		entries := s.Auth.Entries()
		if e := entries[len(entries)-1]; e.GetToolName() != test.tool || e.GetActorKind() != "api" || e.GetClient() != "builder/1" {
			t.Errorf("%s is recorded as %v", test.tool, e)
		}
	}
	if got := send(t, "POST", s.URL+"/mcp/builder", listBody, "Authorization", "Bearer "+s.Create(t, "").Token); got.status != 403 {
		t.Errorf("an MCP token: %d", got.status)
	}
}
