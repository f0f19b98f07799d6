package proxy

import (
	"net/url"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// TestCursorsFitOnlyTheirCall takes a cursor from each of several calls, which
// differ in one thing or another, and tries all of them everywhere.
func TestCursorsFitOnlyTheirCall(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, unlimited(t))
	apps := ids(b.rows(b.ok(b.get("/proxy/apps?limit=2"))))
	calls := []string{
		"users?limit=2",
		"users?limit=2&lifecycleStatus=active",
		"users?limit=2&lifecycleStatus=active&isExternal=false",
		"users?limit=2&sort=email%3Aasc",
		"users?limit=2&integrated_account_id=" + accountOther,
		"apps?limit=2",
		"contracts?limit=2",
		"application_users?limit=1&id_app=" + apps[0],
		"application_users?limit=1&id_app=" + apps[1],
		"user_custom_fields?limit=2",
		"audit_logs?limit=2",
		"workflow_audit_logs?limit=1",
		"scim_users?limit=2",
		"transactions?limit=2",
		"workflow_action_executions?limit=2",
	}
	cursors := make([]string, len(calls))
	for i, call := range calls {
		e := b.ok(b.do(request{path: withAccount(call), token: tokenAll}))
		if e.NextCursor == nil {
			t.Fatalf("%s has no second page", call)
		}
		cursors[i] = *e.NextCursor
	}
	for i, call := range calls {
		for j, cursor := range cursors {
			a := b.do(request{path: withAccount(call) + "&next_cursor=" + url.QueryEscape(cursor), token: tokenAll})
			if i == j {
				b.ok(a)
			} else {
				b.refused(a, 400, "CURSOR_INVALID")
			}
		}
	}
	// Order and spelling of the parameters are not part of it.
	b.ok(b.do(request{
		path:  withAccount("users?isExternal=false&lifecycleStatus=%61ctive&limit=5&fields=id") + "&next_cursor=" + cursors[2],
		token: tokenAll,
	}))
}

// withAccount names the first account where a call names none.
func withAccount(call string) string {
	u, err := url.Parse("/proxy/" + call)
	if err != nil || u.Query().Has("integrated_account_id") {
		return "/proxy/" + call
	}
	return "/proxy/" + call + "&integrated_account_id=" + account
}

// TestEveryStyleOfPagingIsWalked compares a walk in small pages with one page
// of everything.
func TestEveryStyleOfPagingIsWalked(t *testing.T) {
	b := newBench(t, emulator.Options{NoRateLimits: true}, unlimited(t))
	for _, list := range []string{
		"users?", "apps?", "contracts?", "audit_logs?", "workflow_action_executions?", "transactions?", // cursor
		"workflow_audit_logs?",                                   // offset
		"scim_users?",                                            // index
		"user_custom_fields?", "app_fields?", "contract_fields?", // all at once, paged here
	} {
		t.Run(list, func(t *testing.T) {
			b.t = t
			walk := func(limit string) int {
				rows := 0
				for query := "limit=" + limit; query != ""; {
					e := b.ok(b.get("/proxy/" + list + query))
					rows += e.Count
					query = ""
					if e.NextCursor != nil {
						query = "limit=" + limit + "&next_cursor=" + *e.NextCursor
					}
				}
				return rows
			}
			if small, large := walk("7"), walk("200"); small != large || large == 0 {
				t.Errorf("%d rows in pages of 7, %d in pages of 200", small, large)
			}
		})
	}
}
