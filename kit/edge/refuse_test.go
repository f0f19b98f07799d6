package edge_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestS2EmptyKey: a key that is empty is refused by name at every door, and not
// taken for none: its sender believes that the call is safe to repeat.
func TestS2EmptyKey(t *testing.T) {
	for _, d := range doors() {
		t.Run(d.name, func(t *testing.T) {
			f := start(t)
			for key, want := range map[string]bool{"": false, " \t": false, "k": true} {
				raw := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\nIdempotency-Key: %s\r\n\r\n%s",
					d.path, d.media, len(d.whole), key, d.whole)
				answer := f.exchange(t, raw)
				if got := !strings.Contains(string(answer), "Idempotency-Key is empty"); got != want {
					t.Errorf("key %q: taken is %v, want %v: %q", key, got, want, answer)
				}
			}
		})
	}
}
