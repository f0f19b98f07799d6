package unified_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/access"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/gen/sando/unified/mapping/v1/mappingv1connect"
	ssov1 "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	"github.com/sando-dev/sando/gen/sando/unified/sso/v1/ssov1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// lists are the lists of every resource, with what each needs.
func lists() map[string]struct {
	procedure string
	request   proto.Message
} {
	type list = struct {
		procedure string
		request   proto.Message
	}
	return map[string]list{
		"user-directory/users":         {userdirectoryv1connect.UserServiceListUsersProcedure, &userdirectoryv1.ListUsersRequest{CustomFields: proto.String("")}},
		"user-directory/roles":         {userdirectoryv1connect.RoleServiceListRolesProcedure, &userdirectoryv1.ListRolesRequest{}},
		"user-directory/organizations": {userdirectoryv1connect.OrganizationServiceListOrganizationsProcedure, &userdirectoryv1.ListOrganizationsRequest{}},
		"sso/apps":                     {ssov1connect.AppServiceListAppsProcedure, &ssov1.ListAppsRequest{}},
		"sso/apps of a user":           {ssov1connect.AppServiceListAppsProcedure, &ssov1.ListAppsRequest{UserId: proto.String("7")}},
		"sso/app_users":                {ssov1connect.AppUserServiceListAppUsersProcedure, &ssov1.ListAppUsersRequest{AppId: "5"}},
	}
}

// layered is a stand on which one resource is overridden.
type layered struct {
	*stand
	t               *testing.T
	model, resource string
	mappings        mappingv1connect.MappingServiceClient
}

func newLayered(t *testing.T, name string) *layered {
	proxy := applications()
	proxy.rows["users"] = directory().rows["users"][:3]
	model, resource, _ := strings.Cut(strings.TrimSuffix(name, " of a user"), "/")
	s := newStand(t, proxy)
	return &layered{stand: s, t: t, model: model, resource: resource, mappings: mappingv1connect.NewMappingServiceClient(s.client)}
}

func (l *layered) put(layer, override string) {
	l.t.Helper()
	req := &mappingv1.PutOverrideRequest{Model: l.model, Resource: l.resource, Layer: layer, Override: raw(override), Reason: "r"}
	if layer == accountLayer {
		req.IntegratedAccountId = proto.String(account)
	}
	if _, err := l.mappings.PutOverride(as(l.t, "api"), req); err != nil {
		l.t.Fatalf("%s: %v", override, err)
	}
}

func (l *layered) mapping() *mappingv1.GetMappingResponse {
	l.t.Helper()
	res, err := l.mappings.GetMapping(as(l.t, "api"), &mappingv1.GetMappingRequest{Model: l.model, Resource: l.resource, IntegratedAccountId: proto.String(account)})
	if err != nil {
		l.t.Fatal(err)
	}
	return res
}

// call lists with a change of the request.
func (l *layered) call(procedure string, request proto.Message, field, value string) (protoreflect.Message, *rpcerr.Error) {
	l.t.Helper()
	spec, _, res := messages(l.t, procedure)
	req := proto.Clone(request)
	fields := req.ProtoReflect().Descriptor().Fields()
	req.ProtoReflect().Set(fields.ByName("integrated_account_id"), protoreflect.ValueOfString(account))
	if field != "" {
		req.ProtoReflect().Set(fields.ByName(protoreflect.Name(field)), protoreflect.ValueOfString(value))
	}
	if err := l.client.CallUnary(as(l.t, "api"), spec, req, res); err != nil {
		return nil, table().From(err)
	}
	return res.ProtoReflect(), nil
}

// top is the output field that a filter is about.
func top(f *mappingv1.EffectiveFilter) string {
	var row struct{ Field string }
	if json.Unmarshal(f.Mapping.GetJson(), &row) != nil || row.Field == "" {
		row.Field = f.Name
	}
	return row.Field[:strings.IndexAny(row.Field+".", ".[")]
}

// patches removes or changes all rows of an output field; the second is false where that cannot be done by name.
func patches(m *mappingv1.GetMappingResponse, top string, remove bool) (string, bool) {
	rows := make(map[string]json.RawMessage)
	for _, f := range m.Fields {
		if f.Name[:strings.IndexAny(f.Name+".", ".[")] != top || f.Layer != "catalog" {
			continue
		}
		switch {
		case remove:
			rows[f.Name] = json.RawMessage("null")
		case f.Type == "boolean" || f.Type == "integer" || f.Type == "date-time":
			rows[f.Name] = json.RawMessage(`{"path":["/somewhereElse"],"convert":null,"cases":null}`)
		default:
			rows[f.Name] = json.RawMessage(`{"path":["/somewhereElse"],"each":null,"enum":null,"cases":null,"convert":null}`)
		}
		if strings.Contains(f.Name, "[]") && !remove {
			delete(rows, f.Name)
		}
	}
	b, err := json.Marshal(map[string]any{"fields": rows})
	return string(b), err == nil && len(rows) > 0
}

