package upstream_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

func packed(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func answered(header, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s", len(body), header, body)
}

func chunked(header string, chunks ...string) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + header + "\r\n")
	for _, c := range chunks {
		fmt.Fprintf(&b, "%x\r\n%s\r\n", len(c), c)
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

func TestAnswers(t *testing.T) { forWires(t, testAnswers) }

func testAnswers(t *testing.T, engine string) {
	big := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name, raw string
		body      string
		length    int64
		header    http.Header
	}{
		{name: "length", raw: ok, body: "ok", length: 2, header: http.Header{"Content-Length": {"2"}}},
		{name: "chunks", raw: chunked("", "one", "two"), body: "onetwo", length: -1, header: http.Header{}},
		{name: "no content", raw: "HTTP/1.1 204 No Content\r\n\r\n", header: http.Header{}},
		{name: "interim answers are skipped", raw: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, body: "ok", length: 2, header: http.Header{"Content-Length": {"2"}}},
		{
			name: "hop-by-hop", raw: answered("Connection: keep-alive, x-hop\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nProxy-Authenticate: x\r\nUpgrade: h2c\r\nX-End: 1\r\n", "a"),
			body: "a", length: 1, header: http.Header{"Content-Length": {"1"}, "X-End": {"1"}},
		},
		{
			name: "gzip", raw: answered("Content-Encoding: gzip\r\n", packed(t, big)),
			body: big, length: -1, header: http.Header{},
		},
		{
			name: "gzip in chunks, several members", raw: chunked("Content-Encoding: GZIP\r\n", packed(t, "a"), packed(t, "b")),
			body: "ab", length: -1, header: http.Header{},
		},
		{name: "gzip of nothing at all", raw: answered("Content-Encoding: gzip\r\n", ""), length: -1, header: http.Header{}},
		{name: "identity", raw: answered("Content-Encoding: identity\r\n", "i"), body: "i", length: 1, header: http.Header{"Content-Length": {"1"}}},
		{
			name: "redirects are answers", raw: "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
			header: http.Header{"Location": {"/x"}, "Content-Length": {"0"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &provider{engine: engine, answer: say(c.raw)}
			client := p.client(t, nil)
			for range 2 {
				resp, body, err := fetch(t, client, context.Background(), get("/"))
				if err != nil {
					t.Fatal(err)
				}
				if body != c.body || resp.ContentLength != c.length {
					t.Errorf("body is %.20q, length %d; want %.20q, %d", body, resp.ContentLength, c.body, c.length)
				}
				if diff := cmp.Diff(c.header, resp.Header); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
			}
			if n := p.conns.Load(); n != 1 {
				t.Errorf("two calls took %d connections", n)
			}
		})
	}
}

func TestBadAnswers(t *testing.T) { forWires(t, testBadAnswers) }

func testBadAnswers(t *testing.T, engine string) {
	small := func(c *upstream.Config) { c.MaxBody, c.MaxHeader = 1000, 2000 }
	for _, c := range []struct {
		name, raw string
		kind      upstream.Kind
	}{
		{"not HTTP", "SSH-2.0-OpenSSH\r\n\r\n", upstream.KindProtocol},
		{"bad length", "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok", upstream.KindProtocol},
		{"nothing", "", upstream.KindReset},
		{"cut in the header", "HTTP/1.1 200 OK\r\nX-A: b\r\n", upstream.KindReset},
		{"cut in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", upstream.KindReset},
		{"cut between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n", upstream.KindReset},
		{"bad chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\none\r\n0\r\n\r\n", upstream.KindProtocol},
		{"body over the limit", answered("", strings.Repeat("x", 1001)), upstream.KindTooLarge},
		{"chunks over the limit", chunked("", strings.Repeat("x", 600), strings.Repeat("y", 600)), upstream.KindTooLarge},
		{"gzip bomb", answered("Content-Encoding: gzip\r\n", packed(t, strings.Repeat("x", 100000))), upstream.KindTooLarge},
		{"gzip cut", answered("Content-Encoding: gzip\r\n", packed(t, "some text")[:20]), upstream.KindProtocol},
		{"gzip altered", answered("Content-Encoding: gzip\r\n", strings.Replace(packed(t, "some text"), "\x1f", "\x1e", 1)), upstream.KindProtocol},
		{"gzip with a tail", answered("Content-Encoding: gzip\r\n", packed(t, "some text")+"tail"), upstream.KindProtocol},
		{"coding not asked for", answered("Content-Encoding: br\r\n", "x"), upstream.KindProtocol},
		{"two codings", answered("Content-Encoding: gzip, gzip\r\n", "x"), upstream.KindProtocol},
		{"header over the limit", answered("X-Big: "+strings.Repeat("x", 3000)+"\r\n", "x"), upstream.KindTooLarge},
		{"switched protocols", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", upstream.KindProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &provider{engine: engine, answer: func(_ int, _ *http.Request, conn net.Conn) bool {
				_, _ = conn.Write([]byte(c.raw)) // the client may hang up on it
				return false
			}}
			client := p.client(t, small)
			_, body, err := fetch(t, client, context.Background(), put("data"))
			e := failure(t, err, c.kind)
			if !e.Sent {
				t.Error("the error denies that the request was sent")
			}
			if n := p.requests.Load(); n != 1 {
				t.Errorf("a write was sent %d times", n)
			}
			if len(body) > 1000+512 {
				t.Errorf("%d bytes were handed on", len(body))
			}
		})
	}
}

