package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// Walking the cursor gives each user exactly once, and `result` is always an array.
func TestWalkUsers(t *testing.T) {
	_, s := startDev(t)
	for _, path := range []string{"/proxy/users", "/unified/user-directory/users"} {
		for _, limit := range []int{1000, 100, 20} {
			t.Run(fmt.Sprintf("%s by %d", path, limit), func(t *testing.T) {
				if n := walk(t, s, path, limit); n != 250 {
					t.Errorf("walked %d distinct users, want 250", n)
				}
			})
		}
	}
}

func walk(t *testing.T, s stack, path string, limit int) int {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	seen := make(map[string]bool)
	query := url.Values{"integrated_account_id": {s.account}, "limit": {fmt.Sprint(limit)}}
	for pages := 0; ; pages++ {
		if pages > 300 {
			t.Fatal("the walk does not end")
		}
		code, text := rest.do(t, "GET", path+"?"+query.Encode(), s.apiToken, nil, nil)
		if code != http.StatusOK {
			t.Fatalf("status %d: %s", code, text)
		}
		page := decode(t, text)
		rows, ok := must(t, page, "result").([]any)
		if !ok {
			t.Fatalf("result is no array: %s", brief(page))
		}
		for i := range rows {
			id := fmt.Sprint(must(t, page, fmt.Sprintf("result.%d.id", i)))
			if seen[id] {
				t.Errorf("user %s came twice", id)
			}
			seen[id] = true
		}
		cursor, ok := must(t, page, "next_cursor").(string)
		if !ok {
			return len(seen)
		}
		query.Set("next_cursor", cursor)
	}
}
