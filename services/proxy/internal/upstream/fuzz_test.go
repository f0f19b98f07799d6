package upstream_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// outcome is all that a caller sees of a call.
type outcome struct {
	Status int
	Header http.Header
	Length int64
	Body   string
	Kind   upstream.Kind
	Sent   bool
}

// outcomeOf makes one call of a provider that says raw and hangs up.
func outcomeOf(t *testing.T, engine string, r *upstream.Request, raw []byte) outcome {
	t.Helper()
	p := &provider{engine: engine, answer: func(_ int, _ *http.Request, c net.Conn) bool {
		_, _ = c.Write(raw) // the client may hang up first
		return false
	}}
	client := p.client(t, func(c *upstream.Config) { c.Retry.Attempts, c.MaxBody, c.MaxHeader = 1, 4000, 4000 })
	defer p.stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	resp, body, err := fetch(t, client, ctx, r)
	if ctx.Err() != nil {
		t.Errorf("%s: no end to %.200q", engine, raw)
	}
	var o outcome
	if resp != nil {
		o = outcome{Status: resp.Status, Header: resp.Header, Length: resp.ContentLength, Body: body}
	}
	var e *upstream.Error
	if errors.As(err, &e) {
		o.Kind, o.Sent = e.Kind, e.Sent
	} else if err != nil {
		t.Errorf("%s: an error that is none of ours: %v", engine, err)
	}
	return o
}

// FuzzEngines: whatever a provider says, both engines make the same of it.
func FuzzEngines(f *testing.F) { fuzzEngines(f, "") }

// FuzzEnginesTLS: so they do over TLS.
func FuzzEnginesTLS(f *testing.F) { fuzzEngines(f, overTLS) }

func fuzzEngines(f *testing.F, over string) {
	for _, raw := range []string{
		ok, "", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nuntil the end",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n3;x=y\r\none\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n" + ok, "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\none" + ok,
		"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 304 Not Modified\r\n\r\n" + ok,
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 7) + ok,
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nrest", ok + ok,
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /\r\nConnection: close, x\r\nX: 1\r\n\r\n", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 5000) + "\r\n\r\n", "HTTP/1.0 000 0\n\n",
		"HTTP/1.1 200 OK\r\nX: \xff" + strings.Repeat("y", 5000) + "\r\n\r\n",
	} {
		for method := range byte(3) {
			f.Add(method, []byte(raw))
		}
	}
	f.Fuzz(func(t *testing.T, method byte, raw []byte) {
		request := func() *upstream.Request {
			switch r := get("/"); method % 3 {
			case 0:
				return r
			case 1:
				r.Method = "HEAD"
				return r
			}
			return put("body")
		}
		reference := outcomeOf(t, upstream.EngineStandard+over, request(), raw)
		ours := outcomeOf(t, upstream.EngineDirect+over, request(), raw)
		if diff := cmp.Diff(reference, ours); diff != "" {
			t.Errorf("%s of %.200q (-standard +direct):\n%s", request().Method, raw, diff)
		}
	})
}
