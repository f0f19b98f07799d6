package unified_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/gen/sando/unified/mapping/v1/mappingv1connect"
	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// textFilters are the fields of a request that filter by a text.
func textFilters(request protoreflect.MessageDescriptor) []string {
	shared := []string{"id", "integrated_account_id", "next_cursor", "fields", "sort", "custom_fields", "filters"}
	var names []string
	for i := range request.Fields().Len() {
		fd := request.Fields().Get(i)
		if name := string(fd.Name()); fd.Kind() == protoreflect.StringKind && fd.HasOptionalKeyword() && !slices.Contains(shared, name) {
			names = append(names, name)
		}
	}
	return names
}

func TestAnEmptyFilterIsRefused(t *testing.T) {
	s := newStand(t, directory())
	h := handler(t, s)
	for _, test := range []struct {
		procedure, path string
		request         proto.Message
	}{
		{userdirectoryv1connect.UserServiceListUsersProcedure, "/unified/user-directory/users?", &userdirectoryv1.ListUsersRequest{}},
		{userdirectoryv1connect.RoleServiceListRolesProcedure, "/unified/user-directory/roles?", &userdirectoryv1.ListRolesRequest{}},
		{userdirectoryv1connect.OrganizationServiceListOrganizationsProcedure, "/unified/user-directory/organizations?", &userdirectoryv1.ListOrganizationsRequest{}},
		{ssov1connect.AppServiceListAppsProcedure, "/unified/sso/apps?", &ssov1.ListAppsRequest{}},
		{ssov1connect.AppServiceGetAppProcedure, "/unified/sso/apps/1?", &ssov1.GetAppRequest{Id: "1"}},
		{ssov1connect.AppUserServiceListAppUsersProcedure, "/unified/sso/app_users?app_id=5&", &ssov1.ListAppUsersRequest{AppId: "5"}},
	} {
		spec, _, res := messages(t, test.procedure)
		fields := test.request.ProtoReflect().Descriptor().Fields()
		names := textFilters(test.request.ProtoReflect().Descriptor())
		if len(names) == 0 {
			t.Errorf("%s has no filters to try", test.procedure)
		}
		for _, name := range names {
			req := proto.Clone(test.request)
			req.ProtoReflect().Set(fields.ByName("integrated_account_id"), protoreflect.ValueOfString(account))
			req.ProtoReflect().Set(fields.ByName(protoreflect.Name(name)), protoreflect.ValueOfString(""))
			err := table().From(s.client.CallUnary(as(t, "api"), spec, req, res))
			if err.Code != rpcerr.ValidationFailed || !strings.Contains(err.Message, "is empty") {
				t.Errorf("%s by nothing as %s: %v", test.procedure, name, err)
			}
			status, a := get(t, h, "api", test.path+"integrated_account_id="+account+"&"+name+"=")
			if status != http.StatusBadRequest || a.Code != "VALIDATION_FAILED" {
				t.Errorf("%s%s=: %d %+v", test.path, name, status, a)
			}
		}
	}
	if calls := s.proxy.taken(); len(calls) > 0 {
		t.Errorf("the provider was asked all the same: %q", calls)
	}
}

// A filter with brackets, and one that only an override knows, are named as they are listed.
func TestAnEmptyFilterIsNamed(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"filters":{"departments[name]":{"runs":"local","expression":"true"}}}`)
	h := handler(t, m.stand)
	for _, name := range []string{"email", "emails[email]", "departments[name]", "created_at[gt]"} {
		status, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id="+account+"&"+url.QueryEscape(name)+"=")
		if status != http.StatusBadRequest || a.Code != "VALIDATION_FAILED" || !strings.Contains(a.Message, name) {
			t.Errorf("%s: %d %+v", name, status, a)
		}
	}
}

// A filter that there is not is named as the caller wrote it, whichever way it came.
func TestAnUnknownFilterIsNamed(t *testing.T) {
	h := handler(t, newStand(t, directory()))
	for query, want := range map[string]string{
		"roles[id]=1":               "roles[id]",
		"created_at[lg]=1":          "created_at[lg]",
		"roles_id=1":                "roles_id",
		"filters=roles%5Bid%5D%3D1": "roles[id]",
		"roles[id]=1&email=tony@x":  "roles[id]",
		"sso.apps=1":                "sso.apps",
	} {
		status, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id="+account+"&"+query)
		if status != http.StatusBadRequest || a.Code != "UNSUPPORTED_FILTER" || !strings.HasSuffix(a.Message, " by "+want) {
			t.Errorf("%s: %d %+v", query, status, a)
		}
	}
}

// Every list takes filters of overrides, and refuses the others by name.
func TestEveryListTakesFiltersOfOverrides(t *testing.T) {
	s := newStand(t, &fakeProxy{
		rows: map[string][]string{
			"users": {`{"id":1}`, `{"id":2}`}, "roles": {`{"id":1}`, `{"id":2}`}, "apps": {`{"id":1}`, `{"id":2}`}, "application_users": {`{"idUser":1}`, `{"idUser":2}`},
		},
		singles: map[string]string{"me": `{"id":1}`},
	})
	mappings, h := mappingv1connect.NewMappingServiceClient(s.client), handler(t, s)
	for path, record := range map[string]int{
		"user-directory/users": 1, "user-directory/roles": 1, "user-directory/organizations": 0, "sso/apps": 1, "sso/app_users": 1,
	} {
		model, resource, _ := strings.Cut(path, "/")
		query := "/unified/" + path + "?integrated_account_id=" + account + "&custom_fields=&app_id=5&not_id=1"
		if resource != "users" {
			query = strings.Replace(query, "&custom_fields=", "", 1)
		}
		if resource != "app_users" {
			query = strings.Replace(query, "&app_id=5", "", 1)
		}
		status, a := get(t, h, "api", query)
		if status != http.StatusBadRequest || a.Code != "UNSUPPORTED_FILTER" || !strings.Contains(a.Message, "not_id") {
			t.Errorf("%s before the override: %d %+v", path, status, a)
		}
		if _, err := mappings.PutOverride(as(t, "api"), &mappingv1.PutOverrideRequest{
			Model: model, Resource: resource, Layer: environmentLayer, Reason: "r",
			Override: raw(`{"filters":{"not_id":{"runs":"local","expression":"record.id != value","description":"Another id."}}}`),
		}); err != nil {
			t.Fatal(err)
		}
		status, a = get(t, h, "api", query)
		if status != http.StatusOK || len(a.Result) != record || !slices.Equal(a.Meta.LocalFilters, []string{"not_id"}) {
			t.Errorf("%s: %d %+v", path, status, a)
		}
	}
}
