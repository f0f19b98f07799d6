package upstream_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// silent answers nothing for as long as the connection lives.
func silent(_ int, _ *http.Request, c net.Conn) bool {
	_, err := c.Read(make([]byte, 1))
	return err == nil
}

// trickle sends a byte of a long body per interval.
func trickle(every time.Duration, bytes int) func(int, *http.Request, net.Conn) bool {
	return func(_ int, _ *http.Request, c net.Conn) bool {
		_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
		for err == nil {
			time.Sleep(every)
			_, err = io.WriteString(c, strings.Repeat("x", bytes))
		}
		return false
	}
}

func TestSilence(t *testing.T) { forEngines(t, testSilence) }

func testSilence(t *testing.T, engine string) {
	for _, c := range []struct {
		name     string
		answer   func(int, *http.Request, net.Conn) bool
		deadline time.Duration
		least    time.Duration
		most     time.Duration
	}{
		{"no header", silent, time.Hour, 30 * time.Second, 30 * time.Second},
		{"the caller's deadline", silent, 3 * time.Second, 3 * time.Second, 3 * time.Second},
		{"no body", trickle(time.Hour, 1), time.Hour, 10 * time.Second, 20 * time.Second},
		{"a trickle", trickle(time.Second, 1), time.Hour, 10 * time.Second, 20 * time.Second},
		{"the deadline within the body", trickle(time.Second, 2000), 7 * time.Second, 7 * time.Second, 7 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{engine: engine, answer: c.answer}
				client := p.client(t, nil)
				ctx, cancel := context.WithTimeout(t.Context(), c.deadline)
				defer cancel()
				began := time.Now()
				_, _, err := fetch(t, client, ctx, get("/"))
				if e := failure(t, err, upstream.KindTimeout); !e.Timeout || !e.Sent {
					t.Errorf("error is %+v; want a timeout after sending", e)
				}
				if took := time.Since(began); took < c.least || took > c.most {
					t.Errorf("took %s; want %s to %s", took, c.least, c.most)
				}
				if p.requests.Load() != 1 {
					t.Error("a timeout was repeated")
				}
			})
		})
	}
}

func TestSlowButComing(t *testing.T) { forEngines(t, testSlowButComing) }

func testSlowButComing(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{engine: engine, answer: trickle(time.Second, 500)}
		client := p.client(t, nil)
		_, body, err := fetch(t, client, t.Context(), get("/"))
		if err != nil || len(body) != 100000 {
			t.Fatalf("got %d bytes, %v; want 100000 bytes in 200 seconds", len(body), err)
		}
	})
}

func TestSlowReaderIsNotCut(t *testing.T) { forEngines(t, testSlowReaderIsNotCut) }

func testSlowReaderIsNotCut(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{engine: engine, answer: say(answered("", strings.Repeat("x", 30000)))}
		client := p.client(t, nil)
		resp, err := client.Do(t.Context(), get("/"))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		total := 0
		for {
			time.Sleep(time.Minute)
			n, err := resp.Body.Read(make([]byte, 1000))
			total += n
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if total != 30000 {
			t.Errorf("read %d bytes of 30000", total)
		}
	})
}

func TestCancelled(t *testing.T) { forEngines(t, testCancelled) }

func testCancelled(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{engine: engine, answer: silent}
		client := p.client(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := client.Do(ctx, put("x"))
		if e := failure(t, err, upstream.KindCancelled); !e.Sent || e.Timeout {
			t.Errorf("error is %+v; want one that admits sending and is no timeout", e)
		}
	})
}

func TestUnreadBodyClosed(t *testing.T) { forEngines(t, testUnreadBodyClosed) }

func testUnreadBodyClosed(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{engine: engine, answer: trickle(time.Second, 1)}
		client := p.client(t, nil)
		resp, err := client.Do(t.Context(), get("/"))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("a closed body gives %d bytes, %v", n, err)
		}
	})
}
