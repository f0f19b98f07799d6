package access

import (
	"context"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
)

// Request headers that carry tokens.
const (
	HeaderAuthorization = "Authorization"
	// HeaderSecondToken carries the API token that an MCP server may demand besides the token in its URL.
	HeaderSecondToken = "Sando-Api-Token"
)

// HeaderUpstreamStatus is a header of answers to MCP grants: the status that the provider answered with last, for the record of the tool call.
const HeaderUpstreamStatus = "Sando-Upstream-Status"

// An Authenticator turns a bearer into a caller: auth by its store, everybody else by a [Client].
type Authenticator interface {
	// Authenticate answers the caller behind a token or a signed grant; second is the token of [HeaderSecondToken], or empty.
	// Every kind of bad bearer is the same UNAUTHENTICATED.
	Authenticate(ctx context.Context, bearer, second string) (*Caller, error)
}

// Authenticate puts the caller into the context. A call without a bearer passes through without a caller, for [Authorise] to judge.
func Authenticate(a Authenticator) interceptor.Named {
	return interceptor.Named{Name: "authenticate", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			info, ok := connect.CallInfoForServerContext(ctx)
			if !ok {
				return rpcerr.New(rpcerr.Unauthenticated, "")
			}
			bearer, ok := BearerOf(info.RequestHeader().Get(HeaderAuthorization))
			if !ok {
				return next(ctx, spec, stream)
			}
			caller, err := a.Authenticate(ctx, bearer, info.RequestHeader().Get(HeaderSecondToken))
			if err != nil {
				return err
			}
			return next(WithCaller(ctx, caller), spec, stream)
		}
	}}
}

// BearerOf reads the token of an Authorization header; the scheme is compared without case (RFC 9110 section 11.1).
func BearerOf(header string) (string, bool) {
	const scheme = "bearer "
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", false
	}
	token := strings.TrimSpace(header[len(scheme):])
	return token, token != ""
}

// BearerOut passes the caller's signed grant on to another service, which so decides by the same authority.
func BearerOut() connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			info, ok := connect.CallInfoForClientContext(ctx)
			if caller, known := FromContext(ctx); ok && known && !info.RequestHeader().Has(HeaderAuthorization) {
				info.RequestHeader().Set(HeaderAuthorization, "Bearer "+caller.Bearer)
			}
			return next(ctx, spec)
		}
	}
}

// Outgoing is what every client of another service carries: trace, request id and the caller's grant.
func Outgoing(t telemetry.Telemetry) ([]connect.ClientInterceptor, error) {
	forward, err := interceptor.Forward(t)
	if err != nil {
		return nil, err
	}
	return []connect.ClientInterceptor{forward, BearerOut()}, nil
}
