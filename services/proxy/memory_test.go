package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

// hotAccount is the most memory that an account may take that was called within
// the minute: its credential, its rate budget, and what else is kept for it.
const hotAccount = 512

// TestHotAccountsAreSmall calls for many accounts, each on an organisation of
// its own, and looks what the process keeps of each.
func TestHotAccountsAreSmall(t *testing.T) {
	const accounts, before = 6_000, 600
	page := usersPage(1)
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(page)
	}))
	t.Cleanup(provider.Close)
	b := newBench(t, emulator.Options{}, quiet, func(cfg *Config, _ *Deps) {
		cfg.BaseURLs = map[string]string{"torii": provider.URL}
	})
	b.auth.forgetful = true
	for i := range accounts {
		b.auth.link(hotID(i), environment, fmt.Sprint(100_000+i), fmt.Sprintf("%032d", i))
	}
	call := func(from, to int) {
		for i := from; i < to; i++ {
			w := &discard{header: http.Header{}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/proxy/users?limit=1&integrated_account_id="+hotID(i), nil)
			r.Header.Set("Authorization", "Bearer "+tokenAll)
			b.handler.ServeHTTP(w, r)
			if w.n < int64(len(page)) {
				t.Fatalf("%d bytes for account %d", w.n, i)
			}
		}
	}
	call(0, before)
	small := b.heap(before)
	call(before, accounts)
	each := (b.heap(accounts) - small) / (accounts - before)
	t.Logf("%d bytes an account", each)
	if each > hotAccount {
		t.Errorf("%d bytes for each account, want %d at most", each, hotAccount)
	}
	runtime.KeepAlive(b)
}

// hotID is as long as the ids that auth gives.
func hotID(i int) string { return fmt.Sprintf("01960000-0000-7000-8000-%012d", i) }

// heap is the memory in use after a collection, once so many calls are on the
// request log.
func (b *bench) heap(calls int) int64 {
	b.eventually("the request log has all calls", func() bool {
		b.auth.mu.Lock()
		defer b.auth.mu.Unlock()
		return b.auth.appended >= calls
	})
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
