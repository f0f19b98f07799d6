package unified_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// shownText is the text of the value that a record shows for a field, e.g. emails[0].email; empty for none.
func shownText(record map[string]any, field string) string {
	var v any = record
	for part := range strings.SplitSeq(strings.ReplaceAll(field, "[0]", ".0"), ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			if v = nil; len(at) > 0 {
				v = at[0]
			}
		default:
			v = nil
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// On every other list as on that of users: a filtered list is the list, filtered by what it shows, and so is an ordered one, on both layers.
func TestD1WhatIsShownDecidesOnEveryList(t *testing.T) {
	for _, test := range []struct {
		list, query, field, filter string // filter is empty where there is only an order
		overrides                  []string
	}{
		{"sso/apps", "", "state", "state", []string{`{"path":["/category"]}`, `{"enum":{"closed":"shut"}}`, `{"constant":"\"x\""}`}},
		{"sso/apps", "", "status", "status", []string{`{"expression":"record.name","cases":null,"enum":null}`, `{"constant":"\"discovered\""}`}},
		{"sso/apps", "", "name", "name", []string{`{"path":["/state"]}`, `{"convert":"lower"}`}},
		{"sso/apps", "user_id=7&", "name", "name", []string{`{"path":["/state"]}`, `{"expression":"record.name + \"!\""}`}},
		{"sso/apps", "user_id=7&", "is_active", "is_active", []string{`{"convert":"bool"}`, `{"constant":"true"}`}},
		{"sso/app_users", "app_id=5&", "status", "status", []string{`{"enum":{"active":"on"}}`, `{"path":["/email"]}`}},
		{"sso/app_users", "app_id=5&", "emails[0].email", "email", []string{`{"path":["/status"]}`, `{"expression":"\"X\" + record.email"}`}},
		{"sso/app_users", "app_id=5&", "is_active", "is_active", []string{`{"cases":null}`, `{"cases":null,"constant":"true"}`}},
		{"sso/app_users", "app_id=5&", "username", "", []string{`{"path":["/status"]}`}},
		{"user-directory/roles", "", "name", "name", []string{`{"path":["/nothing"]}`, `{"convert":"lower"}`}},
		{"user-directory/roles", "", "users_count", "", []string{`{"path":["/id"]}`}},
		{"user-directory/organizations", "", "name", "name", []string{`{"path":["/domain"]}`}},
	} {
		for i, row := range append(test.overrides, `{"description":"D."}`) {
			l := newLayered(t, test.list)
			l.proxy.filter, l.proxy.order = provider, true
			l.put([]string{environmentLayer, accountLayer}[i%2], `{"fields":{"`+test.field+`":`+row+`}}`)
			h := handler(t, l.stand)
			label := test.list + "?" + test.query + test.field + " under " + row
			all := walkREST(t, h, test.list, test.query)
			checkFilter(t, h, label, test.list, test.query, test.field, test.filter, all)
			if name := cmp.Or(test.filter, test.field); i < len(test.overrides) {
				checkOrder(t, h, label, test.list, test.query+"sort="+name+":desc&", test.field, all)
			}
		}
	}
}

func walkREST(t *testing.T, h http.Handler, list, query string) []map[string]any {
	t.Helper()
	var all []map[string]any
	cursor := ""
	for range 50 {
		status, a := get(t, h, "api", "/unified/"+list+"?"+query+"limit=2&integrated_account_id="+account+cursor)
		if status != http.StatusOK {
			t.Fatalf("%s?%s: %d %s", list, query, status, a.Message)
		}
		all = append(all, a.Result...)
		if a.NextCursor == nil {
			return all
		}
		cursor = "&next_cursor=" + *a.NextCursor
	}
	t.Fatalf("%s?%s does not end", list, query)
	return nil
}

func checkFilter(t *testing.T, h http.Handler, label, list, query, field, filter string, all []map[string]any) {
	t.Helper()
	for _, r := range all {
		value := shownText(r, field)
		if filter == "" || value == "" {
			continue
		}
		var want []map[string]any
		for _, other := range all {
			if v := shownText(other, field); v == value || filter != "name" && strings.EqualFold(v, value) {
				want = append(want, other)
			}
		}
		escaped := strings.NewReplacer(" ", "%20", "!", "%21").Replace(value)
		if got := walkREST(t, h, list, query+filter+"="+escaped+"&"); idsOf(answer{Result: got}) != idsOf(answer{Result: want}) {
			t.Errorf("%s: %s=%s gives %s, want %s", label, filter, value, idsOf(answer{Result: got}), idsOf(answer{Result: want}))
		}
	}
}

func checkOrder(t *testing.T, h http.Handler, label, list, query, field string, all []map[string]any) {
	t.Helper()
	got := walkREST(t, h, list, query)
	if len(got) != len(all) {
		t.Errorf("%s: %d of %d", label, len(got), len(all))
	}
	for i := 1; i < len(got); i++ {
		if a, b := shownText(got[i-1], field), shownText(got[i], field); a < b {
			t.Errorf("%s: %q before %q", label, a, b)
		}
	}
}