// Every filter of every resource whose field a layer changes runs in sando, and one whose field a layer removes is refused; the provider
// is asked for neither.
func TestD1FiltersOfChangedFields(t *testing.T) {
	for name, list := range lists() {
		for _, layer := range []string{environmentLayer, accountLayer} {
			l := newLayered(t, name)
			catalog := l.mapping()
			if _, err := l.call(list.procedure, list.request, "", ""); err != nil {
				t.Fatal(err)
			}
			plain := l.proxy.taken()
			tried := 0
			for _, f := range catalog.Filters {
				if f.Runs == "parameter" {
					continue
				}
				for _, remove := range []bool{false, true} {
					override, ok := patches(catalog, top(f), remove)
					if !ok {
						t.Fatalf("%s: %s is about no field", name, f.Name)
					}
					l.put(layer, override)
					tried++
					res, err := l.call(list.procedure, list.request, "filters", url.Values{f.Name: {valueFor(f.Name)}}.Encode())
					calls := l.proxy.taken()
					switch {
					case err != nil && err.Code == access.CodeUnsupportedFilter && !strings.Contains(err.Message, "removes") && !strings.Contains(string(f.Mapping.GetJson()), `"operation"`):
						t.Errorf("%s: %s without its field (%t): %v", name, f.Name, remove, err)
					case remove && err == nil:
						t.Errorf("%s by %s, which %s removes: %v", name, f.Name, layer, res)
					case remove && len(calls) > 0:
						t.Errorf("%s by %s: the provider was asked %q", name, f.Name, calls)
					case remove || err != nil && err.Code == access.CodeUnsupportedFilter:
					case err != nil:
						t.Errorf("%s by %s, which %s changes: %v", name, f.Name, layer, err)
					default:
						if got := metaList(res, "local_filters"); !slices.Equal(got, []string{f.Name}) || len(metaList(res, "upstream_filters")) > 0 {
							t.Errorf("%s by %s: meta says %v", name, f.Name, res)
						}
						if got := without(calls, "somewhereElse"); !slices.Equal(got, plain) {
							t.Errorf("%s by %s: the provider was asked %q instead of %q", name, f.Name, got, plain)
						}
					}
					l.put(layer, "null")
				}
			}
			if tried == 0 {
				t.Errorf("%s has no filters", name)
			}
		}
	}
}

// valueFor is a value that the filter takes.
func valueFor(name string) string {
	switch {
	case strings.HasPrefix(name, "created_at"):
		return "2020-01-01T00:00:00Z"
	case strings.HasPrefix(name, "is_"):
		return "true"
	default:
		return "active"
	}
}

func without(calls []string, key string) []string {
	var out []string
	for _, c := range calls {
		out = append(out, strings.ReplaceAll(c, ","+key, ""))
	}
	return out
}

func metaList(res protoreflect.Message, field string) []string {
	meta := res.Get(res.Descriptor().Fields().ByName("meta")).Message()
	list := meta.Get(meta.Descriptor().Fields().ByName(protoreflect.Name(field))).List()
	var out []string
	for i := range list.Len() {
		out = append(out, list.Get(i).String())
	}
	return out
}

// Every order of every resource by a field that a layer changes is sando's or refused, never the provider's.
func TestD1OrdersOfChangedFields(t *testing.T) {
	for name, list := range lists() {
		l := newLayered(t, name)
		catalog := l.mapping()
		meta, err := l.mappings.GetMeta(as(t, "api"), &mappingv1.GetMetaRequest{Model: l.model, Resource: l.resource})
		if err != nil || len(meta.Sort) == 0 {
			t.Fatalf("%s: %v, %v", name, meta, err)
		}
		for _, key := range meta.Sort {
			field := key
			if key == "email" {
				field = "emails"
			}
			for _, remove := range []bool{false, true} {
				override, ok := patches(catalog, field, remove)
				if !ok || key == "id" {
					continue
				}
				l.put(accountLayer, override)
				l.proxy.taken()
				res, err := l.call(list.procedure, list.request, "sort", key+":desc")
				if calls := l.proxy.taken(); strings.Contains(strings.Join(calls, " "), "sort=") {
					t.Errorf("%s by %s: the provider was asked %q", name, key, calls)
				}
				switch {
				case err != nil && err.Code == access.CodeUnsupportedFilter && strings.Contains(err.Message, "the override of the account"):
				case err != nil || remove:
					t.Errorf("%s by %s (removed: %t): %v, %v", name, key, remove, res, err)
				default:
					m := res.Get(res.Descriptor().Fields().ByName("meta")).Message()
					if got := m.Get(m.Descriptor().Fields().ByName("sort")).String(); got != "local" {
						t.Errorf("%s by %s ran %s", name, key, got)
					}
				}
				l.put(accountLayer, "null")
			}
		}
	}
}

