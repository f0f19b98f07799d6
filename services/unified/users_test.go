package unified_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// person is a user as Torii documents it.
func person(id int, more string) string {
	return fmt.Sprintf(`{"id":%d,"idOrg":10,"firstName":"Tony","lastName":"Stark","email":"tony%d@stark.com",`+
		`"creationTime":"2020-01-01T00:00:00.000Z","idRole":1,"role":"Admin","lifecycleStatus":"active",`+
		`"isDeletedInIdentitySources":false,"isExternal":false,"activeAppsCount":1,"additionalEmails":["tony@starkindustries.com"]%s}`, id, id, more)
}

// upstreamFilter applies Torii's simple filters.
func upstreamFilter(_ string, query url.Values, row string) bool {
	var fields map[string]any
	if err := json.Unmarshal([]byte(row), &fields); err != nil {
		return false
	}
	for _, name := range []string{"email", "lifecycleStatus", "isDeletedInIdentitySources"} {
		if query.Has(name) && fmt.Sprint(fields[name]) != query.Get(name) {
			return false
		}
	}
	if ids := query.Get("idUsers"); ids != "" && !slices.Contains(strings.Split(ids, ","), fmt.Sprintf("%.0f", fields["id"])) {
		return false
	}
	return true
}

func directory() *fakeProxy {
	proxy := &fakeProxy{
		filter: upstreamFilter,
		rows: map[string][]string{
			"user_custom_fields": {
				`{"id":1,"name":"Department","type":"singleLine","key":"departmentName","isDeleted":false}`,
				`{"id":2,"name":"Old","type":"singleLine","key":"old","isDeleted":true}`,
				`{"id":3,"name":"Cost","type":"number","key":"cost","isDeleted":false}`,
			},
		},
		singles: map[string]string{},
	}
	for i := range 250 {
		more := `,"departmentName":"R&D","cost":"9007199254740993"`
		row := person(1000+i, more)
		if i%2 == 1 {
			row = strings.Replace(row, `"isDeletedInIdentitySources":false`, `"isDeletedInIdentitySources":true`, 1)
		}
		proxy.rows["users"] = append(proxy.rows["users"], row)
		proxy.singles[fmt.Sprintf("users/%d", 1000+i)] = person(1000+i, "")
	}
	return proxy
}

