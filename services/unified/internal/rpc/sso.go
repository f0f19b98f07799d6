package rpc

import (
	"context"

	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// The resources of the model.
var (
	apps     = resource.Name{Model: "sso", Resource: "apps"}
	appUsers = resource.Name{Model: "sso", Resource: "app_users"}
)

// Apps serves the applications of an organisation or of one user.
type Apps struct {
	engine *engine.Engine
}

// ListApps returns one page.
func (s Apps) ListApps(ctx context.Context, req *ssov1.ListAppsRequest) (*ssov1.ListAppsResponse, error) {
	res := new(ssov1.ListAppsResponse)
	return res, s.engine.List(ctx, apps, req, res)
}

// GetApp returns one record.
func (s Apps) GetApp(ctx context.Context, req *ssov1.GetAppRequest) (*ssov1.GetAppResponse, error) {
	res := new(ssov1.GetAppResponse)
	return res, s.engine.Get(ctx, apps, req, res)
}

// UpdateApp changes one record.
func (s Apps) UpdateApp(ctx context.Context, req *ssov1.UpdateAppRequest) (*ssov1.UpdateAppResponse, error) {
	res := new(ssov1.UpdateAppResponse)
	return res, s.engine.Update(ctx, apps, req, res)
}

// AppUsers serves the users of an application.
type AppUsers struct {
	engine *engine.Engine
}

// ListAppUsers returns one page.
func (s AppUsers) ListAppUsers(ctx context.Context, req *ssov1.ListAppUsersRequest) (*ssov1.ListAppUsersResponse, error) {
	res := new(ssov1.ListAppUsersResponse)
	return res, s.engine.List(ctx, appUsers, req, res)
}

// GetAppUser returns one record.
func (s AppUsers) GetAppUser(ctx context.Context, req *ssov1.GetAppUserRequest) (*ssov1.GetAppUserResponse, error) {
	res := new(ssov1.GetAppUserResponse)
	return res, s.engine.Get(ctx, appUsers, req, res)
}