func TestRequestHeader(t *testing.T) { forWires(t, testRequestHeader) }

func testRequestHeader(t *testing.T, engine string) {
	var got http.Header
	var host string
	p := &provider{engine: engine, answer: func(_ int, r *http.Request, c net.Conn) bool {
		got, host = r.Header, r.Host
		return say(ok)(0, r, c)
	}}
	client := p.client(t, nil)
	given := http.Header{
		"authorization": {"Bearer x"}, "Connection": {"close, x-hop"}, "X-Hop": {"1"}, "Te": {"trailers"},
		"Host": {"elsewhere"}, "Accept-Encoding": {"br"}, "Content-Length": {"99"}, "Expect": {"100-continue"},
		"Idempotency-Key": {"k"}, "X-Api-Version": {"1.1"},
	}
	before := given.Clone()
	r := put("body")
	r.Header = given
	if _, _, err := fetch(t, client, context.Background(), r); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Authorization": {"Bearer x"}, "Accept-Encoding": {"gzip"}, "Content-Length": {"4"},
		"User-Agent": {"sando"}, "X-Api-Version": {"1.1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("header sent (-want +got):\n%s", diff)
	}
	if host != "provider.test" {
		t.Errorf("host sent is %q", host)
	}
	if diff := cmp.Diff(before, given); diff != "" {
		t.Errorf("the caller's header was changed:\n%s", diff)
	}
}

func TestInvalidRequests(t *testing.T) { forWires(t, testInvalidRequests) }

func testInvalidRequests(t *testing.T, engine string) {
	p := &provider{engine: engine, answer: say(ok)}
	client := p.client(t, nil)
	for name, change := range map[string]func(*upstream.Request){
		"no URL":           func(r *upstream.Request) { r.URL = nil },
		"no host":          func(r *upstream.Request) { r.URL.Host = "" },
		"scheme":           func(r *upstream.Request) { r.URL.Scheme = "file" },
		"user information": func(r *upstream.Request) { r.URL.User = url.User("u") },
		"no method":        func(r *upstream.Request) { r.Method = "" },
		"odd method":       func(r *upstream.Request) { r.Method = "GET / HTTP/1.1\r\nX: y" },
		"odd host":         func(r *upstream.Request) { r.URL.Host = "a b" },
		"odd name":         func(r *upstream.Request) { r.Header = http.Header{"X Y": {"z"}} },
		"odd value":        func(r *upstream.Request) { r.Header = http.Header{"X": {"y\r\nZ: 1"}} },
		"tunnel":           func(r *upstream.Request) { r.Method = "CONNECT" },
	} {
		t.Run(name, func(t *testing.T) {
			r := get("/")
			change(r)
			_, err := client.Do(context.Background(), r)
			if e := failure(t, err, upstream.KindInvalid); e.Sent {
				t.Error("the error claims that something was sent")
			}
		})
	}
	if p.conns.Load() != 0 {
		t.Error("a connection was made")
	}
}
