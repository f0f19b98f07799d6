package proxy

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
)

func TestListWalksEveryUserOnce(t *testing.T) {
	b := newBench(t, emulator.Options{})
	var seen []string
	query := "limit=100"
	for pages := 1; ; pages++ {
		e := b.ok(b.get("/proxy/users?" + query))
		seen = append(seen, ids(b.rows(e))...)
		if e.Limit != 100 || e.Count != len(b.rows(e)) || e.Total == nil || *e.Total != 250 {
			t.Errorf("envelope = %+v", e)
		}
		if e.NextCursor == nil {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		query = "limit=100&next_cursor=" + url.QueryEscape(*e.NextCursor)
	}
	slices.Sort(seen)
	if got := len(slices.Compact(seen)); got != 250 {
		t.Errorf("%d different users, want 250", got)
	}
}

func TestSingles(t *testing.T) {
	b := newBench(t, emulator.Options{})
	first := b.rows(b.ok(b.get("/proxy/users?limit=1")))[0]
	for path, want := range map[string]string{
		"/proxy/me": `"companyName":"Stark industries"`,
		"/proxy/users/" + ids(b.rows(b.ok(b.get("/proxy/users?limit=1"))))[0]: `"email":"` + first["email"].(string) + `"`,
		"/proxy/user_field_metadata":                                          `"customFields":[`,
		"/proxy/apps/search?q=a":                                              `"result":[{`,
		"/custom/orgs/my":                                                     `{"result":{"org":{`,
	} {
		a := b.get(path)
		b.ok(a)
		if !strings.Contains(string(a.body), want) {
			t.Errorf("%s = %s, want %s in it", path, a.body, want)
		}
	}
}

func TestParents(t *testing.T) {
	b := newBench(t, emulator.Options{})
	app := ids(b.rows(b.ok(b.get("/proxy/apps?limit=1"))))[0]
	users := b.ok(b.get("/proxy/application_users?limit=2&id_app=" + app))
	if users.Count == 0 {
		t.Fatal("the application has no users")
	}
	if e := b.refused(b.get("/proxy/application_users"), 400, "VALIDATION_FAILED"); !strings.Contains(e.Message, "id_app") {
		t.Errorf("message %q does not name id_app", e.Message)
	}
}

func TestLocalPaging(t *testing.T) {
	b := newBench(t, emulator.Options{})
	whole := ids(b.rows(b.ok(b.get("/proxy/user_custom_fields"))))
	var walked []string
	query := "limit=2"
	for {
		e := b.ok(b.get("/proxy/user_custom_fields?" + query))
		walked = append(walked, ids(b.rows(e))...)
		if e.NextCursor == nil {
			break
		}
		query = "limit=2&next_cursor=" + *e.NextCursor
	}
	if !slices.Equal(walked, whole) {
		t.Errorf("walked %v, want %v", walked, whole)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t, emulator.Options{})
	cursor := *b.ok(b.get("/proxy/users?limit=10")).NextCursor
	for _, tt := range []struct {
		name   string
		r      request
		status int
		code   string
		says   string
	}{
		{"a wrong token", request{path: "/proxy/me", token: "sando_api_wrong"}, 401, "UNAUTHENTICATED", ""},
		{"no account", request{path: "/proxy/me", token: tokenAll}, 400, "ACCOUNT_REQUIRED", "integrated_account_id"},
		{"a foreign account", request{path: "/proxy/me?integrated_account_id=" + account, token: tokenForeign}, 404, "ACCOUNT_NOT_FOUND", ""},
		{"an account that is none", request{path: "/proxy/me?integrated_account_id=x", token: tokenAll}, 404, "ACCOUNT_NOT_FOUND", ""},
		{"an account outside the token", request{path: "/proxy/me?integrated_account_id=" + accountOther}, 404, "ACCOUNT_NOT_FOUND", ""},
		{"an unknown resource", request{path: "/proxy/usres"}, 404, "UNKNOWN_RESOURCE", "users"},
		{"an unknown method", request{method: "POST", path: "/proxy/apps/serach"}, 404, "UNKNOWN_METHOD", "search"},
		{"an operation outside the grant", request{path: "/proxy/roles", token: tokenSelected}, 403, "OPERATION_NOT_GRANTED", ""},
		{"a write with a read-only token", request{method: "DELETE", path: "/proxy/contracts/1?integrated_account_id=" + account, token: tokenRead}, 403, "OPERATION_NOT_GRANTED", ""},
		{"Torii's own size", request{path: "/proxy/users?size=5"}, 400, "VALIDATION_FAILED", "limit"},
		{"Torii's own cursor", request{path: "/proxy/users?cursor=x"}, 400, "VALIDATION_FAILED", "next_cursor"},
		{"a limit above the maximum", request{path: "/proxy/users?limit=1001"}, 400, "VALIDATION_FAILED", "1000"},
		{"a limit that is no number", request{path: "/proxy/users?limit=x"}, 400, "VALIDATION_FAILED", "limit"},
		{"a missing parameter", request{path: "/proxy/apps/search"}, 400, "VALIDATION_FAILED", "q"},
		{"a cursor of another query", request{path: "/proxy/users?limit=10&email=a@b.c&next_cursor=" + cursor}, 400, "CURSOR_INVALID", ""},
		{"a cursor of another resource", request{path: "/proxy/apps?limit=10&next_cursor=" + cursor}, 400, "CURSOR_INVALID", ""},
		{"a cursor of another account", request{path: "/proxy/users?limit=10&integrated_account_id=" + accountOther + "&next_cursor=" + cursor, token: tokenAll}, 400, "CURSOR_INVALID", ""},
		{"a record that is not there", request{path: "/proxy/users/999999999"}, 404, "UPSTREAM_NOT_FOUND", ""},
		{"a GET that would change something", request{path: "/proxy/parsings/automatic"}, 405, "METHOD_NOT_ALLOWED", "POST"},
		{"a cursor where nothing is paged", request{path: "/proxy/me?next_cursor=" + cursor}, 400, "CURSOR_INVALID", ""},
		{"a path that escapes", request{path: "/custom/users/%2e%2e/%2e%2e/x"}, 400, "PATH_NOT_ALLOWED", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b.t = t
			a := b.do(tt.r)
			b.refused(a, tt.status, tt.code)
			if !strings.Contains(string(a.body), tt.says) {
				t.Errorf("%s does not say %q", a.body, tt.says)
			}
		})
	}
}