func TestWalkUsers(t *testing.T) {
	s := newStand(t, directory())
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	seen := map[string]bool{}
	var cursor *string
	for pages := 1; ; pages++ {
		res, err := users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{
			IntegratedAccountId: proto.String(account), Limit: proto.Int32(100), NextCursor: cursor, CustomFields: proto.String(""),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range res.Result {
			seen[u.Id] = true
		}
		if res.GetTotal() != 250 || int(res.ResultCount) != len(res.Result) || res.Limit != 100 {
			t.Errorf("total %d, count %d of %d, limit %d", res.GetTotal(), res.ResultCount, len(res.Result), res.Limit)
		}
		if cursor = res.NextCursor; cursor == nil {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(seen) != 250 {
		t.Errorf("%d distinct users", len(seen))
	}
	for _, bearer := range s.proxy.bearers {
		if bearer != "Bearer signed-api" {
			t.Errorf("the proxy was called with %q instead of the caller's grant", bearer)
		}
	}
}

func TestLocalFilterResumesInsideAPage(t *testing.T) {
	proxy := directory()
	proxy.filter = nil // Torii ignores the hint
	s := newStand(t, proxy)
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	var ids []string
	req := &userdirectoryv1.ListUsersRequest{
		IntegratedAccountId: proto.String(account), Limit: proto.Int32(30), Status: proto.String("deleted"), Fields: proto.String("name"),
		CustomFields: proto.String(""),
	}
	for {
		res, err := users.ListUsers(as(t, "api"), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range res.Result {
			ids = append(ids, u.Id)
			if u.Status != nil || u.GetName() != "Tony Stark" || u.Emails != nil {
				t.Fatalf("the mask let through %v", u)
			}
		}
		if res.Total != nil || !contains(res.Meta.LocalFilters, "status") {
			t.Errorf("total %v, meta %v", res.Total, res.Meta)
		}
		if req.NextCursor = res.NextCursor; req.NextCursor == nil {
			break
		}
	}
	if len(ids) != 125 || len(slices.Compact(slices.Clone(ids))) != 125 || ids[0] != "1001" || ids[124] != "1249" {
		t.Errorf("%d ids: %v", len(ids), ids)
	}
	if call := s.proxy.taken()[0]; !strings.Contains(call, "isDeletedInIdentitySources=true") {
		t.Errorf("the hint did not reach the provider: %s", call)
	}
}

func TestLocalFilterReadsAtMostFivePages(t *testing.T) {
	proxy := &fakeProxy{rows: map[string][]string{}}
	for i := range 7000 {
		proxy.rows["users"] = append(proxy.rows["users"], person(i, ""))
	}
	s := newStand(t, proxy)
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	req := &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), RoleId: proto.String("none"), CustomFields: proto.String("")}
	res, err := users.ListUsers(as(t, "api"), req)
	if err != nil {
		t.Fatal(err)
	}
	if calls := len(s.proxy.taken()); calls != 5 || res.NextCursor == nil || len(res.Result) != 0 {
		t.Fatalf("%d calls, cursor %v, %d rows", calls, res.NextCursor, len(res.Result))
	}
	req.NextCursor = res.NextCursor
	if res, err = users.ListUsers(as(t, "api"), req); err != nil || res.NextCursor != nil {
		t.Fatalf("the rest: %v, cursor %v", err, res.GetNextCursor())
	}
}

func TestCustomFields(t *testing.T) {
	s := newStand(t, directory())
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	list, err := users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Limit: proto.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"departmentName":"R&D","cost":9007199254740993}`
	if got := string(list.Result[0].GetCustomFields().GetJson()); got != want {
		t.Errorf("list: %s", got)
	}
	one, err := users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{IntegratedAccountId: proto.String(account), Id: "1007"})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(one.Result.GetCustomFields().GetJson()); got != want || one.Result.Id != "1007" {
		t.Errorf("get: %s of %s", got, one.Result.Id)
	}
	calls := s.proxy.taken()
	const base = "idOrg,firstName,lastName,email,creationTime,idRole,role,lifecycleStatus,isDeletedInIdentitySources,isExternal,activeAppsCount,additionalEmails"
	wantCalls := []string{"list user_custom_fields", "list users?fields=" + base + ",departmentName,cost", "list users?fields=" + base + ",departmentName,cost&idUsers=1007"}
	if diff := cmp.Diff(wantCalls, calls); diff != "" {
		t.Error(diff)
	}
	some, err := users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{IntegratedAccountId: proto.String(account), Id: "1007", CustomFields: proto.String("cost")})
	if err != nil || string(some.Result.GetCustomFields().GetJson()) != `{"cost":9007199254740993}` {
		t.Errorf("chosen: %v, %v", some, err)
	}
	_, err = users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{IntegratedAccountId: proto.String(account), Id: "1007", CustomFields: proto.String("csot")})
	if code(err) != rpcerr.ValidationFailed || !strings.Contains(table().From(err).Fix, "cost") {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestCustomFieldsThatTheKeyMayNotSee(t *testing.T) {
	proxy := directory()
	proxy.fail = map[string]error{"user_custom_fields": table().Connect(rpcerr.New(access.CodeUpstreamForbidden, "no scope"), "r")}
	s := newStand(t, proxy)
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	req := &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Limit: proto.Int32(1)}
	res, err := users.ListUsers(as(t, "api"), req)
	if err != nil || res.Result[0].CustomFields != nil || res.Meta.Warnings != 1 {
		t.Fatalf("by default: %v, %v", res, err)
	}
	req.CustomFields = proto.String("cost")
	if _, err = users.ListUsers(as(t, "api"), req); code(err) != access.CodeUpstreamForbidden {
		t.Errorf("asked for by name: %v", err)
	}
}

func TestUpdateUser(t *testing.T) {
	s := newStand(t, directory())
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	for _, test := range []struct {
		name string
		req  *userdirectoryv1.UpdateUserRequest
		body string
		code rpcerr.Code
	}{
		{"inactive starts offboarding", &userdirectoryv1.UpdateUserRequest{Status: proto.String("inactive")}, `{"lifecycleStatus":"offboarding"}`, ""},
		{"active", &userdirectoryv1.UpdateUserRequest{Status: proto.String("active")}, `{"lifecycleStatus":"active"}`, ""},
		{"lifecycle", &userdirectoryv1.UpdateUserRequest{LifecycleStatus: proto.String("offboarded")}, `{"lifecycleStatus":"offboarded"}`, ""},
		{"both", &userdirectoryv1.UpdateUserRequest{Status: proto.String("active"), LifecycleStatus: proto.String("active")}, "", rpcerr.ValidationFailed},
		{"none", &userdirectoryv1.UpdateUserRequest{}, "", rpcerr.ValidationFailed},
		{"unknown", &userdirectoryv1.UpdateUserRequest{Status: proto.String("gone")}, "", rpcerr.ValidationFailed},
	} {
		s.proxy.bodies = nil
		test.req.Id, test.req.IntegratedAccountId = "1000", proto.String(account)
		res, err := users.UpdateUser(as(t, "api"), test.req)
		if code(err) != test.code {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if test.code != "" {
			if len(s.proxy.bodies) > 0 {
				t.Errorf("%s: was sent all the same", test.name)
			}
			continue
		}
		if s.proxy.bodies[0] != test.body || res.Result.Id != "1000" {
			t.Errorf("%s: sent %s, got %v", test.name, s.proxy.bodies[0], res)
		}
	}
	if _, err := users.UpdateUser(as(t, "read"), &userdirectoryv1.UpdateUserRequest{Id: "1000", IntegratedAccountId: proto.String(account), Status: proto.String("active")}); code(err) != rpcerr.PermissionDenied {
		t.Errorf("a read-only token: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	s := newStand(t, directory())
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	list := func(token string, change func(*userdirectoryv1.ListUsersRequest)) error {
		req := &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Limit: proto.Int32(10)}
		change(req)
		_, err := users.ListUsers(as(t, token), req)
		return err
	}
	first, err := users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Limit: proto.Int32(10)})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token  string
		change func(*userdirectoryv1.ListUsersRequest)
		want   rpcerr.Code
	}{
		"no account":              {"api", func(r *userdirectoryv1.ListUsersRequest) { r.IntegratedAccountId = nil }, access.CodeAccountRequired},
		"an account out of reach": {"else", func(*userdirectoryv1.ListUsersRequest) {}, access.CodeAccountNotFound},
		"a wrong token":           {"wrong", func(*userdirectoryv1.ListUsersRequest) {}, rpcerr.Unauthenticated},
		"a foreign filter":        {"api", func(r *userdirectoryv1.ListUsersRequest) { r.Filters = proto.String("shoe_size=42") }, access.CodeUnsupportedFilter},
		"an unknown field":        {"api", func(r *userdirectoryv1.ListUsersRequest) { r.Fields = proto.String("nmae") }, rpcerr.ValidationFailed},
		"an unknown order":        {"api", func(r *userdirectoryv1.ListUsersRequest) { r.Sort = proto.String("title") }, access.CodeUnsupportedFilter},
		"a limit over 1000":       {"api", func(r *userdirectoryv1.ListUsersRequest) { r.Limit = proto.Int32(1001) }, rpcerr.ValidationFailed},
		"a cursor of nothing":     {"api", func(r *userdirectoryv1.ListUsersRequest) { r.NextCursor = proto.String("abc") }, access.CodeCursorInvalid},
		"a cursor of another query": {"api", func(r *userdirectoryv1.ListUsersRequest) {
			r.NextCursor, r.Email = first.NextCursor, proto.String("x@y")
		}, access.CodeCursorInvalid},
		"a cursor with another limit": {"api", func(r *userdirectoryv1.ListUsersRequest) {
			r.NextCursor, r.Limit = first.NextCursor, proto.Int32(7)
		}, ""},
		"an account token": {"acct", func(r *userdirectoryv1.ListUsersRequest) { r.IntegratedAccountId = nil }, ""},
	} {
		if err := list(test.token, test.change); code(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	err = list("api", func(r *userdirectoryv1.ListUsersRequest) { r.Filters = proto.String("shoe_size=42") })
	if fix := table().From(err).Fix; !strings.Contains(fix, "created_at[gt]") || !strings.Contains(fix, "status") {
		t.Errorf("the fix does not name the filters: %s", fix)
	}
}

func TestProxyErrorsAreRelayed(t *testing.T) {
	proxy := directory()
	e := rpcerr.New(rpcerr.RateLimited, "wait a little")
	e.Origin = "torii"
	proxy.fail = map[string]error{"users": table().Connect(e, "r")}
	s := newStand(t, proxy)
	users := userdirectoryv1connect.NewUserServiceClient(s.client)
	_, err := users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account)})
	got := table().From(err)
	if got.Code != rpcerr.RateLimited || got.Message != "wait a little" || got.Origin != "torii" {
		t.Errorf("%+v", got)
	}
	_, err = users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{IntegratedAccountId: proto.String(account), Id: "77", CustomFields: proto.String("")})
	if got := table().From(err); got.Code != access.CodeUpstreamNotFound || got.Message != "Torii knows no such id" {
		t.Errorf("%+v", got)
	}
}
