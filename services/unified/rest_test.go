package unified_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// answer is a REST answer.
type answer struct {
	Result     []map[string]any
	NextCursor *string `json:"next_cursor"`
	Count      int     `json:"result_count"`
	StatusCode int
	Code       string
	Message    string
	Fix        string `json:"suggested_fix"`
	RequestID  string `json:"request_id"`
	Details    map[string]any
	Meta       struct {
		LocalFilters []string `json:"local_filters"`
		Shifted      bool
	}
}

func get(t *testing.T, h http.Handler, token, path string) (int, answer) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	var a answer
	if err := json.Unmarshal(res.Body.Bytes(), &a); err != nil {
		t.Fatalf("%s: %v: %s", path, err, res.Body)
	}
	if got := res.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("%s is of type %s", path, got)
	}
	return res.Code, a
}

func TestWalkOverREST(t *testing.T) {
	h := handler(t, newStand(t, directory()))
	for query, want := range map[string]int{"": 250, "&status=deleted": 125, "&created_at[gt]=2019-01-01T00:00:00Z&custom_fields=": 250} {
		seen := map[string]bool{}
		cursor := ""
		for {
			path := "/unified/user-directory/users?integrated_account_id=" + account + "&limit=40" + query
			if cursor != "" {
				path += "&next_cursor=" + url.QueryEscape(cursor)
			}
			status, a := get(t, h, "api", path)
			if status != http.StatusOK || a.Count != len(a.Result) || a.Count > 40 {
				t.Fatalf("%s: %d, %d of %d", path, status, a.Count, len(a.Result))
			}
			for _, u := range a.Result {
				seen[fmt.Sprint(u["id"])] = true
			}
			if a.NextCursor == nil {
				break
			}
			cursor = *a.NextCursor
		}
		if len(seen) != want {
			t.Errorf("%q: %d distinct users, want %d", query, len(seen), want)
		}
	}
}

func TestRefusalsOverREST(t *testing.T) {
	s := newStand(t, directory())
	h := handler(t, s)
	for name, test := range map[string]struct {
		token, path string
		status      int
		code        string
		fix         string
	}{
		"no token":            {"", "/unified/user-directory/users?integrated_account_id=acct-1", 401, "UNAUTHENTICATED", ""},
		"a foreign account":   {"else", "/unified/user-directory/users?integrated_account_id=acct-1", 404, "ACCOUNT_NOT_FOUND", ""},
		"no account":          {"api", "/unified/user-directory/users", 400, "ACCOUNT_REQUIRED", ""},
		"an unknown key":      {"api", "/unified/user-directory/users?integrated_account_id=acct-1&emial=x", 400, "UNSUPPORTED_FILTER", "Did you mean \"email\"?"},
		"a limit of nothing":  {"api", "/unified/user-directory/users?integrated_account_id=acct-1&limit=0", 400, "VALIDATION_FAILED", ""},
		"an unusable filter":  {"api", "/unified/user-directory/users?integrated_account_id=acct-1&filters=group%3D1", 400, "UNSUPPORTED_FILTER", "role_id"},
		"an unusable order":   {"api", "/unified/user-directory/users?integrated_account_id=acct-1&sort=bio", 400, "UNSUPPORTED_FILTER", "created_at"},
		"a broken cursor":     {"api", "/unified/user-directory/users?integrated_account_id=acct-1&next_cursor=x", 400, "CURSOR_INVALID", ""},
		"an unknown resource": {"api", "/unified/user-directory/groups?integrated_account_id=acct-1", 404, "NOT_FOUND", ""},
		"no application":      {"api", "/unified/sso/app_users?integrated_account_id=acct-1", 400, "VALIDATION_FAILED", ""},
	} {
		status, a := get(t, h, test.token, test.path)
		if status != test.status || a.StatusCode != test.status || a.Code != test.code || !strings.Contains(a.Fix, test.fix) || a.RequestID == "" && test.status != 404 {
			t.Errorf("%s: %d %+v", name, status, a)
		}
	}
	s.proxy.filter = nil
	s.proxy.rows["users"] = []string{person(1, ""), `{"firstName":"nobody"}`}
	status, a := get(t, h, "api", "/unified/user-directory/users?integrated_account_id=acct-1&custom_fields=")
	if status != 422 || a.Code != "MAPPING_FAILED" || a.Details["field"] != "id" || len(a.Result) != 0 {
		t.Errorf("a record without an id: %d %+v", status, a)
	}
	s.proxy.rows["users"] = []string{`{"id":1}`, `"not a record"`}
	if status, a = get(t, h, "api", "/unified/user-directory/users?integrated_account_id=acct-1&custom_fields="); status != 502 || a.Code != "UPSTREAM_BAD_RESPONSE" {
		t.Errorf("a row that is no record: %d %+v", status, a)
	}
}
