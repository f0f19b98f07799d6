package mcp_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

const deleteContract = "delete_a_torii_contract_by_id"

// confirmToken calls a tool that must be confirmed and gives the token that comes instead of the answer.
func confirmToken(t *testing.T, session *sdk.ClientSession, arguments string) string {
	t.Helper()
	result := callTool(t, session, deleteContract, json.RawMessage(arguments))
	var e struct {
		Code    string `json:"code"`
		Details struct {
			Token string `json:"confirm_token"`
		} `json:"details"`
	}
	if err := json.Unmarshal([]byte(textOf(t, result)), &e); err != nil {
		t.Fatal(err)
	}
	if !result.IsError || e.Code != "CONFIRMATION_REQUIRED" || e.Details.Token == "" {
		t.Fatalf("%s", textOf(t, result))
	}
	return e.Details.Token
}

// A client that cannot ask its user gets a token, which is good for this call by this principal alone, and is the idempotency key of the write.
func TestConfirmToken(t *testing.T) {
	s := mcptest.Start(t)
	server, other := s.Create(t, `{"confirm_destructive":true}`), s.Create(t, `{"confirm_destructive":true}`)
	for _, version := range []string{"2025-06-18", "2026-07-28"} {
		t.Run(version, func(t *testing.T) {
			session := connectAgent(t, server.URL, version)
			if schema := mustJSON(t, listTools(t, session)[deleteContract].InputSchema); !strings.Contains(schema, "confirm_token") {
				t.Errorf("the schema lacks confirm_token: %s", schema)
			}
			before := len(s.Proxy.Calls())
			token := confirmToken(t, session, `{"id":5}`)
			foreign := confirmToken(t, connectAgent(t, other.URL, version), `{"id":5}`)
			for name, arguments := range map[string]string{
				"another record":  `{"id":6,"confirm_token":"` + token + `"}`,
				"another server":  `{"id":5,"confirm_token":"` + foreign + `"}`,
				"an altered one":  `{"id":5,"confirm_token":"` + token[:len(token)-4] + `AAAA"}`,
				"an invented one": `{"id":5,"confirm_token":"yes"}`,
			} {
				if result := callTool(t, session, deleteContract, json.RawMessage(arguments)); !result.IsError {
					t.Errorf("a token for %s was taken", name)
				}
			}
			if n := len(s.Proxy.Calls()) - before; n > 0 {
				t.Fatalf("%d calls reached proxy without consent", n)
			}
			var keys []string
			for range 2 {
				if r := callTool(t, session, deleteContract, json.RawMessage(`{"id":"5","confirm_token":"`+token+`"}`)); r.IsError {
					t.Fatal(textOf(t, r))
				}
				keys = append(keys, s.Proxy.Last().Key)
			}
			if keys[0] == "" || keys[0] != keys[1] {
				t.Errorf("idempotency keys %q: one consent must be one write", keys)
			}
		})
	}
	codes := 0
	for _, e := range s.Auth.Entries() {
		if e.GetCode() == "CONFIRMATION_REQUIRED" && e.GetStatus() == 409 {
			codes++
		}
	}
	if codes == 0 {
		t.Error("questions are not in the log")
	}
}

// A client that can ask its user does so, and the answer decides.
func TestElicitation(t *testing.T) {
	s := mcptest.Start(t)
	server := s.Create(t, `{"confirm_destructive":true}`)
	for answer, want := range map[string]bool{"accept": true, "decline": false, "cancel": false} {
		t.Run(answer, func(t *testing.T) {
			asked := ""
			client := sdk.NewClient(&sdk.Implementation{Name: "agent", Version: "1"}, &sdk.ClientOptions{
				ElicitationHandler: func(_ context.Context, r *sdk.ElicitRequest) (*sdk.ElicitResult, error) {
					asked = r.Params.Message
					return &sdk.ElicitResult{Action: answer, Content: map[string]any{}}, nil
				},
			})
			session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{Endpoint: server.URL, DisableStandaloneSSE: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer session.Close()
			before := len(s.Proxy.Calls())
			result := callTool(t, session, deleteContract, map[string]any{"id": 5})
			if !strings.Contains(asked, "torii.contracts.delete 5") {
				t.Errorf("asked %q", asked)
			}
			done := len(s.Proxy.Calls()) > before
			if done != want || result.IsError == want {
				t.Errorf("done %v, %s", done, textOf(t, result))
			}
			if want && s.Proxy.Last().Key == "" {
				t.Error("no idempotency key")
			}
		})
	}
	session := connectAgent(t, server.URL, "")
	if r := callTool(t, session, "update_a_torii_contract_by_id", map[string]any{"id": 5, "name": "x"}); r.IsError {
		t.Errorf("a call that destroys nothing must not be asked for: %s", textOf(t, r))
	}
}
