package unified_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// provider filters users as Torii documents it.
func provider(_ string, query url.Values, row string) bool {
	var fields map[string]any
	if err := json.Unmarshal([]byte(row), &fields); err != nil {
		return false
	}
	for _, name := range []string{"lifecycleStatus", "isDeletedInIdentitySources", "isExternal", "firstName", "lastName", "status", "name", "category", "isUserRemovedFromApp"} {
		if query.Has(name) && fmt.Sprint(fields[name]) != query.Get(name) {
			return false
		}
	}
	if query.Has("email") && fields["email"] != strings.ToLower(query.Get("email")) {
		return false
	}
	var filters []struct{ Key, Op, Value string }
	if text := query.Get("filters"); text != "" && json.Unmarshal([]byte(text), &filters) != nil {
		return false
	}
	for _, f := range filters {
		have, _ := time.Parse(time.RFC3339, fmt.Sprint(fields[f.Key]))
		want, err := time.Parse(time.RFC3339Nano, f.Value)
		if n := have.Compare(want); err != nil || !map[string]bool{"gt": n > 0, "gte": n >= 0, "lt": n < 0, "lte": n <= 0}[f.Op] {
			return false
		}
	}
	return true
}

// shown are the values that a filter or an order of users sees in a record.
func shown(u *userdirectoryv1.User, name string) []string {
	var out []string
	one := func(s *string) {
		if s != nil {
			out = append(out, *s)
		}
	}
	switch name, _, _ = strings.Cut(name, "["); name {
	case "status":
		one(u.Status)
	case "lifecycle_status":
		one(u.LifecycleStatus)
	case "first_name":
		one(u.FirstName)
	case "last_name":
		one(u.LastName)
	case "username":
		one(u.Username)
	case "email", "emails":
		if len(u.Emails) > 0 {
			one(u.Emails[0].Email)
		}
	case "is_external":
		if u.IsExternal != nil {
			out = append(out, strconv.FormatBool(*u.IsExternal))
		}
	case "active_apps_count":
		if u.ActiveAppsCount != nil {
			out = append(out, fmt.Sprintf("%010d", *u.ActiveAppsCount))
		}
	case "role_id":
		for _, r := range u.Roles {
			one(r.Id)
		}
	case "organization_id":
		for _, o := range u.Organizations {
			one(o.Id)
		}
	case "created_at":
		if u.CreatedAt != nil {
			out = append(out, u.CreatedAt.AsTime().UTC().Format(time.RFC3339))
		}
	case "custom.team":
		var custom struct{ Team *string }
		if u.Custom != nil && json.Unmarshal(u.Custom.Json, &custom) == nil {
			one(custom.Team)
		}
	}
	return out
}

// holds says by itself whether a record passes a filter.
func holds(u *userdirectoryv1.User, name, value string) bool {
	_, operator, _ := strings.Cut(name, "[")
	return slices.ContainsFunc(shown(u, name), func(v string) bool {
		switch n := cmp.Compare(v, value); operator {
		case "gt]":
			return n > 0
		case "gte]":
			return n >= 0
		case "lt]":
			return n < 0
		case "lte]":
			return n <= 0
		}
		switch name {
		case "first_name", "last_name", "custom.team", "role_id", "organization_id":
			return v == value
		}
		return strings.EqualFold(v, value)
	})
}

// choices are what an override may make of a row.
var choices = map[string][]string{
	"status": {
		"null", `{"expression":"record.lifecycleStatus == \"active\" ? \"active\" : \"inactive\"","cases":null,"enum":null}`,
		`{"enum":{"active":"enabled","offboarding":"leaving"}}`, `{"path":["/departmentName"],"cases":null,"enum":null}`, `{"cases":null}`, `{"description":"D."}`,
	},
	"lifecycle_status":    {"null", `{"enum":{"offboarded":"gone"}}`, `{"path":["/departmentName"]}`, `{"convert":"lower"}`},
	"first_name":          {"null", `{"path":["/lastName"]}`, `{"expression":"record.firstName + \"!\""}`, `{"constant":"\"Ann\""}`},
	"last_name":           {"null", `{"path":["/departmentName","/lastName"]}`},
	"username":            {"null", `{"path":["/departmentName"]}`, `{"expression":"record.email + \".org\""}`},
	"emails[0].email":     {"null", `{"path":["/workEmail","/email"]}`},
	"is_external":         {"null", `{"convert":"not"}`, `{"path":["/isDeletedInIdentitySources"]}`},
	"active_apps_count":   {"null", `{"path":["/idRole"]}`},
	"roles[0].id":         {"null", `{"path":["/activeAppsCount"]}`},
	"organizations[0].id": {"null", `{"path":["/idRole"]}`},
	"created_at":          {"null", `{"path":["/hired"]}`},
	"custom.team":         {`{"path":["/departmentName"]}`, `{"path":["/lifecycleStatus"]}`},
}

