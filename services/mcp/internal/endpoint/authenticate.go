package endpoint

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	path = "/mcp"
	// challenge tells a client that it must bring a token.
	challenge       = `Bearer realm="sando"`
	headerChallenge = "Www-Authenticate"
)

type urlTokenKey struct{}

// hideToken moves a token from the path to where bearers stand, before anything is logged, traced or measured. An Authorization header beside it
// is the second token that a server may demand. It answers preflights too, which bring no token: they grant nothing, because the request itself
// is held to the allow-list of origins.
func hideToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, path), "/")
		clean := new(http.Request)
		*clean = *r
		clean.Header = r.Header.Clone()
		clean.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
		clean.RequestURI = path
		clean.Pattern = path
		clean.SetPathValue("token", "")
		if r.Method == http.MethodOptions {
			preflight(w, clean)
			return
		}
		if token != "" {
			if second, ok := access.BearerOf(r.Header.Get(access.HeaderAuthorization)); ok && clean.Header.Get(access.HeaderSecondToken) == "" {
				clean.Header.Set(access.HeaderSecondToken, second)
			}
			clean.Header.Set(access.HeaderAuthorization, "Bearer "+token)
			clean = clean.WithContext(context.WithValue(clean.Context(), urlTokenKey{}, true))
		}
		next.ServeHTTP(w, clean)
	})
}

// authenticate puts the caller into the context, and tells who is refused for want of a token what to bring.
func (e *Endpoint) authenticate(admit func(context.Context, *connect.CallInfo) (*access.Caller, error)) interceptor.Named {
	return interceptor.Named{Name: "authenticate", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			info, ok := connect.CallInfoForServerContext(ctx)
			if !ok {
				return rpcerr.New(rpcerr.Unauthenticated, "")
			}
			caller, err := admit(ctx, info)
			if err != nil {
				if rpcerr.CodeOf(err) == rpcerr.Unauthenticated {
					info.ResponseHeader().Set(headerChallenge, challenge)
				}
				return err
			}
			return next(access.WithCaller(ctx, caller), spec, stream)
		}
	}}
}

// server is the caller behind an MCP token. A token in the URL that is unknown, expired or revoked is as if there were nothing at that URL; as a
// bearer it is refused.
func (e *Endpoint) server(ctx context.Context, info *connect.CallInfo) (*access.Caller, error) {
	inURL := ctx.Value(urlTokenKey{}) != nil
	bearer, ok := access.BearerOf(info.RequestHeader().Get(access.HeaderAuthorization))
	if !ok {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "").
			WithFix("Use the URL that the MCP server was created with, or send its token as `Authorization: Bearer ...`.")
	}
	caller, err := e.o.Authenticator.Authenticate(ctx, bearer, info.RequestHeader().Get(access.HeaderSecondToken))
	switch {
	case inURL && (rpcerr.CodeOf(err) == rpcerr.Unauthenticated || err == nil && caller.MCP == nil):
		return nil, rpcerr.New(rpcerr.NotFound, "there is no MCP server here").
			WithFix("Check the URL; if it worked before, the server has expired or was removed.")
	case err != nil:
		return nil, err
	case caller.MCP == nil:
		return nil, rpcerr.New(rpcerr.Unauthenticated, "").WithFix("Send the token of an MCP server as `Authorization: Bearer ...`.")
	case caller.SecondTokenRequired:
		return nil, rpcerr.New(rpcerr.Unauthenticated, "this MCP server demands an API token besides its own").
			WithFix("Send an API token of the environment as `Authorization: Bearer ...`; where that header carries the MCP token, as `Sando-Api-Token`.")
	}
	return caller, nil
}

// admitOrigin refuses browsers whose page is not on the allow-list, and tells the others that they may read the answer. Programs send no Origin.
func (e *Endpoint) admitOrigin(w http.ResponseWriter, r *http.Request, caller *access.Caller) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	if !slices.Contains(caller.AllowedMCPOrigins, origin) && !slices.Contains(e.o.Origins, origin) {
		return rpcerr.New(rpcerr.PermissionDenied, "this browser origin may not call the MCP server").
			WithFix("Add the origin to allowed_mcp_origins of the environment.")
	}
	allowOrigin(w, origin)
	return nil
}

func preflight(w http.ResponseWriter, r *http.Request) {
	if origin := r.Header.Get("Origin"); origin != "" {
		allowOrigin(w, origin)
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", "POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, Sando-Api-Token, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, "+
			"Mcp-Session-Id, Last-Event-Id, Traceparent, Tracestate")
		h.Set("Access-Control-Max-Age", "600")
	}
	w.Header().Set("Allow", "POST, OPTIONS")
	w.WriteHeader(http.StatusNoContent)
}

func allowOrigin(w http.ResponseWriter, origin string) {
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Expose-Headers", "Sando-Request-Id, Mcp-Session-Id, Www-Authenticate, Retry-After")
	w.Header().Add("Vary", "Origin")
}
