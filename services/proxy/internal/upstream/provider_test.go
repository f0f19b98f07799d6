package upstream_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// forEngines runs a test for each engine: what the one does, the other does.
func forEngines(t *testing.T, test func(t *testing.T, engine string)) {
	for _, engine := range []string{upstream.EngineStandard, upstream.EngineDirect} {
		t.Run(engine, func(t *testing.T) { test(t, engine) })
	}
}

// A provider is the far end of connections, in memory or, over TLS, of the
// system. It answers in raw bytes, so that it can answer wrongly.
type provider struct {
	engine string // with overTLS at its end for a provider that speaks TLS
	// answer writes to c what request number n (from 1) gets, and reports
	// whether the connection stays open.
	answer func(n int, r *http.Request, c net.Conn) bool

	conns, requests, bytes atomic.Int64
	wg                     sync.WaitGroup
	mu                     sync.Mutex
	open                   []net.Conn
	stopped                bool
}

// say is an answer of fixed bytes on a connection that stays open.
func say(raw string) func(int, *http.Request, net.Conn) bool {
	return func(_ int, _ *http.Request, c net.Conn) bool {
		_, err := io.WriteString(c, raw)
		return err == nil
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func (p *provider) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return nil, net.ErrClosed
	}
	near, far := net.Pipe()
	if strings.HasSuffix(p.engine, overTLS) {
		var err error
		if near, far, err = socketPair(); err != nil {
			return nil, err
		}
		far = tls.Server(far, serverTLS(tls.VersionTLS13))
	}
	p.conns.Add(1)
	p.open = append(p.open, far)
	p.wg.Go(func() { p.serve(far) })
	return near, nil
}

func (p *provider) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(&counted{c, &p.bytes})
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		n := int(p.requests.Add(1))
		if _, err := io.Copy(io.Discard, r.Body); err != nil || !p.answer(n, r, c) {
			return
		}
	}
}

func (p *provider) stop() {
	p.mu.Lock()
	p.stopped = true
	for _, c := range p.open {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// client makes a client whose every connection leads to p.
func (p *provider) client(t *testing.T, change func(*upstream.Config)) upstream.Client {
	t.Helper()
	cfg := upstream.DefaultConfig()
	var secured bool
	cfg.Engine, secured = strings.CutSuffix(p.engine, overTLS)
	cfg.Dial, cfg.TLS = p.dial, clientTLS()
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
		p.stop()
	})
	if secured {
		return tlsClient{c}
	}
	return c
}

func get(path string) *upstream.Request {
	return &upstream.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "provider.test", Path: path}, Key: "k"}
}

func put(body string) *upstream.Request {
	r := get("/thing")
	r.Method, r.Write, r.Body, r.ContentLength = "PUT", true, strings.NewReader(body), int64(len(body))
	r.GetBody = func() (io.Reader, error) { return strings.NewReader(body), nil }
	return r
}

// read gives the whole body of an answer.
func read(t *testing.T, resp *upstream.Response) (string, error) {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err := resp.Body.Close(); err != nil {
		t.Errorf("close the body: %v", err)
	}
	return string(b), err
}

// fetch sends r and reads the answer, up to the first error.
func fetch(t *testing.T, c upstream.Client, ctx context.Context, r *upstream.Request) (*upstream.Response, string, error) {
	t.Helper()
	resp, err := c.Do(ctx, r)
	if err != nil {
		return nil, "", err
	}
	body, err := read(t, resp)
	return resp, body, err
}

// failure asserts that err is an *upstream.Error of the kind.
func failure(t *testing.T, err error, kind upstream.Kind) *upstream.Error {
	t.Helper()
	var e *upstream.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v; want one of kind %s", err, kind)
	}
	if e.Kind != kind {
		t.Fatalf("error is of kind %s (%v); want %s", e.Kind, e, kind)
	}
	return e
}
