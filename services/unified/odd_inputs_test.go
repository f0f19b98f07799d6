package unified_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
)

// ask reads a list of a resource over REST; the query is without the account.
func ask(t *testing.T, h http.Handler, resource string, pairs ...string) (int, answer) {
	t.Helper()
	query := url.Values{"integrated_account_id": {account}}
	for i := 0; i < len(pairs); i += 2 {
		query.Add(pairs[i], pairs[i+1])
	}
	return get(t, h, "api", "/unified/"+resource+"?"+query.Encode())
}

func idsOf(a answer) string {
	var ids []string
	for _, r := range a.Result {
		id, _ := r["id"].(string)
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

// The organisation's own fields are filtered as their types say, and nothing odd about such a filter is ignored or fails.
func TestD6OwnFields(t *testing.T) {
	l := newLayered(t, "user-directory/users")
	l.proxy.rows["user_custom_fields"] = []string{
		`{"key":"manager","type":"email"}`, `{"key":"cost","type":"number"}`, `{"key":"left","type":"bool"}`, `{"key":"team","type":"singleLine"}`, `{"key":"mails","type":"email"}`,
	}
	l.proxy.rows["users"] = []string{
		`{"id":1,"manager":"Pepper@Stark.com","cost":"5","left":false,"team":"A","mails":["x@y.com","Z@y.com"]}`, `{"id":2,"manager":"tony@stark.com","cost":50,"left":true,"team":"a"}`,
	}
	h := handler(t, l.stand)
	for _, test := range []struct{ filter, value, ids, refusal string }{
		{"manager", "pepper@STARK.com", "1", ""},
		{"manager", " tony@stark.com ", "2", ""},
		{"mails", "z@Y.com", "1", ""},
		{"cost", "5.0", "1", ""},
		{"left", "TRUE", "2", ""},
		{"team", "a", "2", ""},
		{"manager", " ", "", "is empty"},
		{"team", "", "", "is empty"},
		{"cost", " 5", "", "is not a number"},
		{"cost", "five", "", "is not a number"},
		{"left", "0", "", "is not a bool"},
		{"cost[gt]", "5", "", "cannot be filtered by custom_fields.cost[gt]"},
		{"team[in]", "a", "", "cannot be filtered by custom_fields.team[in]"},
		{"team[]", "a", "", "cannot be filtered by custom_fields.team[]"},
		{"", "a", "", "cannot be filtered by custom_fields."},
		{"nosuch", "a", "", "the organisation has no field nosuch"},
	} {
		status, a := ask(t, h, "user-directory/users", "custom_fields."+test.filter, test.value)
		switch {
		case test.refusal != "" && (status != http.StatusBadRequest || !strings.Contains(a.Message, test.refusal) || !strings.Contains(a.Message, "custom_fields."+test.filter)):
			t.Errorf("%s=%q: %d %s", test.filter, test.value, status, a.Message)
		case test.refusal == "" && (status != http.StatusOK || idsOf(a) != test.ids):
			t.Errorf("%s=%q: %d %s %q, want %q", test.filter, test.value, status, a.Message, idsOf(a), test.ids)
		}
	}
}

// A constant is shown as it is written, so that a table left below it says nothing about the set.
func TestD6ConstantOverATable(t *testing.T) {
	for name, test := range map[string]struct{ override, shown, never string }{
		"user-directory/users": {`{"fields":{"status":{"constant":"\"offboarding\"","cases":null}}}`, "offboarding", "active"},
		"sso/apps":             {`{"fields":{"status":{"constant":"\"discovered\"","cases":null}}}`, "discovered", "inactive"},
	} {
		l := newLayered(t, name)
		l.put(environmentLayer, test.override)
		h := handler(t, l.stand)
		if status, a := ask(t, h, name, "status", test.shown); status != http.StatusOK || len(a.Result) != 3 {
			t.Errorf("%s: %d %+v", name, status, a)
		}
		if status, a := ask(t, h, name, "status", test.never); status != http.StatusBadRequest || !strings.Contains(a.Message, "not one of "+test.shown) {
			t.Errorf("%s: %d %+v", name, status, a)
		}
	}
}

// What an order or a mask says twice, half or against another parameter is refused by name, whichever layer fills the field.
func TestD1OddOrdersAndMasks(t *testing.T) {
	l := newLayered(t, "user-directory/users")
	l.put(accountLayer, `{"fields":{"first_name":{"path":["/lastName"]},"created_at":{"path":["/nothing","/creationTime"]},"status":{"cases":null},`+
		`"custom.mails":{"path":["/additionalEmails"]},"custom.all":{"expression":"record"}},"filters":{"first_name":{"field":"status"}}}`)
	l.proxy.rows["users"] = []string{
		`{"id":1,"lastName":"B","lifecycleStatus":"active","additionalEmails":["b@x"]}`, `{"id":2,"lastName":"A","lifecycleStatus":"offboarded","additionalEmails":["a@x"]}`,
	}
	h := handler(t, l.stand)
	for _, test := range []struct{ name, value, refusal string }{
		{"sort", "first_name,first_name:desc", "first_name is given twice"},
		{"sort", "first_name:", `not ""`},
		{"sort", "first_name:ASC", `not "ASC"`},
		{"sort", "first_name[0]", `no field "first_name[0]"`},
		{"sort", "status[x]", `no field "status[x]"`},
		{"sort", "emails[x].email", `no field "emails[x].email"`},
		{"sort", "created_at[gt]", `no field "created_at[gt]"`},
		{"sort", "created_at_gt", `no field "created_at_gt"`},
		{"sort", ",", `no field ""`},
		{"sort", "custom.mails", "shows several values"},
		{"sort", "custom.all:desc", "shows several values"},
		{"fields", "name,", `no field ""`},
		{"fields", "emails[0].email", `no field "emails[0].email"`},
	} {
		status, a := ask(t, h, "user-directory/users", test.name, test.value, "custom_fields", "")
		if status != http.StatusBadRequest || !strings.Contains(a.Message, test.refusal) {
			t.Errorf("%s=%s: %d %s", test.name, test.value, status, a.Message)
		}
	}
	if status, a := ask(t, h, "user-directory/users", "fields", "name", "custom_fields", "departmentName"); status != http.StatusBadRequest || !strings.Contains(a.Message, "custom_fields") {
		t.Errorf("keys of a field that the mask leaves out: %d %+v", status, a)
	}
	// An order goes by the output field of its name, whatever a filter of that name is about.
	if status, a := ask(t, h, "user-directory/users", "sort", "first_name", "custom_fields", ""); status != http.StatusOK || idsOf(a) != "2 1" {
		t.Errorf("%d %+v", status, a)
	}
}

// A key that only one source of a resource has is asked of that source alone, whichever layer reads it.
func TestD1KeysOfOneSource(t *testing.T) {
	for name, test := range map[string]struct{ override, key string }{
		"sso/apps":           {`{"fields":{"is_active":{"convert":"bool"}}}`, "isUserRemovedFromApp"},
		"sso/apps of a user": {`{"fields":{"custom.users":{"path":["/activeUsersCount"]}}}`, "activeUsersCount"},
	} {
		l := newLayered(t, name)
		l.put(environmentLayer, test.override)
		list := lists()[name]
		if _, err := l.call(list.procedure, list.request, "", ""); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if calls := l.proxy.taken(); len(calls) != 1 || strings.Contains(calls[0], test.key) {
			t.Errorf("%s: %q", name, calls)
		}
	}
}

// The organisation's own fields are read for a filter of an override, too, whatever the answer shows of them.
func TestD1OwnFieldsInFiltersOfOverrides(t *testing.T) {
	l := newLayered(t, "user-directory/users")
	l.proxy.rows["user_custom_fields"] = []string{`{"key":"manager","type":"email"}`, `{"key":"team","type":"singleLine"}`}
	l.proxy.rows["users"] = []string{`{"id":1,"firstName":"A","manager":"Pepper@stark.com","team":"X"}`, `{"id":2,"firstName":"B"}`}
	l.put(environmentLayer, `{"filters":{"boss":{"runs":"local","field":"custom_fields.manager"},"custom_fields.team":{"runs":"local"},`+
		`"none":{"runs":"local","field":"custom_fields.nosuch"}}}`)
	h := handler(t, l.stand)
	for _, filter := range [][2]string{{"boss", "pepper@STARK.com"}, {"custom_fields.team", "X"}} {
		for _, shown := range [][2]string{{"custom_fields", ""}, {"fields", "first_name"}, {"custom_fields", "manager"}, {"limit", "1"}} {
			status, a := ask(t, h, "user-directory/users", filter[0], filter[1], shown[0], shown[1])
			if status != http.StatusOK || idsOf(a) != "1" {
				t.Errorf("%v with %v: %d %+v", filter, shown, status, a)
				continue
			}
			own, _ := a.Result[0]["custom_fields"].(map[string]any)
			if want := map[string]int{"manager": 1, "1": 2}[shown[1]]; len(own) != want {
				t.Errorf("%v with %v shows %v", filter, shown, own)
			}
		}
	}
	if status, a := ask(t, h, "user-directory/users", "none", "x"); status != http.StatusBadRequest || !strings.Contains(a.Message, "no field nosuch") {
		t.Errorf("%d %+v", status, a)
	}
}

// What an override makes of filters is said before it is stored, and what can never work is refused.
func TestD1DryRunOfFilters(t *testing.T) {
	l := newLayered(t, "user-directory/users")
	for override, want := range map[string]string{
		`{"filters":{"team":{"runs":"local"}}}`:                                          "the filter team is refused: nothing fills the field custom.team.",
		`{"filters":{"first_name":{"parameter":"lastName"}}}`:                            "the filter first_name asks the provider by lastName instead of firstName.",
		`{"fields":{"custom":{"expression":"{\"team\": record.role}"}}}`:                 "",
		`{"filters":{"limit":{"runs":"local","expression":"true"}}}`:                     "refused: filters.limit",
		`{"filters":{"x":{"runs":"local","expression":"true","narrow":{"a":"size=1"}}}}`: "refused: filters.x.narrow",
	} {
		res, err := l.mappings.DryRun(as(t, "api"), &mappingv1.DryRunRequest{
			Model: "user-directory", Resource: "users", Layer: environmentLayer, IntegratedAccountId: account, Override: raw(override),
		})
		place, refused := strings.CutPrefix(want, "refused: ")
		switch {
		case refused && (err == nil || !strings.Contains(err.Error(), place)):
			t.Errorf("%s: %v, %v", override, res, err)
		case !refused && (err != nil || strings.Join(res.Warnings, " ") != want):
			t.Errorf("%s: %v, %v", override, res, err)
		}
	}
}
