package unified_test

import (
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

func applications() *fakeProxy {
	return &fakeProxy{
		rows: map[string][]string{
			"apps": {
				`{"id":1,"name":"Salesforce","state":"sanctioned","isHidden":false}`,
				`{"id":2,"name":"Slack","state":"closed","isHidden":false}`,
				`{"id":3,"name":"Zoom","state":"our own","isHidden":true}`,
			},
			"user_applications": {
				`{"id":1,"name":"Salesforce","isUserRemovedFromApp":true,"state":"discovered"}`,
				`{"id":2,"name":"Slack","isUserRemovedFromApp":false,"state":"discovered"}`,
			},
			"application_users": {
				`{"idUser":11,"email":"a@x","status":"active","appName":"Slack"}`,
				`{"idUser":12,"email":"b@x","status":"deleted","appName":"Slack"}`,
				`{"idUser":13,"email":"c@x","status":"active","appName":"Slack","isUserRemovedFromApp":true}`,
				`{"idUser":14,"email":"d@x","status":"managed","appName":"Slack","isUserRemovedFromApp":false}`,
				`{"idUser":15,"email":"e@x","status":"active","appName":"Slack","isUserRemovedFromApp":false}`,
			},
			"roles": {
				`{"id":3,"name":"Read Only","usersCount":9}`, `{"id":1,"name":"Admin","usersCount":4}`, `{"id":2,"name":"IT Admin","usersCount":4}`,
			},
		},
		singles: map[string]string{
			"me":                  `{"id":1000,"companyName":"Stark industries","domain":"stark.com","creationTime":"2020-01-01T00:00:00.000Z"}`,
			"user_applications/1": `{"id":1,"name":"Salesforce","isUserRemovedFromApp":true,"state":"discovered"}`,
			"apps/1":              `{"id":1,"name":"Salesforce","state":"sanctioned"}`,
		},
	}
}

func TestAppsOfOrganisationAndOfUser(t *testing.T) {
	s := newStand(t, applications())
	apps := ssov1connect.NewAppServiceClient(s.client)
	all, err := apps.ListApps(as(t, "api"), &ssov1.ListAppsRequest{IntegratedAccountId: proto.String(account)})
	if err != nil {
		t.Fatal(err)
	}
	var status []string
	for _, a := range all.Result {
		status = append(status, a.GetStatus())
		if a.IsActive != nil {
			t.Errorf("%s: is_active without a user", a.GetName())
		}
	}
	if got := strings.Join(status, " "); got != "active inactive archived" {
		t.Errorf("status: %s", got)
	}
	own, err := apps.ListApps(as(t, "api"), &ssov1.ListAppsRequest{IntegratedAccountId: proto.String(account), UserId: proto.String("7"), IsActive: proto.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if len(own.Result) != 2 || own.Result[0].GetIsActive() || !own.Result[1].GetIsActive() || !contains(own.Meta.UpstreamFilters, "is_active") {
		t.Errorf("of a user: %v", own)
	}
	calls := s.proxy.taken()
	query, err := url.ParseQuery(strings.TrimPrefix(calls[1], "list user_applications?"))
	if err != nil || query.Get("id_user") != "7" || query.Get("isUserRemovedFromApp") != "false" {
		t.Errorf("the provider was asked %s", calls[1])
	}
	if _, err := apps.ListApps(as(t, "api"), &ssov1.ListAppsRequest{IntegratedAccountId: proto.String(account), IsActive: proto.Bool(true)}); code(err) != access.CodeUnsupportedFilter {
		t.Errorf("is_active without a user: %v", err)
	}
}

func TestAppGetAndUpdate(t *testing.T) {
	s := newStand(t, applications())
	apps := ssov1connect.NewAppServiceClient(s.client)
	one, err := apps.GetApp(as(t, "api"), &ssov1.GetAppRequest{IntegratedAccountId: proto.String(account), Id: "1", UserId: proto.String("7")})
	if err != nil || one.Result.GetIsActive() || one.Result.IsActive == nil {
		t.Fatalf("%v, %v", one, err)
	}
	if _, err = apps.GetApp(as(t, "api"), &ssov1.GetAppRequest{IntegratedAccountId: proto.String(account), Id: "1"}); err != nil {
		t.Fatal(err)
	}
	_, err = apps.UpdateApp(as(t, "api"), &ssov1.UpdateAppRequest{IntegratedAccountId: proto.String(account), Id: "1", UserId: "7", IsActive: proto.Bool(false)})
	if err != nil {
		t.Fatal(err)
	}
	calls := s.proxy.taken()
	if !strings.HasPrefix(calls[0], "get user_applications/1?") || !strings.HasPrefix(calls[1], "get apps/1?") || calls[2] != "update user_applications/1?id_user=7" {
		t.Errorf("calls: %q", calls)
	}
	if s.proxy.bodies[0] != `{"isUserRemovedFromApp":true}` {
		t.Errorf("inactive was sent as %s", s.proxy.bodies[0])
	}
}

func TestAppUsers(t *testing.T) {
	s := newStand(t, applications())
	users := ssov1connect.NewAppUserServiceClient(s.client)
	list, err := users.ListAppUsers(as(t, "api"), &ssov1.ListAppUsersRequest{IntegratedAccountId: proto.String(account), AppId: "5"})
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Result) != 5 || list.Result[0].Id != "11" || list.Result[0].Apps[0].GetId() != "5" || list.Result[0].Apps[0].GetName() != "Slack" {
		t.Errorf("%v", list)
	}
	one, err := users.GetAppUser(as(t, "api"), &ssov1.GetAppUserRequest{IntegratedAccountId: proto.String(account), Id: "13", AppId: "5"})
	if err != nil || one.Result.GetUsername() != "c@x" {
		t.Errorf("%v, %v", one, err)
	}
	_, err = users.GetAppUser(as(t, "api"), &ssov1.GetAppUserRequest{IntegratedAccountId: proto.String(account), Id: "99", AppId: "5"})
	if code(err) != access.CodeUpstreamNotFound {
		t.Errorf("%v", err)
	}
	if _, err = users.ListAppUsers(as(t, "api"), &ssov1.ListAppUsersRequest{IntegratedAccountId: proto.String(account)}); code(err) != rpcerr.ValidationFailed {
		t.Errorf("without app_id: %v", err)
	}
}

// A user is active as Torii's activeUsersCount counts: neither deleted nor managed, and not marked as removed.
func TestActiveAppUsers(t *testing.T) {
	s := newStand(t, applications())
	users := ssov1connect.NewAppUserServiceClient(s.client)
	for active, want := range map[bool]string{true: "11 active, 15 active", false: "12 deleted, 13 active, 14 managed"} {
		list, err := users.ListAppUsers(as(t, "api"), &ssov1.ListAppUsersRequest{IntegratedAccountId: proto.String(account), AppId: "5", IsActive: &active})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range list.Result {
			got = append(got, u.Id+" "+u.GetStatus())
			if u.GetIsActive() != active {
				t.Errorf("is_active=%t let %v through", active, u)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("is_active=%t: %q, want %s", active, got, want)
		}
		// Torii may leave the others out only where all that is wanted has one status.
		if narrowed := strings.Contains(s.proxy.taken()[0], "status=active"); narrowed != active {
			t.Errorf("is_active=%t: narrowed: %t", active, narrowed)
		}
	}
}

func TestOrganizations(t *testing.T) {
	s := newStand(t, applications())
	organizations := userdirectoryv1connect.NewOrganizationServiceClient(s.client)
	list, err := organizations.ListOrganizations(as(t, "api"), &userdirectoryv1.ListOrganizationsRequest{IntegratedAccountId: proto.String(account)})
	if err != nil || len(list.Result) != 1 || list.Result[0].GetName() != "Stark industries" || list.NextCursor != nil {
		t.Fatalf("%v, %v", list, err)
	}
	one, err := organizations.GetOrganization(as(t, "api"), &userdirectoryv1.GetOrganizationRequest{IntegratedAccountId: proto.String(account), Id: "1000"})
	if err != nil || one.Result.GetDomain() != "stark.com" {
		t.Fatalf("%v, %v", one, err)
	}
	none, err := organizations.ListOrganizations(as(t, "api"), &userdirectoryv1.ListOrganizationsRequest{IntegratedAccountId: proto.String(account), Name: proto.String("Hammer")})
	if err != nil || len(none.Result) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func TestRolesAreSortedHere(t *testing.T) {
	s := newStand(t, applications())
	roles := userdirectoryv1connect.NewRoleServiceClient(s.client)
	req := &userdirectoryv1.ListRolesRequest{IntegratedAccountId: proto.String(account), Sort: proto.String("users_count:asc,name:desc"), Limit: proto.Int32(1), Fields: proto.String("name")}
	var names []string
	for {
		res, err := roles.ListRoles(as(t, "api"), req)
		if err != nil {
			t.Fatal(err)
		}
		if res.Meta.GetSort() != "local" {
			t.Errorf("meta: %v", res.Meta)
		}
		for _, r := range res.Result {
			names = append(names, r.GetName())
			if r.UsersCount != nil {
				t.Error("the mask let users_count through")
			}
		}
		if req.NextCursor = res.NextCursor; req.NextCursor == nil {
			break
		}
	}
	if got := strings.Join(names, ", "); got != "IT Admin, Admin, Read Only" {
		t.Errorf("sorted: %s", got)
	}
}
