package access

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/grant"
)

// crowd fills a cache with callers of a token and an account each.
func crowd(n int) *cache {
	c := newCache()
	for i := range n {
		var d digest
		binary.BigEndian.PutUint64(d[:], uint64(i))
		g := &grant.Grant{TokenID: fmt.Sprint("t", i), Accounts: []string{fmt.Sprint("a", i/2)}}
		c.put(d, &entry{caller: &Caller{Grant: g}, expiresAt: time.Now().Add(time.Hour)}, 0)
	}
	return c
}

// TestS15RevocationIsIndexed: a revocation costs the entries that it hits, and what is gone leaves nothing in the index.
func TestS15RevocationIsIndexed(t *testing.T) {
	c := crowd(1000)
	for _, tt := range []struct {
		tokens, accounts []string
		hit, left        int
	}{
		{[]string{"t1"}, nil, 1, 999},
		{[]string{"t1"}, []string{"a0"}, 1, 998},
		{nil, []string{"a7", "a8"}, 4, 994},
		{[]string{"unknown"}, []string{"unknown"}, 0, 994},
	} {
		if hit := c.revoke(time.Now(), tt.tokens, tt.accounts); hit != tt.hit || c.size() != tt.left {
			t.Errorf("%v %v: %d hit, %d left", tt.tokens, tt.accounts, hit, c.size())
		}
	}
	c.sweep(time.Now().Add(2 * time.Hour))
	if len(c.byID) != 0 || c.size() != 0 {
		t.Errorf("%d ids and %d entries are left", len(c.byID), c.size())
	}
}

// TestS15OneRefresh: of all callers that find an entry due, one starts the refresh, and none again while it may still run.
func TestS15OneRefresh(t *testing.T) {
	now := time.Now()
	e := &entry{refreshAt: now}
	for _, at := range []time.Time{now.Add(time.Second), now.Add(time.Second + 2*retryRefresh)} {
		var started atomic.Int64
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				if e.due(at) {
					started.Add(1)
				}
			})
		}
		calls.Wait()
		if started.Load() != 1 {
			t.Errorf("%d refreshes were started", started.Load())
		}
	}
	if e.due(now) {
		t.Error("due too early")
	}
}

func BenchmarkRevoke(b *testing.B) {
	c := crowd(100_000)
	for b.Loop() {
		c.revoke(time.Now(), []string{"t5"}, []string{"a9"})
	}
}
