package access

import (
	"context"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/grant"
)

// Kinds of token, as in [grant.Grant.Kind].
const (
	KindAPI     = "api"
	KindAccount = "account"
	KindMCP     = "mcp"
	KindLink    = "link"
)

// A Caller is an authenticated caller. It is shared by concurrent calls and never changed.
type Caller struct {
	// Grant is what the caller may do.
	Grant *grant.Grant
	// Bearer is the signed grant, to be passed on to other services in place of the token.
	Bearer string
	// PassedOn says that the bearer was a signed grant: another service has let the caller in, and calls on its behalf.
	PassedOn bool
	// MCP is the server behind an MCP token; nil for other kinds and for grants passed on.
	MCP *internalauthv1.McpServer
	// SecondTokenRequired says that the MCP server demands an API token that was not given, or is no good.
	SecondTokenRequired bool
	// ConfirmDestructive says that the MCP server has destructive calls confirmed, which only its MCP endpoint can do.
	ConfirmDestructive bool
	// AllowedMCPOrigins are the browser origins that the environment lets call MCP endpoints.
	AllowedMCPOrigins []string
}

type callerKey struct{}

// WithCaller puts the caller into the context.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// FromContext returns the caller; false when the call needed no token and brought none.
func FromContext(ctx context.Context) (*Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(*Caller)
	return c, ok
}
