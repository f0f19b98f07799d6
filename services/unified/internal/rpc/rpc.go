// Package rpc holds the handlers of unified's public services. The data services are typed doors to the engine and do nothing themselves.
package rpc

import (
	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/gen/sando/unified/mapping/v1/mappingv1connect"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// service is the name of this service in grants.
const service = "unified"

// Register adds the services to a server.
func Register(server *connect.Server, e *engine.Engine, m Mapping) {
	userdirectoryv1connect.RegisterOrganizationServiceHandler(server, Organizations{e})
	userdirectoryv1connect.RegisterRoleServiceHandler(server, Roles{e})
	userdirectoryv1connect.RegisterUserServiceHandler(server, Users{e})
	ssov1connect.RegisterAppServiceHandler(server, Apps{e})
	ssov1connect.RegisterAppUserServiceHandler(server, AppUsers{e})
	mappingv1connect.RegisterMappingServiceHandler(server, m)
}

// Rules say who may call what. MCP tokens come in through the MCP service, which passes their grant on.
func Rules() map[string]access.Rule {
	data := []string{access.KindAPI, access.KindAccount, access.KindMCP}
	rules := make(map[string]access.Rule)
	for _, procedure := range []string{
		userdirectoryv1connect.OrganizationServiceListOrganizationsProcedure,
		userdirectoryv1connect.OrganizationServiceGetOrganizationProcedure,
		userdirectoryv1connect.RoleServiceListRolesProcedure,
		userdirectoryv1connect.RoleServiceGetRoleProcedure,
		userdirectoryv1connect.UserServiceListUsersProcedure,
		userdirectoryv1connect.UserServiceGetUserProcedure,
		ssov1connect.AppServiceListAppsProcedure,
		ssov1connect.AppServiceGetAppProcedure,
		ssov1connect.AppUserServiceListAppUsersProcedure,
		ssov1connect.AppUserServiceGetAppUserProcedure,
	} {
		rules[procedure] = access.Rule{Service: service, Kinds: data}
	}
	for _, procedure := range []string{
		userdirectoryv1connect.UserServiceUpdateUserProcedure,
		ssov1connect.AppServiceUpdateAppProcedure,
	} {
		rules[procedure] = access.Rule{Service: service, Kinds: data, Write: true}
	}
	manage := []string{access.KindAPI}
	for _, procedure := range []string{
		mappingv1connect.MappingServiceGetMappingProcedure,
		mappingv1connect.MappingServiceDryRunProcedure,
		mappingv1connect.MappingServiceExplainProcedure,
		mappingv1connect.MappingServiceListVersionsProcedure,
		mappingv1connect.MappingServiceGetMetaProcedure,
	} {
		rules[procedure] = access.Rule{Service: service, Kinds: manage}
	}
	for _, procedure := range []string{
		mappingv1connect.MappingServicePutOverrideProcedure,
		mappingv1connect.MappingServiceRollbackProcedure,
	} {
		rules[procedure] = access.Rule{Service: service, Kinds: manage, Write: true}
	}
	return rules
}

// Lists are the procedures that list a resource.
func Lists() map[string]resource.Name {
	return map[string]resource.Name{
		userdirectoryv1connect.OrganizationServiceListOrganizationsProcedure: organizations,
		userdirectoryv1connect.RoleServiceListRolesProcedure:                 roles,
		userdirectoryv1connect.UserServiceListUsersProcedure:                 users,
		ssov1connect.AppServiceListAppsProcedure:                             apps,
		ssov1connect.AppUserServiceListAppUsersProcedure:                     appUsers,
	}
}
