package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// Two processes of auth share a PostgreSQL; proxy hangs on the one, and tokens are revoked at the other. In less than a second the token is refused by
// the second auth, and by proxy, which had its grant in the cache.
func TestRevocationReachesOtherProcesses(t *testing.T) {
	sp, s := startSplitOn(t, pgtest.Start(t))
	second := sp.startReplica(t)
	status := func(base, path, token string) int {
		code, _ := restOver{client: http.DefaultClient, base: base}.do(t, "GET", path, token, nil, nil)
		return code
	}
	places := map[string]func(token string) int{
		"the other auth": func(token string) int { return status("http://"+sp.public["auth"], "/environment", token) },
		// Asked hundreds of times, for what Torii need not be asked: whoever may call gets 404.
		"proxy": func(token string) int {
			return status("http://"+sp.public["proxy"], "/proxy/nothing?integrated_account_id="+s.account, token)
		},
	}
	longest := make(map[string]time.Duration)
	for range 10 {
		id, token := makeToken(t, s)
		for place, ask := range places {
			if code := ask(token); code != http.StatusOK && code != http.StatusNotFound {
				t.Fatalf("%s, before: status %d", place, code)
			}
		}
		code, text := restOver{client: http.DefaultClient, base: second}.do(t, "DELETE", "/api-token/"+id, s.apiToken, nil, nil)
		revoked := time.Now()
		if code != http.StatusOK {
			t.Fatalf("revoking: status %d: %s", code, text)
		}
		for place, ask := range places {
			for ask(token) != http.StatusUnauthorized && time.Since(revoked) < 5*time.Second {
			}
			longest[place] = max(longest[place], time.Since(revoked))
		}
	}
	for _, place := range slices.Sorted(maps.Keys(longest)) {
		t.Logf("%s: %v at most", place, longest[place])
		if longest[place] >= time.Second {
			t.Errorf("%s took a revoked token for %v", place, longest[place])
		}
	}
}

// startReplica runs a second auth on the store and the keys of the first, and answers its address.
func (sp *split) startReplica(t *testing.T) string {
	t.Helper()
	sp.public["auth-2"], sp.internal["auth-2"] = kittest.FreeAddr(t), kittest.FreeAddr(t)
	sp.start(t, "auth-2", "")
	return "http://" + sp.public["auth-2"]
}

// makeToken makes an API token over the API.
func makeToken(t *testing.T, s stack) (id, secret string) {
	t.Helper()
	var made struct{ ID, Token string }
	post(t, s, "/api-token", fmt.Sprintf(`{"name":"made at %s"}`, time.Now().Format(time.TimeOnly)), &made)
	return made.ID, made.Token
}
