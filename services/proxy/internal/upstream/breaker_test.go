package upstream_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

func single(c *upstream.Config) { c.Retry.Attempts = 1 }

func TestBreaker(t *testing.T) { forEngines(t, testBreaker) }

func testBreaker(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		text := refusal(503, "")
		p := &provider{engine: engine, answer: func(n int, r *http.Request, c net.Conn) bool { return say(text)(n, r, c) }}
		client := p.client(t, single)
		call := func() error {
			_, _, err := fetch(t, client, t.Context(), get("/"))
			return err
		}
		for range 10 {
			if err := call(); err != nil {
				t.Fatal(err)
			}
		}
		if e := failure(t, call(), upstream.KindBreakerOpen); e.Sent || e.RetryAfter != 5*time.Second {
			t.Errorf("refusal is %+v", e)
		}
		other := get("/")
		other.Key = "other"
		if _, _, err := fetch(t, client, t.Context(), other); err != nil {
			t.Errorf("another key suffers: %v", err)
		}
		sent := p.requests.Load()
		time.Sleep(5*time.Second + time.Millisecond)
		if err := call(); err != nil { // the one that may try
			t.Fatal(err)
		}
		failure(t, call(), upstream.KindBreakerOpen)
		if n := p.requests.Load() - sent; n != 1 {
			t.Errorf("%d calls tried a failing provider; want 1", n)
		}
		text = ok
		time.Sleep(5*time.Second + time.Millisecond)
		for range 3 {
			if err := call(); err != nil {
				t.Errorf("after recovery: %v", err)
			}
		}
	})
}

func TestBreakerIgnores(t *testing.T) { forEngines(t, testBreakerIgnores) }

func testBreakerIgnores(t *testing.T, engine string) {
	for name, c := range map[string]struct {
		answer string
		limit  time.Duration
	}{
		"success between failures":    {"", 0},
		"the caller's own impatience": {"silent", time.Second},
		"too many requests":           {refusal(429, ""), 0},
		"plain failures":              {refusal(500, ""), 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{engine: engine, answer: func(n int, r *http.Request, conn net.Conn) bool {
					switch {
					case c.answer == "silent":
						return silent(n, r, conn)
					case c.answer != "":
						return say(c.answer)(n, r, conn)
					case n%10 == 0:
						return say(ok)(n, r, conn)
					}
					return say(refusal(503, ""))(n, r, conn)
				}}
				client := p.client(t, single)
				for range 40 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if c.limit > 0 {
						ctx, cancel = context.WithTimeout(t.Context(), c.limit)
					}
					_, _, err := fetch(t, client, ctx, get("/"))
					cancel()
					if err != nil && c.limit == 0 {
						t.Fatal(err)
					}
				}
				if n := p.requests.Load(); n != 40 {
					t.Errorf("%d of 40 calls were let through", n)
				}
			})
		})
	}
}
