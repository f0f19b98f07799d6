package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An agent customises a mapping: it tries an override, applies it, sees it in the records, and rolls it back. The version says that an agent made it.
func TestAnAgentBuildsAMapping(t *testing.T) {
	_, s := startDev(t)
	client := mcp.NewClient(&mcp.Implementation{Name: "builder", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: s.baseURL + "/mcp/builder", DisableStandaloneSSE: true, HTTPClient: &http.Client{Transport: bearer(s.apiToken)},
	}, &mcp.ClientSessionOptions{ProtocolVersion: "2026-07-28"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	a := &agent{session: session, tools: listTools(t, session), called: make(map[string]bool)}
	on := func(more map[string]any) map[string]any {
		arguments := map[string]any{"model": "user-directory", "resource": "users", "integrated_account_id": s.account}
		for k, v := range more {
			arguments[k] = v
		}
		return arguments
	}
	a.call(t, "get_schema", on(nil))
	a.call(t, "get_sample", on(map[string]any{"samples": 1}))
	a.call(t, "get_mapping", on(nil))
	override := map[string]any{"fields": map[string]any{"title": map[string]any{"constant": `"Hero"`}}}
	a.call(t, "dry_run_mapping", on(map[string]any{"layer": "account", "override": override}))
	a.call(t, "apply_override", on(map[string]any{"layer": "account", "override": override, "reason": "heroes"}))

	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	read := func(target, path string) any {
		t.Helper()
		_, text := rest.do(t, "GET", target+"?integrated_account_id="+s.account, s.apiToken, nil, nil)
		v, _ := lookup(decode(t, text), path)
		return v
	}
	waitUntil(t, "the override applies", func() bool { return read("/unified/user-directory/users/1001", "result.title") == "Hero" })
	author := fmt.Sprint(read("/unified/mappings/user-directory/users/versions", "result.0.author"))
	if !strings.HasPrefix(author, "agent:builder") {
		t.Errorf("the version's author is %q, want the agent", author)
	}
	a.call(t, "rollback_override", on(map[string]any{"layer": "account", "number": 0, "reason": "no heroes"}))
	waitUntil(t, "the override is gone", func() bool { return read("/unified/user-directory/users/1001", "result.title") == nil })
}

// bearer adds a token to every request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}
