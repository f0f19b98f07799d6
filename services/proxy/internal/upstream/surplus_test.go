package upstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// A tail is an answer, to the caller that id names, and what comes after it.
type tail struct {
	name    string
	method  string
	answer  func(id string) string
	surplus func(id string) string // nil hangs up, halfway
	short   bool                   // the answer is not over without the surplus
}

func whole(id string) string { return answered("", id) }

func fixed(raw string) func(string) string { return func(string) string { return raw } }

func tails() []tail {
	all := []tail{
		{name: "doubled", answer: whole, surplus: whole},
		{name: "doubled, in chunks", answer: func(id string) string { return chunked("", id) }, surplus: whole},
		{name: "too long", answer: whole, surplus: fixed("and more")},
		{name: "too long by one", answer: whole, surplus: fixed("x")},
		{name: "a line too long", answer: whole, surplus: fixed("\r\n")},
		{name: "too short", short: true, surplus: whole, answer: func(id string) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id)+10, id)
		}},
		{name: "a body after HEAD", method: "HEAD", answer: func(id string) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(whole(id)))
		}, surplus: whole},
		{name: "a body after a plain HEAD", method: "HEAD", answer: fixed("HTTP/1.1 200 OK\r\n\r\n"), surplus: whole},
		{name: "a body after an interim answer", answer: func(id string) string {
			return fmt.Sprintf("HTTP/1.1 100 Continue\r\nContent-Length: %d\r\n\r\n%s", len(whole(id)), whole(id))
		}, surplus: whole},
		{name: "an interim answer too late", answer: whole, surplus: fixed("HTTP/1.1 100 Continue\r\n\r\n")},
		{name: "chunks and a length", answer: func(id string) string {
			return strings.Replace(chunked("", id), "\r\n", "\r\nContent-Length: 2\r\n", 1)
		}, surplus: whole},
		{name: "timed out", answer: whole, surplus: fixed("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")},
		{name: "hung up", answer: whole},
	}
	for _, status := range []int{204, 304} {
		for _, header := range []string{"", "Content-Length: 50\r\n", "Transfer-Encoding: chunked\r\n"} {
			all = append(all, tail{
				name:    fmt.Sprintf("a body after %d %.6s", status, header),
				answer:  fixed(fmt.Sprintf("HTTP/1.1 %d No Body\r\n%s\r\n", status, header)),
				surplus: whole,
			})
		}
	}
	return all
}

// When the surplus comes.
const (
	atOnce   = "with the answer"
	late     = "after the answer was read"
	inHalves = "in halves, the second of them never before the next request"
)

// A confused provider answers /tail/... with a tail, and anything else well.
type confused struct {
	tail  tail
	how   carriage
	delay string
	over  chan struct{} // the answer was read
	sent  chan struct{} // the surplus was sent

	dials atomic.Int64
	wg    sync.WaitGroup
}

func (p *confused) dial(context.Context, string, string) (net.Conn, error) {
	near, c, err := socketPair()
	if err != nil {
		return nil, err
	}
	p.dials.Add(1)
	p.wg.Go(func() { p.serve(newFar(c, p.how)) })
	return near, nil
}

// serve goes on until the client has left: what cannot be sent any more is of
// no interest.
func (p *confused) serve(c *far) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_ = c.rest()
		id := strings.TrimPrefix(r.URL.Path, "/")
		if !strings.HasPrefix(id, "tail/") {
			_ = c.say(false, whole(id))
			continue
		}
		p.answer(c, id)
		p.sent <- struct{}{}
	}
}

func (p *confused) answer(c *far, id string) {
	surplus := ""
	if p.tail.surplus != nil {
		surplus = p.tail.surplus(id)
	}
	switch {
	case surplus == "":
		_ = c.say(false, p.tail.answer(id))
		<-p.over
		_ = c.hangUp()
	case p.delay == late && !p.tail.short:
		_ = c.say(false, p.tail.answer(id))
		<-p.over
		_ = c.say(false, surplus)
	case p.delay == inHalves && !p.tail.short:
		_ = c.say(false, p.tail.answer(id))
		_ = c.say(true, surplus)
	default:
		_ = c.say(false, p.tail.answer(id), surplus)
	}
}

// hangUp tells the client that nothing more comes, and goes on reading.
func (f *far) hangUp() error {
	if half, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return f.below.Conn.(*net.UnixConn).CloseWrite()
}

// TestS1Surplus: whatever a provider sends beyond its answer, in whatever
// pieces, reaches nobody else.
func TestS1Surplus(t *testing.T) {
	for _, how := range carriages() {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			for _, tail := range tails() {
				for _, delay := range []string{atOnce, late, inHalves} {
					testSurplus(t, &confused{tail: tail, how: how, delay: delay, over: make(chan struct{}, 1), sent: make(chan struct{}, 1)})
				}
			}
		})
	}
}

