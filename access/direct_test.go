package access

import (
	"testing"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// The bare token of an MCP server opens nothing below mcp where the server demands more than the token.
func TestBareServerTokensMeetTheServersDemands(t *testing.T) {
	rule := Rule{Service: "proxy", Kinds: []string{KindMCP}, Deferred: true}
	reach := &grant.Grant{Kind: KindMCP, Read: true, Write: true}
	for name, test := range map[string]struct {
		caller Caller
		want   rpcerr.Code
	}{
		"nothing more demanded":    {Caller{Grant: reach, MCP: &internalauthv1.McpServer{}}, ""},
		"a second token missing":   {Caller{Grant: reach, MCP: &internalauthv1.McpServer{}, SecondTokenRequired: true}, rpcerr.Unauthenticated},
		"confirmation demanded":    {Caller{Grant: reach, MCP: &internalauthv1.McpServer{}, ConfirmDestructive: true}, rpcerr.PermissionDenied},
		"a grant passed on by mcp": {Caller{Grant: reach, ConfirmDestructive: true, SecondTokenRequired: true}, ""},
	} {
		if got := codeOf(rule.admits(&test.caller)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestAConfigurationThatCannotBeReadDemandsTheMost(t *testing.T) {
	for config, want := range map[string]bool{
		"": false, "{}": false, `{"confirm_destructive":true}`: true, `{"confirm_destructive":false}`: false, "{": true,
	} {
		if got := confirms(&internalauthv1.McpServer{Config: []byte(config)}); got != want {
			t.Errorf("%q: %v, want %v", config, got, want)
		}
	}
}