func randomOverride(r *rand.Rand) string {
	rows := make(map[string]json.RawMessage)
	names := make([]string, 0, len(choices))
	for name := range choices {
		names = append(names, name)
	}
	slices.Sort(names)
	for range 1 + r.IntN(4) {
		name := names[r.IntN(len(names))]
		rows[name] = json.RawMessage(choices[name][r.IntN(len(choices[name]))])
	}
	b, err := json.Marshal(map[string]any{"fields": rows})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func randomPeople(r *rand.Rand, n int) []string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	rows := make([]string, n)
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":%d,"idOrg":10,"firstName":%s,"lastName":"%s","email":"%s%d@x.com","creationTime":"202%d-01-01T00:00:00Z","idRole":%d,"role":"R",`+
			`"lifecycleStatus":"%s","isDeletedInIdentitySources":%t,"isExternal":%t,"activeAppsCount":%d,"departmentName":%s,"hired":"201%d-01-01T00:00:00Z","workEmail":%s}`,
			100+i, pick(`"Ann"`, `"Bob"`, "null"), pick("Ann", "Stark"), pick("a", "b"), r.IntN(3), r.IntN(4), r.IntN(3),
			pick("active", "offboarding", "offboarded"), r.IntN(3) == 0, r.IntN(2) == 0, r.IntN(3), pick(`"active"`, `"Ann"`, "null"), r.IntN(4), pick(`"W@x.com"`, "null"))
	}
	return rows
}

// everyone walks a list.
func (m *mapper) everyone(req *userdirectoryv1.ListUsersRequest) ([]*userdirectoryv1.User, error) {
	req.IntegratedAccountId, req.CustomFields, req.NextCursor = proto.String(account), proto.String(""), nil
	var all []*userdirectoryv1.User
	for range 500 {
		res, err := m.users.ListUsers(as(m.t, "api"), req)
		if err != nil {
			return nil, err
		}
		all = append(all, res.Result...)
		if req.NextCursor = res.NextCursor; req.NextCursor == nil {
			return all, nil
		}
	}
	return nil, fmt.Errorf("the list of %v does not end", req)
}

func ids(users []*userdirectoryv1.User) string {
	var out []string
	for _, u := range users {
		out = append(out, u.Id)
	}
	return strings.Join(out, " ")
}

// Whatever the layers make of the fields: a filtered list is the list, filtered by what it shows, and a sorted one is sorted by what it shows.
func TestD1WhatIsShownDecides(t *testing.T) {
	filters := []string{
		"status", "lifecycle_status", "first_name", "last_name", "email", "emails[email]", "is_external", "role_id", "organization_id",
		"created_at[gt]", "created_at[gte]", "created_at[lt]", "created_at[lte]", "custom.team",
	}
	orders := []string{"first_name", "last_name", "username", "email", "created_at", "lifecycle_status", "active_apps_count", "status", "is_external", "custom.team"}
	r := rand.New(rand.NewPCG(7, 11))
	m := newMapper(t)
	m.proxy.filter = provider
	m.proxy.order = true
	tested, refused, sorted := 0, 0, 0
	for range 25 {
		m.proxy.rows["users"] = randomPeople(r, 1+r.IntN(25))
		env, acct := "null", "null"
		if r.IntN(3) > 0 {
			env = randomOverride(r)
		}
		if r.IntN(3) > 0 {
			acct = randomOverride(r)
		}
		m.put(accountLayer, "null")
		m.put(environmentLayer, env)
		if _, err := m.try(accountLayer, acct); err != nil {
			acct = "null" // it removes what the environment removed
		}
		all, err := m.everyone(&userdirectoryv1.ListUsersRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range filters {
			values := []string{"active", "true", "2020-01-01T00:00:00Z"}
			for _, u := range all {
				values = append(values, shown(u, name)...)
			}
			value := values[r.IntN(len(values))]
			if strings.HasPrefix(name, "created_at") {
				value = fmt.Sprintf("20%d%d-01-01T00:00:00Z", 1+r.IntN(2), r.IntN(4))
			}
			var want []*userdirectoryv1.User
			for _, u := range all {
				if holds(u, name, value) {
					want = append(want, u)
				}
			}
			got, err := m.everyone(&userdirectoryv1.ListUsersRequest{Limit: proto.Int32(int32(1 + r.IntN(30))), Filters: proto.String(url.Values{name: {value}}.Encode())})
			switch {
			case code(err) == access.CodeUnsupportedFilter, code(err) == rpcerr.ValidationFailed:
				if refused++; len(want) > 0 {
					t.Errorf("%s=%s under %s and %s: %v, but %s show it", name, value, env, acct, err, ids(want))
				}
			case err != nil:
				t.Fatalf("%s=%s under %s and %s: %v", name, value, env, acct, err)
			default:
				if tested++; ids(got) != ids(want) {
					t.Errorf("%s=%s under %s and %s: %s, want %s", name, value, env, acct, ids(got), ids(want))
				}
			}
		}
		for _, name := range orders {
			direction := []string{"asc", "desc"}[r.IntN(2)]
			got, err := m.everyone(&userdirectoryv1.ListUsersRequest{Limit: proto.Int32(int32(1 + r.IntN(30))), Sort: proto.String(name + ":" + direction)})
			if code(err) == access.CodeUnsupportedFilter || code(err) == rpcerr.ValidationFailed {
				continue
			}
			if err != nil {
				t.Fatalf("sort=%s under %s and %s: %v", name, env, acct, err)
			}
			sorted++
			if len(got) != len(all) {
				t.Errorf("sort=%s under %s and %s: %d of %d", name, env, acct, len(got), len(all))
			}
			for i := 1; i < len(got); i++ {
				a, b := shown(got[i-1], name), shown(got[i], name)
				if len(a) == 0 && len(b) > 0 || len(a) > 0 && len(b) > 0 && (direction == "asc" && a[0] > b[0] || direction == "desc" && a[0] < b[0]) {
					t.Errorf("sort=%s:%s under %s and %s: %v before %v", name, direction, env, acct, a, b)
				}
			}
		}
	}
	if tested < 150 || refused < 10 || sorted < 60 {
		t.Errorf("%d filters and %d orders were tested, %d refused", tested, sorted, refused)
	}
}
