package e2e

import (
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Ten thousand users through the whole product: every answer stays below the bound of its server, says so where it was cut, and following the cursors
// gives each user once.
func TestAnAgentReadsTenThousandUsers(t *testing.T) {
	const users, bound = 10_000, 400_000
	_, s := startDev(t, "--users", "10000")
	_, _, s.mcpURL = newServer(t, s, `{"methods":["list_all_torii_users"],"max_result_bytes":400000}`)
	session := connectAgent(t, s, "2025-11-25")
	seen, arguments := make(map[any]bool), map[string]any{"limit": 1000}
	for calls := 1; ; calls++ {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "list_all_torii_users", Arguments: arguments})
		if err != nil || result.IsError {
			t.Fatalf("call %d: %v %s", calls, err, textOf(result))
		}
		if n := len(textOf(result)); n > bound {
			t.Errorf("call %d: %d bytes, the bound is %d", calls, n, bound)
		}
		page := decode(t, []byte(textOf(result)))
		for _, row := range must(t, page, "result").([]any) {
			id := row.(map[string]any)["id"]
			if seen[id] {
				t.Fatalf("user %v came twice", id)
			}
			seen[id] = true
		}
		next, _ := lookup(page, "next_cursor")
		if next == nil {
			break
		}
		arguments["next_cursor"] = next
	}
	if len(seen) != users {
		t.Errorf("%d users, want %d", len(seen), users)
	}
}