// The case that was seen: offboarding counts as inactive, and the filter finds all who are shown so, on every transport and page size.
func TestD1StatusByExpression(t *testing.T) {
	for _, layer := range []string{environmentLayer, accountLayer} {
		m := newMapper(t)
		var rows []string
		for i := range 13 {
			rows = append(rows, strings.Replace(person(100+i, ""), `"lifecycleStatus":"active"`, `"lifecycleStatus":"`+[]string{"active", "offboarding", "offboarded"}[i%3]+`"`, 1))
		}
		m.proxy.rows["users"] = rows
		m.put(layer, `{"fields":{"status":{"expression":"record.lifecycleStatus == \"active\" ? \"active\" : \"inactive\"","cases":null,"enum":null}}}`)
		h := handler(t, m.stand)
		for _, limit := range []int{1, 2, 3, 1000} {
			seen, cursor := 0, ""
			for pages := 0; pages < 20; pages++ {
				status, a := get(t, h, "api", fmt.Sprintf("/unified/user-directory/users?integrated_account_id=%s&status=inactive&limit=%d%s", account, limit, cursor))
				if status != http.StatusOK || !slices.Equal(a.Meta.LocalFilters, []string{"status"}) {
					t.Fatalf("%d %+v", status, a)
				}
				for _, u := range a.Result {
					if u["status"] != "inactive" {
						t.Errorf("a record of %v", u)
					}
				}
				if seen += len(a.Result); a.NextCursor == nil {
					break
				}
				cursor = "&next_cursor=" + url.QueryEscape(*a.NextCursor)
			}
			if seen != 8 {
				t.Errorf("%d of 8 by %d", seen, limit)
			}
		}
		for _, call := range m.proxy.taken() {
			if strings.Contains(call, "lifecycleStatus=") {
				t.Errorf("narrowed by another field: %s", call)
			}
		}
	}
}

