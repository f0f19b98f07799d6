package grants

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/store"
)

// TestS15RevocationIsIndexed: a revocation costs the entries that it hits, and what is gone leaves nothing in the index.
func TestS15RevocationIsIndexed(t *testing.T) {
	c := newCache()
	for i := range 1000 {
		var d digest
		binary.BigEndian.PutUint64(d[:], uint64(i))
		c.put(d, &entry{tokens: []string{fmt.Sprint("t", i), "second"}, accounts: []string{fmt.Sprint("a", i/2)}, until: time.Now().Add(time.Hour)}, 0)
	}
	for _, tt := range []struct {
		event store.Event
		hit   int
	}{
		{store.Event{TokenIDs: []string{"t1"}}, 1},
		{store.Event{TokenIDs: []string{"t1"}, AccountIDs: []string{"a0"}}, 1},
		{store.Event{AccountIDs: []string{"a7", "unknown"}}, 2},
		{store.Event{TokenIDs: []string{"second"}}, 996},
	} {
		if hit := c.forget([]store.Event{tt.event}); hit != tt.hit {
			t.Errorf("%+v: %d hit", tt.event, hit)
		}
	}
	if len(c.byID) != 0 || len(c.entries) != 0 {
		t.Errorf("%d ids and %d entries are left", len(c.byID), len(c.entries))
	}
}
