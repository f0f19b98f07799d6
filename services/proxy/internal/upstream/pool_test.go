package upstream_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

func TestConnectionsAreBounded(t *testing.T) { forEngines(t, testConnectionsAreBounded) }

func testConnectionsAreBounded(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		var busy, most atomic.Int64
		p := &provider{engine: engine, answer: func(n int, r *http.Request, c net.Conn) bool {
			now := busy.Add(1)
			for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
			}
			time.Sleep(time.Second)
			busy.Add(-1)
			return say(ok)(n, r, c)
		}}
		client := p.client(t, func(c *upstream.Config) { c.ConnsPerOrigin = 3 })
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, _, err := fetch(t, client, t.Context(), get("/")); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // three are under way, the others in line
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := client.Do(ctx, get("/impatient"))
		if e := failure(t, err, upstream.KindTimeout); e.Sent {
			t.Error("a call that never had a connection claims that it was sent")
		}
		wg.Wait()
		if most.Load() != 3 || p.conns.Load() != 3 {
			t.Errorf("%d calls at once over %d connections; want 3", most.Load(), p.conns.Load())
		}
	})
}

func TestIdleConnectionsGo(t *testing.T) { forEngines(t, testIdleConnectionsGo) }

func testIdleConnectionsGo(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int64
		p := &provider{engine: engine, answer: say(ok)}
		client := p.client(t, func(c *upstream.Config) {
			c.IdlePerOrigin = 4
			c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
				near, err := p.dial(ctx, network, address)
				open.Add(1)
				return &closing{Conn: near, closed: func() { open.Add(-1) }}, err
			}
		})
		burst := func() {
			var wg sync.WaitGroup
			var together sync.WaitGroup
			together.Add(8)
			for range 8 {
				wg.Go(func() {
					resp, err := client.Do(t.Context(), get("/"))
					if err != nil {
						t.Error(err)
						return
					}
					together.Done()
					together.Wait() // hold all connections at once
					if _, err := read(t, resp); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			synctest.Wait()
		}
		burst()
		if n := open.Load(); n != 4 {
			t.Errorf("%d idle connections are kept; want 4", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := open.Load(); n != 0 {
			t.Errorf("%d connections are open after two idle minutes", n)
		}
		burst()
	})
}

// closing tells when a connection is closed, once.
type closing struct {
	net.Conn
	once   sync.Once
	closed func()
}

func (c *closing) Close() error {
	c.once.Do(c.closed)
	return c.Conn.Close()
}

// hangup is a provider that answers once per connection and hangs up without
// saying so. It tells each time it has.
func hangup(t *testing.T) (address string, hungUp <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{}, 10)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				_, err = io.Copy(io.Discard, r.Body)
			}
			if err == nil {
				_, _ = io.WriteString(c, ok) // a client that has gone needs no answer
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			done <- struct{}{}
		}
	})
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
	return "http://" + l.Addr().String(), done
}

// A connection that the provider closed while it was idle costs nobody a call.
func TestClosedWhileIdle(t *testing.T) {
	for name, c := range map[string]struct {
		engine string
		write  bool
	}{
		"standard, read": {upstream.EngineStandard, false},
		"direct, read":   {upstream.EngineDirect, false},
		// Go's transport may notice only after it has sent a write.
		"direct, write": {upstream.EngineDirect, true},
	} {
		t.Run(name, func(t *testing.T) {
			address, hungUp := hangup(t)
			client := real(t, c.engine, nil) // which makes one attempt
			for range 5 {
				r := at(t, address)
				if c.write {
					r.Method, r.Write, r.Body, r.ContentLength = "PUT", true, strings.NewReader("x"), 1
				}
				if _, body, err := fetch(t, client, context.Background(), r); err != nil || body != "ok" {
					t.Fatalf("got %q, %v", body, err)
				}
				<-hungUp
			}
		})
	}
}

// A body larger than what is sent at once, of known and unknown length.
func TestLargeBodies(t *testing.T) { forWires(t, testLargeBodies) }

func testLargeBodies(t *testing.T, engine string) {
	const size = 3 << 20
	var got atomic.Int64
	p := &provider{engine: engine}
	p.answer = func(n int, r *http.Request, c net.Conn) bool {
		got.Store(r.ContentLength)
		return say(ok)(n, r, c)
	}
	client := p.client(t, nil)
	for _, length := range []int64{size, -1} {
		r := put("")
		r.Body, r.GetBody, r.ContentLength = io.LimitReader(zeros{}, size), nil, length
		if _, body, err := fetch(t, client, context.Background(), r); err != nil || body != "ok" {
			t.Fatalf("got %q, %v", body, err)
		}
		if got.Load() != length {
			t.Errorf("the length was sent as %d; want %d", got.Load(), length)
		}
		if n := p.bytes.Load(); n < size {
			t.Errorf("%d bytes arrived", n)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
