package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// pagedList is a list that comes in pages, as the facts have it.
type pagedList struct {
	operation string
	path      string
	key       string
	id        string // member that tells rows apart
	standard  int    // rows without a size
	size      string // name of the size
	most      int
	version   string
}

func cursorLists() []pagedList {
	return []pagedList{
		{"users.list", "/users", "users", "id", 1000, "size", 1000, ""},
		{"apps.list", "/apps", "apps", "id", 1000, "size", 1000, ""},
		{"apps.users.list", "/apps/1000/users", "users", "idUser", 1000, "size", 1000, ""},
		{"contracts.list", "/contracts", "contracts", "id", 1000, "size", 1000, "1.1"},
		{"audit.list", "/audit", "audit", "", 50, "size", 1000, ""},
		{"workflows.actionExecutions.list", "/workflows/actionExecutions", "response", "id", 50, "size", 1000, ""},
		{"transactions.list", "/transactions", "transactions", "id", 0, "size", 1000, ""},
	}
}

// as asks for the version of the API that pages.
func (l pagedList) as(c client) client {
	if l.version == "" {
		return c
	}
	return c.with("X-API-Version", l.version)
}

// page asks for one page.
func (l pagedList) page(c client, size int, cursor string) result {
	c.t.Helper()
	query := url.Values{}
	if size > 0 {
		query.Set(l.size, fmt.Sprint(size))
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	return l.as(c).get(l.path + "?" + query.Encode())
}

// name tells rows apart; audit events have no id, so theirs is all of them.
func (l pagedList) name(row map[string]any) string {
	if l.id == "" {
		return fmt.Sprint(row)
	}
	return fmt.Sprint(row[l.id])
}

func TestSizesAndCursorsOfEveryList(t *testing.T) {
	_, c := start(t, emulator.Options{Users: 1200, NoRateLimits: true})
	for _, l := range cursorLists() {
		t.Run(l.operation, func(t *testing.T) {
			c := client{t: t, h: c.h, k: c.k}
			for _, size := range []string{"0", "-1", "1001", "x", "1.5"} {
				l.as(c).get(l.path+"?size="+size).refused(http.StatusBadRequest, "size")
			}
			l.as(c).get(l.path+"?size=1&cursor=%25").refused(http.StatusBadRequest, "cursor")
			rows := len(l.page(c, l.most, "").rows(l.key))
			if standard := len(l.page(c, 0, "").rows(l.key)); l.standard > 0 && standard != min(rows, l.standard) {
				t.Errorf("%d rows by default, want %d", standard, min(rows, l.standard))
			}
			for _, size := range []int{1, 7, rows, rows + 1} {
				r := l.page(c, min(size, l.most), "")
				if n := len(r.rows(l.key)); n != min(size, l.most, rows) || fmt.Sprint(r.at("count")) != fmt.Sprint(n) {
					t.Errorf("size %d gives %d rows, count %v", size, n, r.at("count"))
				}
			}
		})
	}
}

// Torii's cursors are the last row's sort values: what is there all the time comes exactly once, whatever comes and goes
// meanwhile.
func TestListsThatChangeDuringAWalk(t *testing.T) {
	for _, l := range cursorLists() {
		changes := []emulator.RowChange{{Insert: 3}, {Remove: 2}, {Insert: 1, Remove: 4}}
		if l.operation == "users.list" {
			changes = changes[:1]
		}
		if l.operation == "apps.list" || l.operation == "apps.users.list" {
			changes = nil // their rows follow from the users and are never removed
		}
		for _, change := range changes {
			change.List = l.operation
			t.Run(fmt.Sprintf("%s+%d-%d", l.operation, change.Insert, change.Remove), func(t *testing.T) {
				e, c := start(t, emulator.Options{NoRateLimits: true})
				before := names(l, l.page(c, l.most, "").rows(l.key))
				var walked []string
				for cursor, n := "", 0; ; n++ {
					if n == 2 || n == 5 {
						if err := e.ChangeRows(change); err != nil {
							t.Fatal(err)
						}
					}
					r := l.page(c, 9, cursor)
					walked = append(walked, names(l, r.rows(l.key))...)
					if cursor = r.next(); cursor == "" {
						break
					}
				}
				after := names(l, l.page(c, l.most, "").rows(l.key))
				for _, name := range before {
					if !slices.Contains(after, name) {
						continue // it went
					}
					if n := count(walked, name); n != count(before, name) {
						t.Fatalf("a row that was there all the time came %d times, want %d: %s", n, count(before, name), name)
					}
				}
			})
		}
	}
}

// The two lists that page by number give a row again when one came in before it, and miss one when one went.
func TestNumberedPagesShift(t *testing.T) {
	for _, tt := range []struct{ operation, key, id, first, second string }{
		{"workflows.audit.list", "audit", "", "/workflows/audit?startTime=2020-01-01&limit=10", "/workflows/audit?startTime=2020-01-01&limit=10&offset=10"},
		{"scim.users.list", "Resources", "id", "/scim/v2/Users?count=10", "/scim/v2/Users?count=10&startIndex=11"},
	} {
		l := pagedList{id: tt.id}
		e, c := start(t, emulator.Options{NoRateLimits: true})
		first := names(l, c.get(tt.first).rows(tt.key))
		second := names(l, c.get(tt.second).rows(tt.key))
		if err := e.ChangeRows(emulator.RowChange{List: tt.operation, Remove: 3}); err != nil {
			t.Fatal(err)
		}
		if got := names(l, c.get(tt.second).rows(tt.key)); got[0] != second[3] {
			t.Errorf("%s: three rows went, the second page starts with %s, want %s", tt.operation, got[0], second[3])
		}
		if err := e.ChangeRows(emulator.RowChange{List: tt.operation, Insert: 3}); err != nil {
			t.Fatal(err)
		}
		if err := e.ChangeRows(emulator.RowChange{List: tt.operation, Insert: 3}); err != nil {
			t.Fatal(err)
		}
		if got := names(l, c.get(tt.second).rows(tt.key)); !slices.Contains(first, got[0]) && !slices.Contains(got, second[0]) {
			t.Errorf("%s: rows came, the second page is %v", tt.operation, got)
		}
	}
}

func names(l pagedList, rows []map[string]any) []string {
	list := make([]string, len(rows))
	for i, row := range rows {
		list[i] = l.name(row)
	}
	return list
}

func count(list []string, name string) int {
	n := 0
	for _, other := range list {
		if other == name {
			n++
		}
	}
	return n
}

// A cursor is a place, not a row: it holds when the row that it was made of is gone.
func TestACursorOutlivesItsRow(t *testing.T) {
	_, c := start(t, emulator.Options{})
	c = c.with("X-API-Version", "1.1")
	for _, order := range []string{"", "&sort=name:desc", "&sort=id:asc"} {
		first := c.get("/contracts?size=5" + order)
		rows := first.rows("contracts")
		want := c.get("/contracts?size=5" + order + "&cursor=" + url.QueryEscape(first.next())).rows("contracts")
		c.send("DELETE", "/contracts/"+fmt.Sprint(rows[4]["id"]), "").want(http.StatusNoContent)
		got := c.get("/contracts?size=5" + order + "&cursor=" + url.QueryEscape(first.next())).rows("contracts")
		if fmt.Sprint(column(got, "id")) != fmt.Sprint(column(want, "id")) {
			t.Errorf("order %q: %v, want %v", order, column(got, "id"), column(want, "id"))
		}
	}
}

// The lists that page otherwise, or not at all.
func TestSizesOfTheOtherLists(t *testing.T) {
	_, c := start(t, emulator.Options{})
	for _, l := range []struct {
		path, key, size string
		standard, most  int
	}{
		{"/apps/search?q=a", "apps", "limit", 5, 50},
		{"/workflows/audit?startTime=2020-01-01", "audit", "limit", 50, 1000},
		{"/scim/v2/Users?startIndex=1", "Resources", "count", 100, 200},
	} {
		all := len(c.get(fmt.Sprintf("%s&%s=%d", l.path, l.size, l.most)).rows(l.key))
		if n := len(c.get(l.path).rows(l.key)); n != min(l.standard, all) {
			t.Errorf("%s: %d rows by default, want %d", l.path, n, min(l.standard, all))
		}
		if n := len(c.get(l.path + "&" + l.size + "=2").rows(l.key)); n != 2 {
			t.Errorf("%s: %d rows, want 2", l.path, n)
		}
		c.get(fmt.Sprintf("%s&%s=%d", l.path, l.size, l.most+1)).refused(http.StatusBadRequest, l.size)
		c.get(l.path+"&"+l.size+"=x").refused(http.StatusBadRequest, l.size)
		c.get(l.path+"&cursor=W10=").refused(http.StatusBadRequest, "cursor")
	}
	for _, path := range []string{"/roles", "/users/fields", "/users/metadata", "/users/1000/apps", "/apps/fields", "/apps/metadata", "/contracts/fields", "/contracts/metadata", "/workflows", "/apps/similar?idApp=1000"} {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		for _, name := range []string{"size", "limit", "cursor", "offset"} {
			c.get(path+separator+name+"=1").refused(http.StatusBadRequest, name)
		}
	}
}
