package rpc

import (
	"context"

	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// The resources of the model.
var (
	organizations = resource.Name{Model: "user-directory", Resource: "organizations"}
	roles         = resource.Name{Model: "user-directory", Resource: "roles"}
	users         = resource.Name{Model: "user-directory", Resource: "users"}
)

// Organizations serves the organisations of an account.
type Organizations struct {
	engine *engine.Engine
}

// ListOrganizations returns one page.
func (s Organizations) ListOrganizations(ctx context.Context, req *userdirectoryv1.ListOrganizationsRequest) (*userdirectoryv1.ListOrganizationsResponse, error) {
	res := new(userdirectoryv1.ListOrganizationsResponse)
	return res, s.engine.List(ctx, organizations, req, res)
}

// GetOrganization returns one record.
func (s Organizations) GetOrganization(ctx context.Context, req *userdirectoryv1.GetOrganizationRequest) (*userdirectoryv1.GetOrganizationResponse, error) {
	res := new(userdirectoryv1.GetOrganizationResponse)
	return res, s.engine.Get(ctx, organizations, req, res)
}

// Roles serves the roles that users can hold.
type Roles struct {
	engine *engine.Engine
}

// ListRoles returns one page.
func (s Roles) ListRoles(ctx context.Context, req *userdirectoryv1.ListRolesRequest) (*userdirectoryv1.ListRolesResponse, error) {
	res := new(userdirectoryv1.ListRolesResponse)
	return res, s.engine.List(ctx, roles, req, res)
}

// GetRole returns one record.
func (s Roles) GetRole(ctx context.Context, req *userdirectoryv1.GetRoleRequest) (*userdirectoryv1.GetRoleResponse, error) {
	res := new(userdirectoryv1.GetRoleResponse)
	return res, s.engine.Get(ctx, roles, req, res)
}

// Users serves the people of an organisation.
type Users struct {
	engine *engine.Engine
}

// ListUsers returns one page.
func (s Users) ListUsers(ctx context.Context, req *userdirectoryv1.ListUsersRequest) (*userdirectoryv1.ListUsersResponse, error) {
	res := new(userdirectoryv1.ListUsersResponse)
	return res, s.engine.List(ctx, users, req, res)
}

// GetUser returns one record.
func (s Users) GetUser(ctx context.Context, req *userdirectoryv1.GetUserRequest) (*userdirectoryv1.GetUserResponse, error) {
	res := new(userdirectoryv1.GetUserResponse)
	return res, s.engine.Get(ctx, users, req, res)
}

// UpdateUser changes one record.
func (s Users) UpdateUser(ctx context.Context, req *userdirectoryv1.UpdateUserRequest) (*userdirectoryv1.UpdateUserResponse, error) {
	res := new(userdirectoryv1.UpdateUserResponse)
	return res, s.engine.Update(ctx, users, req, res)
}
