package rpc

import (
	"context"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	"github.com/sando-dev/sando/kit/mtls"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// PublicRules say who may call ProxyService. Whether a call reads or writes its operation says, not its procedure.
func PublicRules() map[string]access.Rule {
	rules := map[string]access.Rule{}
	for _, procedure := range []string{
		proxyv1connect.ProxyServiceListProcedure, proxyv1connect.ProxyServiceListAllProcedure,
		proxyv1connect.ProxyServiceGetProcedure, proxyv1connect.ProxyServiceCreateProcedure,
		proxyv1connect.ProxyServiceUpdateProcedure, proxyv1connect.ProxyServiceDeleteProcedure,
		proxyv1connect.ProxyServiceInvokeProcedure, proxyv1connect.ProxyServiceUploadProcedure,
		proxyv1connect.ProxyServiceDownloadProcedure, proxyv1connect.ProxyServiceCustomProcedure,
	} {
		rules[procedure] = access.Rule{
			Service: "proxy", Deferred: true,
			Kinds: []string{access.KindAPI, access.KindAccount, access.KindMCP},
		}
	}
	return rules
}

// InternalRules say who may call ProbeService: a service, judged by FromAuth, with no token.
func InternalRules() map[string]access.Rule {
	return map[string]access.Rule{internalproxyv1connect.ProbeServiceProbeCredentialProcedure: {Public: true}}
}

// FromAuth lets auth alone through. A call within the process has no peer and is trusted.
func FromAuth() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if info, ok := connecthttp.ServerInfoForContext(ctx); ok {
				if name := mtls.Caller(info.TLS()); name != "auth" {
					return rpcerr.Newf(rpcerr.PermissionDenied, "the service %q may not make this call", name)
				}
			}
			return next(ctx, spec, stream)
		}
	}
}