func testSurplus(t *testing.T, p *confused) {
	name := p.tail.name + ", " + p.delay
	client := p.client(t)
	first := get("/tail/of-one-account")
	if p.tail.method != "" {
		first.Method = p.tail.method
	}
	_, body, err := fetch(t, client, context.Background(), first)
	if strings.Contains(body, "another") {
		t.Errorf("%s: one account got %q, %v", name, body, err)
	}
	p.over <- struct{}{}
	<-p.sent
	for i := range 2 {
		id := fmt.Sprintf("another-account-%d", i)
		if resp, body, err := fetch(t, client, context.Background(), get("/"+id)); err != nil || resp.Status != 200 || body != id {
			t.Errorf("%s: call %s got %v, %q, %v", name, id, resp, body, err)
		}
	}
	p.stop(t, client)
}

func (p *confused) client(t *testing.T) upstream.Client {
	t.Helper()
	client := real(t, upstream.EngineDirect, func(c *upstream.Config) { c.Dial, c.TLS = p.dial, clientTLS() })
	if p.how.version > 0 {
		return tlsClient{client}
	}
	return client
}

func (p *confused) stop(t *testing.T, client io.Closer) {
	t.Helper()
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	p.wg.Wait()
}

// A connection is used again as long as its answers end where they say, in
// whatever pieces they come.
func TestS1GoodConnectionsAreKept(t *testing.T) {
	for _, how := range carriages() {
		t.Run(how.name, func(t *testing.T) {
			p := &confused{how: how}
			client := p.client(t)
			for i := range 50 {
				id := fmt.Sprintf("account-%d", i)
				if _, body, err := fetch(t, client, context.Background(), get("/"+id)); err != nil || body != id {
					t.Fatalf("call %s got %q, %v", id, body, err)
				}
			}
			p.stop(t, client)
			if n := p.dials.Load(); n != 1 {
				t.Errorf("50 calls took %d connections", n)
			}
		})
	}
}

// Where it is not clear where an answer ends, its connection is not kept, nor
// is any for a while after bytes that nobody asked for.
func TestS1Reuse(t *testing.T) {
	for _, c := range []struct {
		name, method, raw string
		conns             int64
	}{
		{"length", "GET", ok, 1},
		{"chunks", "GET", chunked("", "one"), 1},
		{"plain 204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", 1},
		{"204 of no length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 1},
		{"204 with a length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 3},
		{"204 in chunks", "GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 3},
		{"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 3},
		{"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 3},
		{"plain HEAD", "HEAD", "HTTP/1.1 200 OK\r\n\r\n", 1},
		{"interim", "GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, 1},
		{"interim with a length", "GET", "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + ok, 3},
		{"length twice", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok", 3},
		{"chunks and a length", "GET", strings.Replace(chunked("", "ok"), "\r\n", "\r\nCONTENT-LENGTH: 2\r\n", 1), 3},
		{"surplus", "GET", ok + "x", 3},
	} {
		forWires := map[string]string{"plaintext": upstream.EngineDirect, "TLS": upstream.EngineDirect + overTLS}
		for wire, engine := range forWires {
			t.Run(c.name+" over "+wire, func(t *testing.T) {
				p := &provider{engine: engine, answer: say(c.raw)}
				client := p.client(t, nil)
				for range 3 {
					r := get("/")
					r.Method = c.method
					if _, _, err := fetch(t, client, context.Background(), r); err != nil {
						t.Fatal(err)
					}
				}
				if n := p.conns.Load(); n != c.conns {
					t.Errorf("3 calls took %d connections; want %d", n, c.conns)
				}
			})
		}
	}
}

// Two lengths that differ are no answer.
func TestS1TwoLengths(t *testing.T) {
	forWires(t, func(t *testing.T, engine string) {
		p := &provider{engine: engine, answer: say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokx")}
		client := p.client(t, func(c *upstream.Config) { c.Retry.Attempts = 1 })
		for range 2 {
			_, err := client.Do(context.Background(), get("/"))
			failure(t, err, upstream.KindProtocol)
		}
		if n := p.conns.Load(); n != 2 {
			t.Errorf("2 calls took %d connections", n)
		}
	})
}

// After surplus bytes no connection is kept, though the answers be good.
func TestS1Distrust(t *testing.T) {
	p := &confused{tail: tails()[0], how: carriage{}, delay: atOnce, over: make(chan struct{}, 1), sent: make(chan struct{}, 1)}
	client := p.client(t)
	for _, path := range []string{"/good", "/tail/x", "/good", "/good"} {
		if _, _, err := fetch(t, client, context.Background(), get(path)); err != nil {
			t.Fatal(err)
		}
	}
	<-p.sent
	p.stop(t, client)
	if n := p.dials.Load(); n != 3 {
		t.Errorf("4 calls, the second with a surplus, took %d connections; want 3", n)
	}
}
