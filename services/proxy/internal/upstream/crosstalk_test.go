package upstream_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// Answers never get mixed up, whatever happens to the calls around them: calls
// that are cancelled at any moment, bodies that are left unread or half read,
// answers that break off. What a provider sends beyond its answers has a suite
// of its own, [TestS1Surplus].
func TestNoCrosstalk(t *testing.T) { forWires(t, testNoCrosstalk) }

func testNoCrosstalk(t *testing.T, engine string) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("id")
		n := rand.IntN(3000)
		switch rand.IntN(8) {
		case 0: // chunks
			for range 3 {
				fmt.Fprintf(w, "%s\n", id)
				w.(http.Flusher).Flush()
			}
			n = 0
		case 1:
			w.Header().Set("Content-Length", "1000000")
			fmt.Fprintf(w, "%s\n", id)
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Connection", "close")
		case 3:
			w.WriteHeader(http.StatusNoContent)
			return
		}
		for range n {
			fmt.Fprintf(w, "%s\n", id)
		}
	}))
	engine, secured := strings.CutSuffix(engine, overTLS)
	if secured {
		s.TLS = serverTLS(0)
		s.StartTLS()
	} else {
		s.Start()
	}
	defer s.Close()
	client := real(t, engine, func(c *upstream.Config) {
		c.IdlePerOrigin, c.TLS = 8, clientTLS()
		c.TLS.ServerName = "provider.test"
	})
	var whole, broken atomic.Int64
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := range 60 {
				id := fmt.Sprintf("%d-%d", worker, i)
				if disturbed(t, client, at(t, s.URL+"/?id="+id), id) {
					whole.Add(1)
				} else {
					broken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if whole.Load() == 0 || broken.Load() == 0 {
		t.Errorf("%d whole and %d broken answers: nothing was tried", whole.Load(), broken.Load())
	}
}

// disturbed makes a call that may be given up at any point, and fails the test
// if it gets anything that belongs to another one. It reports whether it got
// the whole answer.
func disturbed(t *testing.T, client upstream.Client, r *upstream.Request, id string) bool {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if rand.IntN(3) == 0 {
		timer := time.AfterFunc(rand.N(3*time.Millisecond), cancel)
		defer timer.Stop()
	}
	resp, err := client.Do(ctx, r)
	if err != nil {
		return false
	}
	var read io.Reader = resp.Body
	half := rand.IntN(4) == 0
	if half {
		read = io.LimitReader(resp.Body, int64(rand.IntN(5000)))
	}
	b, err := io.ReadAll(read)
	if closeErr := resp.Body.Close(); closeErr != nil {
		t.Errorf("close: %v", closeErr)
	}
	whole := err == nil && !half
	lines := strings.SplitAfter(string(b), "\n")
	for _, line := range lines[:len(lines)-1] {
		if line != id+"\n" {
			t.Errorf("call %s got %q", id, line)
			return whole
		}
	}
	if last := lines[len(lines)-1]; !strings.HasPrefix(id, last) || whole && last != "" {
		t.Errorf("call %s ends with %q", id, last)
	}
	if n, ok := resp.Header["Content-Length"]; ok && whole && n[0] != strconv.Itoa(len(b)) {
		t.Errorf("call %s got %d bytes of %s without an error", id, len(b), n[0])
	}
	return whole
}
