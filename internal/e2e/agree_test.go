package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The same user, seen through the proxy, the unified model and an MCP tool, is the same, and a number above 2^53 is never rounded.
func TestProxyUnifiedAndMCPAgree(t *testing.T) {
	_, s := startDev(t)
	const id, key, number = "1001", "workday_employee_number", "9007199254740993"
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	read := func(target, path string) any {
		t.Helper()
		code, text := rest.do(t, "GET", target, s.apiToken, nil, nil)
		if code != http.StatusOK {
			t.Fatalf("GET %s: status %d: %s", target, code, text)
		}
		return must(t, decode(t, text), path)
	}
	account := "integrated_account_id=" + s.account
	session := connectAgent(t, s, "2025-11-25")
	// The text, because this client reads structured content into floating-point numbers.
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{
		Name: "list_all_torii_users", Arguments: map[string]any{"idUsers": id, "fields": "email,lifecycleStatus," + key},
	})
	if err != nil || result.IsError {
		t.Fatalf("%v: %s", err, textOf(result))
	}
	tool := decode(t, []byte(textOf(result)))

	for what, seen := range map[string]struct{ number, email, status any }{
		"proxy": {
			read("/proxy/users?idUsers="+id+"&fields="+key+"&"+account, "result.0."+key),
			read("/proxy/users/"+id+"?"+account, "result.email"), read("/proxy/users/"+id+"?"+account, "result.lifecycleStatus"),
		},
		"unified": {
			read("/unified/user-directory/users/"+id+"?"+account, "result.custom_fields."+key),
			read("/unified/user-directory/users/"+id+"?"+account, "result.emails.0.email"),
			read("/unified/user-directory/users/"+id+"?"+account, "result.lifecycle_status"),
		},
		"unified list": {
			read("/unified/user-directory/users?limit=2&"+account, "result.1.custom_fields."+key),
			read("/unified/user-directory/users?limit=2&"+account, "result.1.emails.0.email"),
			read("/unified/user-directory/users?limit=2&"+account, "result.1.lifecycle_status"),
		},
		"mcp": {must(t, tool, "result.0."+key), must(t, tool, "result.0.email"), must(t, tool, "result.0.lifecycleStatus")},
	} {
		if fmt.Sprint(seen.number) != number {
			t.Errorf("%s: %s is %v, want %s", what, key, seen.number, number)
		}
		if seen.email != "rahul.obrien1@stark.com" || seen.status != "active" {
			t.Errorf("%s: %v is %v", what, seen.email, seen.status)
		}
	}
}
