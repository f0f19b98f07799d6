package rpc

import (
	"context"
	"slices"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/mtls"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// PublicRules say who may call the public procedures. All but one belong to the vendor's back end, which holds API tokens.
func PublicRules() map[string]access.Rule {
	api := []string{access.KindAPI}
	read := access.Rule{Service: "auth", Kinds: api}
	write := access.Rule{Service: "auth", Kinds: api, Write: true}
	return map[string]access.Rule{
		authv1connect.EnvironmentServiceListEnvironmentsProcedure:  read,
		authv1connect.EnvironmentServiceGetEnvironmentProcedure:    read,
		authv1connect.EnvironmentServiceUpdateEnvironmentProcedure: write,

		authv1connect.ApiTokenServiceListApiTokensProcedure:  read,
		authv1connect.ApiTokenServiceCreateApiTokenProcedure: write,
		authv1connect.ApiTokenServiceDeleteApiTokenProcedure: write,

		authv1connect.IntegratedAccountServiceListIntegratedAccountsProcedure:    read,
		authv1connect.IntegratedAccountServiceGetIntegratedAccountProcedure:      read,
		authv1connect.IntegratedAccountServiceGetCapabilitiesProcedure:           read,
		authv1connect.IntegratedAccountServiceGetMyIntegratedAccountProcedure:    {Service: "auth", Kinds: []string{access.KindAccount}},
		authv1connect.IntegratedAccountServiceCreateIntegratedAccountProcedure:   write,
		authv1connect.IntegratedAccountServiceUpdateIntegratedAccountProcedure:   write,
		authv1connect.IntegratedAccountServiceDeleteIntegratedAccountProcedure:   write,
		authv1connect.IntegratedAccountServiceReplaceCredentialsProcedure:        write,
		authv1connect.IntegratedAccountServiceValidateIntegratedAccountProcedure: write,
		authv1connect.IntegratedAccountServiceRefreshCredentialsProcedure:        write,
		authv1connect.IntegratedAccountServiceCreateAccountTokenProcedure:        write,

		authv1connect.LinkTokenServiceCreateLinkTokenProcedure: write,
		authv1connect.LogServiceListLogEntriesProcedure:        read,
	}
}

// InternalRules say which grants the internal procedures take. Kinds are wide here, since the caller's own mount has judged already; what
// keeps strangers out is Peers.
func InternalRules() map[string]access.Rule {
	public := access.Rule{Public: true}
	every := []string{access.KindAPI, access.KindAccount, access.KindMCP, access.KindLink}
	api := []string{access.KindAPI}
	return map[string]access.Rule{
		iv1.IntrospectionServiceIntrospectProcedure:      public,
		iv1.IntrospectionServiceListSigningKeysProcedure: public,
		iv1.RevocationServiceWatchRevocationsProcedure:   public,
		iv1.AuditServiceAppendAuditProcedure:             public,

		iv1.CredentialServiceLeaseCredentialProcedure:  {Kinds: every, Deferred: true},
		iv1.CredentialServiceReportCredentialProcedure: {Kinds: every, Deferred: true},
		iv1.AccountServiceGetAccountProcedure:          {Kinds: every, Deferred: true},

		iv1.McpServerRecordServiceCreateMcpServerRecordProcedure: {Service: "mcp", Kinds: api, Write: true},
		iv1.McpServerRecordServiceUpdateMcpServerRecordProcedure: {Service: "mcp", Kinds: api, Write: true},
		iv1.McpServerRecordServiceRotateMcpServerRecordProcedure: {Service: "mcp", Kinds: api, Write: true},
		iv1.McpServerRecordServiceDeleteMcpServerRecordProcedure: {Service: "mcp", Kinds: api, Write: true},
		iv1.McpServerRecordServiceListMcpServerRecordsProcedure:  {Service: "mcp", Kinds: api},
		iv1.McpServerRecordServiceGetMcpServerRecordProcedure:    {Service: "mcp", Kinds: api},
		iv1.McpServerRecordServiceTouchMcpServerRecordsProcedure: public,
		iv1.McpAnswerServiceRelayMcpAnswerProcedure:              public,
	}
}

// Callers are the services that may reach the internal mount.
func Callers() []string { return []string{"proxy", "unified", "mcp"} }

// peers says which services may call a procedure of the internal mount; nil is all of Callers.
func peers(procedure string) []string {
	switch procedure {
	case iv1.CredentialServiceLeaseCredentialProcedure, iv1.CredentialServiceReportCredentialProcedure:
		return []string{"proxy"}
	case iv1.McpServerRecordServiceCreateMcpServerRecordProcedure, iv1.McpServerRecordServiceUpdateMcpServerRecordProcedure,
		iv1.McpServerRecordServiceRotateMcpServerRecordProcedure, iv1.McpServerRecordServiceDeleteMcpServerRecordProcedure,
		iv1.McpServerRecordServiceListMcpServerRecordsProcedure, iv1.McpServerRecordServiceGetMcpServerRecordProcedure,
		iv1.McpServerRecordServiceTouchMcpServerRecordsProcedure, iv1.McpAnswerServiceRelayMcpAnswerProcedure:
		return []string{"mcp"}
	default:
		return Callers()
	}
}

// AuthorisePeers judges by the calling service first and by its rules then. A call within the process has no peer and is trusted; one that
// came over the network must show a certificate.
func AuthorisePeers(rules map[string]access.Rule) interceptor.Named {
	byRule := access.Authorise(rules, nil)
	return interceptor.Named{Name: byRule.Name, Server: func(next connect.ServerFunc) connect.ServerFunc {
		judged := byRule.Server(next)
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if info, ok := connecthttp.ServerInfoForContext(ctx); ok {
				if name := mtls.Caller(info.TLS()); !slices.Contains(peers(spec.Procedure), name) {
					return rpcerr.Newf(rpcerr.PermissionDenied, "the service %q may not make this call", name)
				}
			}
			return judged(ctx, spec, stream)
		}
	}}
}
