package mcp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// bounded is a result as it was sent.
type bounded struct {
	bytes  int // of the whole message
	failed bool
	text   string
	answer json.RawMessage
}

// callRaw calls a tool over HTTP. Accepting anything leaves the call to the SDK; what agents send is answered ahead of it.
func callRaw(t *testing.T, url, accept, tool, arguments string) bounded {
	t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, arguments)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	sent, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var message struct {
		Result struct {
			Content []struct{ Text string }
			IsError bool            `json:"isError"`
			Answer  json.RawMessage `json:"structuredContent"`
		}
	}
	if err := json.Unmarshal(sent, &message); err != nil || len(message.Result.Content) != 1 {
		t.Fatalf("%s: %d %.300s: %v", tool, res.StatusCode, sent, err)
	}
	return bounded{
		bytes: len(sent), failed: message.Result.IsError, text: message.Result.Content[0].Text, answer: message.Result.Answer,
	}
}

// within checks one answer against its bound, and that it was not refused when there was room.
func within(t *testing.T, what string, got bounded, bound int) {
	t.Helper()
	if got.bytes > bound {
		t.Errorf("%s: %d bytes", what, got.bytes)
	}
	if got.failed && !strings.Contains(got.text, "RESULT_TOO_LARGE") {
		t.Errorf("%s: %s", what, got.text)
	}
	if !got.failed && string(got.answer) != got.text {
		t.Errorf("%s: the text differs from the structured content", what)
	}
}

// max_result_bytes counts the result as it is sent: every answer stays below it, whatever the tool, the way it is answered, and what makes its text
// longer than its structured content. What fits is not refused.
func TestE5ResultBound(t *testing.T) {
	s := mcptest.Start(t)
	const bound = 20_000
	config := `"max_result_bytes":20000}`
	torii, unified := s.Create(t, `{`+config).URL, s.Create(t, `{"tags":["unified"],`+config).URL
	discovery := s.Create(t, `{"tool_exposure":"discovery","tags":["contracts","extended","unified","users"],`+config).URL
	for _, way := range []struct{ name, accept string }{{"ahead of the SDK", "application/json, text/event-stream"}, {"by the SDK", "*/*"}} {
		for _, piece := range []string{"x", `\"`, `\\`, "<", `\n`, "\u2028", "ü"} {
			s.Proxy.Fill(piece)
			most := 0
			for _, size := range []int{80, 400, 3_000, 4_500, 4_900, 6_300, 6_600, 7_500, 9_000, 9_400, 9_700, 9_900, 12_000, 21_000} {
				s.Proxy.Rows(300, size)
				for _, c := range []struct{ url, tool, arguments string }{
					{torii, "list_all_torii_users", `{}`},
					{torii, "list_all_torii_users", `{"limit":200}`},
					{torii, "get_single_torii_user_by_id", `{"id":7}`},
					{discovery, "call_tool", `{"name":"list_all_torii_users","arguments":{"limit":200}}`},
				} {
					what := fmt.Sprintf("%s of %d times %q, %s", c.tool, size, piece, way.name)
					got := callRaw(t, c.url, way.accept, c.tool, c.arguments)
					within(t, what, got, bound)
					if !got.failed {
						most = max(most, got.bytes)
					}
					if got.failed && size < bound/4 {
						t.Errorf("%s is refused: %s", what, got.text)
					}
				}
			}
			if most < bound*3/4 {
				t.Errorf("%q, %s: the longest answer has %d bytes, there was room for more", piece, way.name, most)
			}
		}
		for _, c := range []struct{ url, tool, arguments string }{
			{unified, "list_all_unified_users", `{"limit":1000}`},
			{unified, "list_all_unified_users", `{"limit":1000,"remote_data":true}`},
			{unified, "get_single_unified_user_by_id", `{"id":7}`},
			{discovery, "search_tools", `{"query":""}`},
			{discovery, "search_tools", `{"query":"user"}`},
			{discovery, "get_tool_schema", `{"name":"create_a_torii_contract"}`},
			{discovery, "get_tool_schema", `{"name":"list_all_unified_users"}`},
		} {
			got := callRaw(t, c.url, way.accept, c.tool, c.arguments)
			within(t, c.tool+", "+way.name, got, bound)
			if got.failed {
				t.Errorf("%s, %s is refused: %s", c.tool, way.name, got.text)
			}
		}
	}
}

// A search that finds more tools than have room gives the best and says so; a schema that has no room is refused with advice.
func TestE5DiscoveryWithLittleRoom(t *testing.T) {
	s := mcptest.Start(t)
	const accept = "application/json, text/event-stream"
	for _, bound := range []int{1_000, 3_000, 6_000, 12_000} {
		url := s.Create(t, fmt.Sprintf(`{"tool_exposure":"discovery","max_result_bytes":%d}`, bound)).URL
		got := callRaw(t, url, accept, "search_tools", `{"query":"users"}`)
		if !got.failed && (got.bytes > bound || !strings.Contains(got.text, "narrow the query")) || got.failed && !strings.Contains(got.text, "Raise max_result_bytes") {
			t.Errorf("%d: search has %d bytes: %s", bound, got.bytes, got.text)
		}
		got = callRaw(t, url, accept, "get_tool_schema", `{"name":"list_all_torii_apps"}`)
		if !got.failed && got.bytes > bound || got.failed && !strings.Contains(got.text, "RESULT_TOO_LARGE") {
			t.Errorf("%d: the schema has %d bytes: %s", bound, got.bytes, got.text)
		}
	}
}

// The answer to a write comes after the write, so its refusal must not read as if nothing had happened.
func TestE5WriteWithTooLargeAnAnswer(t *testing.T) {
	s := mcptest.Start(t)
	url := s.Create(t, `{"max_result_bytes":1000}`).URL
	got := callRaw(t, url, "application/json, text/event-stream", "update_a_torii_app_by_id", `{"id":7,"description":"`+strings.Repeat("long ", 300)+`"}`)
	if !got.failed || !strings.Contains(got.text, "was carried out") || !strings.Contains(got.text, "Do not repeat") {
		t.Error(got.text)
	}
}
