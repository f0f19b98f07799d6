package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// Every call is in the log before its answer is seen, with who, what and how it ended.
func TestCallsAreRecorded(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"methods":["read"]}`)
	session := connectAgent(t, server.URL, "2026-07-28")
	upstream := rpcerr.New(access.CodeUpstreamNotFound, "no such user")
	upstream.Origin, upstream.Status = "torii", http.StatusNotFound
	tests := []struct {
		name, tool, arguments string
		fails                 error
		want                  *authv1.LogEntry
	}{
		{"success", "get_single_torii_user_by_id", `{"id":7}`, nil, &authv1.LogEntry{Action: "torii.users.get", Status: new(int32(200)), UpstreamStatus: new(int32(200)), Arguments: rawJSON(`{"id":7}`)}},
		{
			"bad arguments", "get_single_torii_user_by_id", `{}`, nil,
			&authv1.LogEntry{Action: "torii.users.get", Status: new(int32(400)), Code: new("VALIDATION_FAILED")},
		},
		{
			"provider's error", "get_single_torii_user_by_id", `{"id":8}`, upstream,
			&authv1.LogEntry{Action: "torii.users.get", Status: new(int32(404)), Code: new("UPSTREAM_NOT_FOUND"), UpstreamStatus: new(int32(404)), Arguments: rawJSON(`{"id":8}`)},
		},
		{
			"out of scope", "delete_a_torii_contract_by_id", `{"id":7}`, nil,
			&authv1.LogEntry{Action: "torii.contracts.delete", Status: new(int32(403)), Code: new("OPERATION_NOT_GRANTED")},
		},
		{
			"no such tool", "drop_everything", `{}`, nil,
			&authv1.LogEntry{Action: "mcp.tools.call", Status: new(int32(404)), Code: new("UNKNOWN_TOOL")},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.Proxy.Fail(test.fails)
			before := len(s.Auth.Entries())
			_, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: test.tool, Arguments: json.RawMessage(test.arguments)})
			if refused := test.want.GetCode() == "OPERATION_NOT_GRANTED" || test.want.GetCode() == "UNKNOWN_TOOL"; refused != (err != nil) {
				t.Fatal(err)
			}
			entries := s.Auth.Entries()[before:]
			if len(entries) != 1 {
				t.Fatalf("%d entries", len(entries))
			}
			e := entries[0]
			if e.GetId() == "" || e.GetCreatedAt() == nil || e.DurationMs == nil || len(e.GetArgumentsDigest()) != 64 || e.GetRequestId() == "" {
				t.Errorf("something is missing: %v", e)
			}
			w := test.want
			w.EnvironmentId, w.LogType, w.Phase, w.ActorKind, w.ActorId = mcptest.Environment, "mcp", "outcome", "mcp", "tok-"+server.ID
			w.IntegratedAccountId, w.McpServerId, w.Client = new(mcptest.Account), &server.ID, new("agent/1.2")
			if w.GetCode() != "UNKNOWN_TOOL" { // a name that no tool has may be anything
				w.ToolName = &test.tool
			}
			if diff := cmp.Diff(w, e, protocmp.Transform(), protocmp.IgnoreFields(e, "id", "created_at", "duration_ms", "arguments_digest", "request_id", "trace_id")); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
		})
	}
}

// A tool outside the scope is not listed, is refused when it is called, and never reaches proxy.
func TestScopeIsEnforced(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"methods":["read"]}`)
	for _, version := range revisions {
		session := connectAgent(t, server.URL, version)
		shown := listTools(t, session)
		for name, arguments := range sample {
			if _, ok := shown[name]; ok {
				continue
			}
			_, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: name, Arguments: json.RawMessage(arguments)})
			refusal, ok := errors.AsType[*jsonrpc.Error](err)
			if !ok || refusal.Code != jsonrpc.CodeInvalidParams || !strings.Contains(string(refusal.Data), "OPERATION_NOT_GRANTED") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if n := len(s.Proxy.Calls()); n > 0 {
		t.Errorf("%d calls reached proxy", n)
	}
}

// Errors of the provider reach the agent whole: code, advice, the provider's own words.
func TestErrorsReachTheAgent(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, "").URL, "")
	e := rpcerr.New(rpcerr.RateLimited, "").WithRetryAfter(12e9)
	e.Origin, e.Raw = "torii", json.RawMessage(`{"message":"slow down"}`)
	s.Proxy.Fail(e)
	result := callTool(t, session, "list_all_torii_users", map[string]any{})
	var got map[string]any
	if err := json.Unmarshal([]byte(textOf(t, result)), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"statusCode": 429.0, "code": "RATE_LIMITED", "origin": "torii", "retryable": true, "retry_after": 12.0,
		"raw_response": map[string]any{"message": "slow down"},
	} {
		if !cmp.Equal(got[key], want) {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
	if !result.IsError || result.StructuredContent != nil {
		t.Errorf("%+v", result)
	}
	s.Proxy.Fail(errPanic)
	if text := textOf(t, callTool(t, session, "list_all_torii_users", nil)); strings.Contains(text, errPanic.Error()) || !strings.Contains(text, "INTERNAL") {
		t.Errorf("a private cause leaks: %s", text)
	}
}

// What cannot be recorded is not answered; a write that was carried out says so.
func TestAuditUnavailable(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, "").URL, "")
	s.Auth.BreakAudit(true)
	read := callTool(t, session, "list_all_torii_me", nil)
	if text := textOf(t, read); !read.IsError || !strings.Contains(text, "AUDIT_UNAVAILABLE") || strings.Contains(text, "Acme") {
		t.Errorf("read: %s", text)
	}
	write := callTool(t, session, "update_a_torii_contract_by_id", json.RawMessage(`{"id":1,"name":"x"}`))
	if text := textOf(t, write); !write.IsError || !strings.Contains(text, "was carried out") || !strings.Contains(text, `"retryable":false`) {
		t.Errorf("write: %s", text)
	}
}

// The trace of the agent goes on below.
func TestTraceIsJoined(t *testing.T) {
	s := mcptest.Start(t)
	session := connectAgent(t, s.Create(t, "").URL, "")
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	params := &sdk.CallToolParams{Name: "list_all_torii_me", Meta: sdk.Meta{"traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}}
	if _, err := session.CallTool(context.Background(), params); err != nil {
		t.Fatal(err)
	}
	entries := s.Auth.Entries()
	if e := entries[len(entries)-1]; e.GetTraceId() != trace {
		t.Errorf("trace %q", e.GetTraceId())
	}
}