func TestLimitAndFieldsMayChangeOnTheWay(t *testing.T) {
	b := newBench(t, emulator.Options{})
	cursor := *b.ok(b.get("/proxy/users?limit=10&fields=id")).NextCursor
	next := b.ok(b.get("/proxy/users?limit=20&fields=id,email&next_cursor=" + cursor))
	if next.Count != 20 {
		t.Errorf("%d rows, want 20", next.Count)
	}
}

func TestQueryReachesTorii(t *testing.T) {
	b := newBench(t, emulator.Options{})
	b.emulator.ClearRequests()
	all := b.ok(b.get("/proxy/users?lifecycleStatus=active&sort=email%3Aasc&limit=5&fields=id,email"))
	if all.Count != 5 {
		t.Errorf("%d rows, want 5", all.Count)
	}
	requests := b.emulator.Requests()
	if len(requests) != 1 || requests[0].Query != "lifecycleStatus=active&sort=email%3Aasc&fields=id,email&size=5" {
		t.Errorf("requests = %+v", requests)
	}
}

func TestRPC(t *testing.T) {
	b := newBench(t, emulator.Options{})
	ctx := context.Background()
	client := b.rpc(tokenAccount)
	limit := int32(7)
	page, err := client.List(ctx, &proxyv1.ListRequest{Resource: "users", Limit: &limit})
	if err != nil {
		t.Fatal(err)
	}
	if page.GetResultCount() != 7 || page.GetLimit() != 7 || page.GetTotal() != 250 || page.NextCursor == nil {
		t.Errorf("page = %+v", page)
	}
	me, err := client.List(ctx, &proxyv1.ListRequest{Resource: "me"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(me.GetResult().GetJson()), `"companyName"`) {
		t.Errorf("me = %s", me.GetResult().GetJson())
	}
	custom, err := client.Custom(ctx, &proxyv1.CustomRequest{Path: "orgs/my"})
	if err != nil {
		t.Fatal(err)
	}
	if custom.GetUpstreamStatus() != http.StatusOK {
		t.Errorf("custom = %+v", custom)
	}
}

func TestNeedsReauthIsConfirmedOnceAndThenAnsweredAtOnce(t *testing.T) {
	b := newBench(t, emulator.Options{})
	path := "/proxy/users?integrated_account_id=" + accountBad
	b.refused(b.do(request{path: path, token: tokenAll}), 401, "NEEDS_REAUTH")
	calls := len(b.emulator.Requests())
	if calls != 2 {
		t.Errorf("Torii was called %d times, want the call and one probe", calls)
	}
	if len(b.auth.reports) != 1 {
		t.Errorf("reports = %v", b.auth.reports)
	}
	b.refused(b.do(request{path: path, token: tokenAll}), 401, "NEEDS_REAUTH")
	if again := len(b.emulator.Requests()); again != calls {
		t.Errorf("Torii was called again for an account that must be reconnected")
	}
}

func TestReadOnlyKeyIsForbidden(t *testing.T) {
	b := newBench(t, emulator.Options{})
	a := b.do(request{method: "DELETE", path: "/proxy/contracts/1?integrated_account_id=" + accountOther, token: tokenAll})
	b.refused(a, 403, "UPSTREAM_FORBIDDEN")
	if len(b.auth.reports) != 1 || b.auth.reports[0].GetResource() != "contracts" {
		t.Errorf("reports = %v", b.auth.reports)
	}
}

func TestLines(t *testing.T) {
	b := newBench(t, emulator.Options{})
	a := b.do(request{path: "/proxy/users?limit=100", header: map[string]string{"Accept": "application/x-ndjson"}})
	if a.status != 200 || a.err != nil {
		t.Fatal(a.status, a.err)
	}
	lines := strings.Split(strings.TrimSuffix(string(a.body), "\n"), "\n")
	if len(lines) != 250+3+1 {
		t.Fatalf("%d lines, want 254", len(lines))
	}
	if last := lines[len(lines)-1]; last != `{"summary":{"result_count":250,"pages":3}}` {
		t.Errorf("last line = %s", last)
	}
	if !strings.HasPrefix(lines[100], `{"page":{"next_cursor":"`) || !strings.HasSuffix(lines[100], `"result_count":100}}`) {
		t.Errorf("page line = %s", lines[100])
	}
}
