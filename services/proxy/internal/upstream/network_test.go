package upstream_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

func real(t *testing.T, engine string, change func(*upstream.Config)) upstream.Client {
	t.Helper()
	cfg := upstream.DefaultConfig()
	cfg.Engine, cfg.Retry.Attempts = engine, 1
	if change != nil {
		change(&cfg)
	}
	c, err := upstream.New(cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func at(t *testing.T, address string) *upstream.Request {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &upstream.Request{Method: "GET", URL: u}
}

func TestTLS(t *testing.T) { forEngines(t, testTLS) }

func testTLS(t *testing.T, engine string) {
	var resumed, full atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("spoke %s", r.Proto)
		}
		if r.TLS.DidResume {
			resumed.Add(1)
		} else {
			full.Add(1)
		}
		_, _ = w.Write([]byte("ok"))
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := real(t, engine, func(c *upstream.Config) { c.TLS = &tls.Config{RootCAs: roots} })
	for range 3 {
		if _, body, err := fetch(t, trusting, context.Background(), at(t, s.URL)); err != nil || body != "ok" {
			t.Fatalf("got %q, %v", body, err)
		}
		if err := trusting.Close(); err != nil { // the next call needs a new connection
			t.Fatal(err)
		}
	}
	if full.Load() != 1 || resumed.Load() != 2 {
		t.Errorf("%d full and %d resumed handshakes; want 1 and 2", full.Load(), resumed.Load())
	}
	_, err := real(t, engine, nil).Do(context.Background(), at(t, s.URL))
	if e := failure(t, err, upstream.KindTLS); e.Sent {
		t.Error("a failed handshake claims that the request was sent")
	}
}

func TestNoWayThere(t *testing.T) { forEngines(t, testNoWayThere) }

func testNoWayThere(t *testing.T, engine string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = real(t, engine, nil).Do(context.Background(), at(t, nobody))
	if e := failure(t, err, upstream.KindDial); e.Sent {
		t.Error("a refused connection claims that the request was sent")
	}

	unknown := real(t, engine, func(c *upstream.Config) {
		c.Dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}
		}
	})
	_, err = unknown.Do(context.Background(), at(t, nobody))
	if e := failure(t, err, upstream.KindDNS); e.Sent {
		t.Error("an unknown name claims that the request was sent")
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*upstream.Config){
		"engine":   func(c *upstream.Config) { c.Engine = "steam" },
		"timeout":  func(c *upstream.Config) { c.HeaderTimeout = 0 },
		"attempts": func(c *upstream.Config) { c.Retry.Attempts = 0 },
		"breaker":  func(c *upstream.Config) { c.Breaker.Open = 0 },
		"conns":    func(c *upstream.Config) { c.ConnsPerOrigin = -1 },
	} {
		cfg := upstream.DefaultConfig()
		change(&cfg)
		if _, err := upstream.New(cfg, slog.New(slog.DiscardHandler), time.Now); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
