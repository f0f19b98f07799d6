package mcp_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/services/mcp/internal/mcptest"
)

// both are the two forms of a tool's answer.
func both(t *testing.T, got bounded) map[string]map[string]json.RawMessage {
	t.Helper()
	out := map[string]map[string]json.RawMessage{}
	for form, answer := range map[string][]byte{"structured": got.answer, "text": []byte(got.text)} {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(answer, &members); err != nil {
			t.Fatalf("%s: %s: %v", form, answer, err)
		}
		out[form] = members
	}
	return out
}

// TestD2AggregationsReachAgents asks every list that takes it for an aggregation.
func TestD2AggregationsReachAgents(t *testing.T) {
	s := mcptest.Start(t)
	url := s.Create(t, `{"methods":["read"]}`).URL
	for _, tool := range []string{"list_all_torii_users", "list_all_torii_apps", "list_all_torii_contracts"} {
		got := callRaw(t, url, "application/json, text/event-stream", tool, `{"limit":1,"aggs":"{\"field\":\"id\",\"aggregationType\":\"groupBy\"}"}`)
		for form, members := range both(t, got) {
			if string(members["aggregations"]) != mcptest.Aggregations {
				t.Errorf("%s: %s: %s", tool, form, members["aggregations"])
			}
		}
	}
}

// TestD4CustomListsHavePages passes limit and next_cursor of every custom method that answers a list, and has its envelope.
func TestD4CustomListsHavePages(t *testing.T) {
	s := mcptest.Start(t)
	url := s.Create(t, `{"methods":["torii_apps_search","torii_apps_similar","torii_apps_match"]}`).URL
	for tool, arguments := range map[string]string{
		"torii_apps_search":  `"q":"s"`,
		"torii_apps_similar": `"idApp":1`,
		"torii_apps_match":   `"apps":[{"name":"Slack"}]`,
	} {
		got := callRaw(t, url, "application/json, text/event-stream", tool, `{`+arguments+`,"limit":1,"next_cursor":"c"}`)
		if got.failed {
			t.Fatalf("%s: %s", tool, got.text)
		}
		for form, members := range both(t, got) {
			for name, want := range map[string]string{"next_cursor": `"more"`, "prev_cursor": "null", "result_count": "1", "limit": "1"} {
				if string(members[name]) != want {
					t.Errorf("%s: %s: %s is %s", tool, form, name, members[name])
				}
			}
		}
		sent, ok := s.Proxy.Last().Message.(*proxyv1.InvokeRequest)
		if !ok || sent.GetLimit() != 1 || sent.GetNextCursor() != "c" {
			t.Errorf("%s: sent %v", tool, sent)
		}
	}
}

// TestD7AgentsGetUnicode has records hold half a surrogate pair, as JSON can write it.
func TestD7AgentsGetUnicode(t *testing.T) {
	s := mcptest.Start(t)
	url := s.Create(t, `{"methods":["read"]}`).URL
	s.Proxy.Rows(2, 200)
	s.Proxy.Fill(`\ud800`)
	for tool, arguments := range map[string]string{"list_all_torii_users": `{"limit":2}`, "get_single_torii_user_by_id": `{"id":1}`} {
		for _, accept := range []string{"application/json, text/event-stream", "*/*"} {
			got := callRaw(t, url, accept, tool, arguments)
			if got.failed || !utf8.ValidString(got.text) || bytes.Contains(got.answer, []byte("ud800")) || strings.Contains(got.text, "ud800") {
				t.Errorf("%s: %.200s and %.200s", tool, got.text, got.answer)
			}
			if !strings.Contains(string(got.answer)+got.text, `\ufffd`) && !strings.Contains(got.text, "\uFFFD") {
				t.Errorf("%s: the text is gone: %.200s", tool, got.text)
			}
		}
	}
}
