package access

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// A Rule says who may call a procedure.
type Rule struct {
	// Service is the service that the grant must reach: auth, proxy, unified or mcp.
	Service string
	// Write says that the procedure changes something.
	Write bool
	// Kinds are the kinds of token that may call; nil means api and account.
	Kinds []string
	// Public says that no token is needed.
	Public bool
	// Deferred says that the handler itself tells reads from writes, by the operation called.
	Deferred bool
}

// A Watch says whether revocations are being followed; see [Client.AllowRead].
type Watch interface {
	AllowRead() error
	AllowWrite() error
}

// Authorise refuses a call that its rule does not allow: by kind of token, service, and read or write. What depends on the request, its account
// and its operation, the handler checks against the [Caller].
func Authorise(rules map[string]Rule, watch Watch) interceptor.Named {
	return interceptor.Named{Name: "authorise", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			rule, ok := rules[spec.Procedure]
			if !ok {
				return rpcerr.New(rpcerr.Unimplemented, "")
			}
			if err := allow(ctx, rule, watch); err != nil {
				return err
			}
			return next(ctx, spec, stream)
		}
	}}
}

func allow(ctx context.Context, rule Rule, watch Watch) error {
	if rule.Public {
		return nil
	}
	caller, ok := FromContext(ctx)
	if !ok {
		return rpcerr.New(rpcerr.Unauthenticated, "")
	}
	if err := rule.admits(caller); err != nil {
		return err
	}
	if watch == nil {
		return nil
	}
	if rule.Write {
		return watch.AllowWrite()
	}
	return watch.AllowRead()
}

func (r Rule) admits(caller *Caller) error {
	kinds := r.Kinds
	if kinds == nil {
		kinds = []string{KindAPI, KindAccount}
	}
	g := caller.Grant
	if err := r.admitsServer(caller); err != nil {
		return err
	}
	switch {
	case !slices.Contains(kinds, g.Kind):
		return rpcerr.Newf(rpcerr.PermissionDenied, "this call does not take %s tokens", g.Kind).
			WithFix("Use a token of kind " + strings.Join(kinds, " or ") + ".")
	// What a service calls on behalf of a caller is the service's own affair: the caller needs to reach only the one it called.
	case r.Service != "" && !caller.PassedOn && !g.MayService(r.Service):
		return rpcerr.Newf(rpcerr.PermissionDenied, "this token does not reach the %s service", r.Service)
	case r.Deferred:
		return nil
	case r.Write && !g.Write:
		return rpcerr.New(rpcerr.PermissionDenied, "this token is read-only")
	case !r.Write && !g.Read:
		return rpcerr.New(rpcerr.PermissionDenied, "this token is write-only")
	}
	return nil
}

// admitsServer refuses the bare token of an MCP server where the server demands more than the token: what stands behind its URL must not be open
// to who has only the URL. A grant passed on by mcp has met the demands.
func (r Rule) admitsServer(caller *Caller) error {
	switch {
	case caller.MCP == nil || r.Service == "mcp":
		return nil
	case caller.SecondTokenRequired:
		return rpcerr.New(rpcerr.Unauthenticated, "this MCP server demands an API token besides its own").
			WithFix("Send an API token of the environment in " + HeaderSecondToken + ".")
	case caller.ConfirmDestructive:
		return rpcerr.New(rpcerr.PermissionDenied, "calls of this MCP server may need to be confirmed").
			WithFix("Call its MCP endpoint.")
	}
	return nil
}

// RequireRules makes sure that every procedure of a server has a rule, so that a new one cannot be served unguarded by mistake.
func RequireRules(specs iter.Seq[connect.Spec], rules map[string]Rule) error {
	for spec := range specs {
		if _, ok := rules[spec.Procedure]; !ok {
			return fmt.Errorf("access: %s has no rule: say in the service's rules who may call it", spec.Procedure)
		}
	}
	return nil
}