// A dry run says what becomes of filters and orders.
func TestD1DryRunWarns(t *testing.T) {
	m := newMapper(t)
	res, err := m.mappings.DryRun(as(t, "api"), &mappingv1.DryRunRequest{
		Model: "user-directory", Resource: "users", Layer: accountLayer, IntegratedAccountId: account,
		Override: raw(`{"fields":{"status":{"enum":{"active":"enabled"}},"first_name":null,"lifecycle_status":{"path":["/departmentName"]},"custom.team":{"path":["/departmentName"]}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(res.Warnings, "\n")
	for _, want := range []string{
		"the filter status reads whole pages: the override of the account changes the field status",
		"the filter status takes only active, deleted, enabled, inactive",
		"the filter first_name is refused: the override of the account removes the field first_name",
		"the filter lifecycle_status runs local instead of upstream",
		"by first_name is refused",
		"by lifecycle_status runs local instead of upstream",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if res, err = m.mappings.DryRun(as(t, "api"), &mappingv1.DryRunRequest{
		Model: "user-directory", Resource: "users", Layer: accountLayer, IntegratedAccountId: account, Override: raw(`{"fields":{"status":{"description":"D."}}}`),
	}); err != nil || len(res.Warnings) > 0 {
		t.Errorf("a description alone: %v, %v", res, err)
	}
}

// A cursor of a list that sando filters ends with the mapping that it was made under.
func TestD1CursorsEndWithTheMapping(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"fields":{"status":{"enum":{"active":"enabled"}}}}`)
	req := &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Status: proto.String("enabled"), Limit: proto.Int32(1), CustomFields: proto.String("")}
	res, err := m.users.ListUsers(as(t, "api"), req)
	if err != nil || res.NextCursor == nil {
		t.Fatal(res, err)
	}
	req.NextCursor = res.NextCursor
	if _, err = m.users.ListUsers(as(t, "api"), req); err != nil {
		t.Fatal(err)
	}
	m.put(accountLayer, `{"fields":{"status":{"enum":{"offboarding":"enabled"}}}}`)
	if _, err = m.users.ListUsers(as(t, "api"), req); code(err) != access.CodeCursorInvalid {
		t.Errorf("under another mapping: %v", err)
	}
}

// Added fields and the organisation's own are filtered by and selected, and nothing else of their objects comes along.
func TestD1CustomFields(t *testing.T) {
	m := newMapper(t)
	m.proxy.rows["users"] = []string{
		person(1, `,"departmentName":"R&D","cost":"10"`), person(2, `,"departmentName":"Sales","cost":10.0`), person(3, `,"departmentName":"R&D"`),
	}
	m.put(environmentLayer, `{"fields":{"custom.team":{"path":["/departmentName"]},"custom.mail":{"path":["/email"]},"custom.n":{"path":["/id"],"convert":"int"}}}`)
	h := handler(t, m.stand)
	for _, test := range []struct {
		query, want string
	}{
		{"custom.team=R%26D", "1 3"},
		{"filters=custom.team%3DSales", "2"},
		{"custom.mail=TONY2@stark.com", "2"},
		{"custom.n=3", "3"},
		{"custom_fields.departmentName=Sales", "2"},
		{"custom_fields.cost=10", "1 2"},
		{"custom_fields.cost=10&custom_fields=", "1 2"},
		{"custom_fields.cost=10&fields=name", "1 2"},
		{"custom_fields.departmentName=R%26D&custom.team=R%26D&limit=1", "1"},
	} {
		status, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id="+account+"&"+test.query)
		var ids []string
		for _, u := range a.Result {
			ids = append(ids, u["id"].(string))
			if _, shown := u["custom_fields"]; shown && (strings.Contains(test.query, "custom_fields=") || strings.Contains(test.query, "fields=name")) {
				t.Errorf("%s shows %v", test.query, u)
			}
		}
		if status != http.StatusOK || strings.Join(ids, " ") != test.want {
			t.Errorf("%s: %d %q, want %s; %+v", test.query, status, ids, test.want, a)
		}
	}
	for query, want := range map[string]struct{ code, text, fix string }{
		"custom.taem=x":                      {"UNSUPPORTED_FILTER", "custom.taem", "custom.team"},
		"custom_fields.departmentNam=x":      {"UNSUPPORTED_FILTER", "departmentNam", "custom_fields.departmentName"},
		"custom_fields.cost=cheap":           {"VALIDATION_FAILED", "custom_fields.cost", ""},
		"fields=custom.taem":                 {"VALIDATION_FAILED", "custom.taem", "custom.team"},
		"fields=custom_fields.departmentNam": {"VALIDATION_FAILED", "departmentNam", "departmentName"},
		"fields=nmae":                        {"VALIDATION_FAILED", "nmae", "name"},
		"custom.team=":                       {"VALIDATION_FAILED", "custom.team", ""},
	} {
		status, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id="+account+"&"+query)
		if status != http.StatusBadRequest || a.Code != want.code || !strings.Contains(a.Message, want.text) || !strings.Contains(a.Fix, want.fix) {
			t.Errorf("%s: %d %+v", query, status, a)
		}
	}
	for _, limit := range []string{"", "&status=active"} {
		_, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id="+account+"&fields=custom.team,custom_fields.cost"+limit)
		b, err := json.Marshal(a.Result)
		if err != nil || string(b) != `[{"custom":{"team":"R\u0026D"},"custom_fields":{"cost":10},"id":"1"},{"custom":{"team":"Sales"},"custom_fields":{"cost":10},"id":"2"},{"custom":{"team":"R\u0026D"},"custom_fields":{},"id":"3"}]` {
			t.Errorf("selected: %s", b)
		}
	}
	if _, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id="+account+"&sort=custom.team:desc,custom.n:desc"); len(a.Result) != 3 || a.Result[0]["id"] != "2" || a.Result[1]["id"] != "3" {
		t.Errorf("sorted: %+v", a)
	}
}

// What a mask leaves out is in no message, whatever the transport.
func TestD1MaskIsOfTheMessage(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"fields":{"custom.team":{"path":["/departmentName"]}}}`)
	for _, filter := range []*string{nil, proto.String("active")} {
		res, err := m.users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{
			IntegratedAccountId: proto.String(account), Limit: proto.Int32(1), Fields: proto.String("name, custom.team"), Status: filter,
		})
		if err != nil {
			t.Fatal(err)
		}
		one, err := m.users.GetUser(as(t, "api"), &userdirectoryv1.GetUserRequest{IntegratedAccountId: proto.String(account), Id: "1000", Fields: proto.String("name,custom.team")})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range []*userdirectoryv1.User{res.Result[0], one.Result} {
			var names []string
			u.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
				names = append(names, string(fd.Name()))
				return true
			})
			slices.Sort(names)
			if strings.Join(names, " ") != "custom id name" || string(u.Custom.GetJson()) != `{"team":"R&D"}` {
				t.Errorf("%v", u)
			}
		}
	}
}
