package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// inTurn answers the first request with the first text and so on; an empty
// text hangs up.
func inTurn(raw ...string) func(int, *http.Request, net.Conn) bool {
	return func(n int, r *http.Request, c net.Conn) bool {
		text := raw[min(n, len(raw))-1]
		return text != "" && say(text)(n, r, c)
	}
}

func refusal(status int, header string) string {
	return fmt.Sprintf("HTTP/1.1 %d x\r\nContent-Length: 4\r\n%s\r\nbusy", status, header)
}

func TestRetries(t *testing.T) { forEngines(t, testRetries) }

func testRetries(t *testing.T, engine string) {
	search := func() *upstream.Request { r := put("q"); r.Method, r.Write = "POST", false; return r }
	once := func() *upstream.Request { r := put("w"); r.Idempotent = true; return r }
	stream := func() *upstream.Request { r := search(); r.GetBody = nil; return r }
	read := func() *upstream.Request { return get("/") }
	write := func() *upstream.Request { return put("w") }
	patient := func(d time.Duration) func() *upstream.Request {
		return func() *upstream.Request { r := get("/"); r.Patience = &d; return r }
	}
	for _, c := range []struct {
		name    string
		request func() *upstream.Request
		answers []string
		want    int           // attempts
		status  int           // of the answer; 0 for an error
		kind    upstream.Kind // of the error
	}{
		{"read, unavailable", read, []string{refusal(503, ""), refusal(502, ""), ok}, 3, 200, ""},
		{"read, to the end", read, []string{refusal(504, "")}, 3, 504, ""},
		{"read, broken", read, []string{"", ok}, 2, 200, ""},
		{"read, broken to the end", read, []string{""}, 3, 0, upstream.KindReset},
		{"read, a plain failure", read, []string{refusal(500, "")}, 1, 500, ""},
		{"read, too many requests", read, []string{refusal(429, "Retry-After: 1\r\n")}, 1, 429, ""},
		{"read, not HTTP", read, []string{"what\r\n\r\n"}, 1, 0, upstream.KindProtocol},
		{"read, asked to wait", read, []string{refusal(503, "Retry-After: 20\r\n"), ok}, 2, 200, ""},
		{"read, asked to wait too long", read, []string{refusal(503, "Retry-After: 61\r\n"), ok}, 1, 503, ""},
		{"read, asked to wait as long as it may", patient(20 * time.Second), []string{refusal(503, "Retry-After: 20\r\n"), ok}, 2, 200, ""},
		{"read, asked to wait longer than it may", patient(19 * time.Second), []string{refusal(503, "Retry-After: 20\r\n"), ok}, 1, 503, ""},
		{"read, asked to wait again", patient(30 * time.Second), []string{refusal(503, "Retry-After: 20\r\n"), refusal(503, "Retry-After: 11\r\n"), ok}, 2, 503, ""},
		{"read, not asked to wait", patient(0), []string{refusal(503, ""), ok}, 2, 200, ""},
		{"search", search, []string{refusal(503, ""), "", ok}, 3, 200, ""},
		{"search, body given once", stream, []string{refusal(503, ""), ok}, 1, 503, ""},
		{"write, unavailable", write, []string{refusal(503, "")}, 1, 503, ""},
		{"write, broken", write, []string{"", ok}, 1, 0, upstream.KindReset},
		{"write, counted once", once, []string{"", refusal(503, ""), ok}, 3, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{engine: engine, answer: inTurn(c.answers...)}
				client := p.client(t, nil)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r, again := c.request(), 0
				r.Again = func(context.Context) error { again++; return nil }
				began := time.Now()
				resp, _, err := fetch(t, client, ctx, r)
				if c.status == 0 {
					failure(t, err, c.kind)
				} else if err != nil || resp.Status != c.status {
					t.Fatalf("got %v, %v; want status %d", resp, err, c.status)
				}
				if n := int(p.requests.Load()); n != c.want || again != c.want-1 {
					t.Errorf("sent %d times after asking %d times; want %d", n, again, c.want)
				}
				if strings.Contains(c.answers[0], "Retry-After: 20") && c.want > 1 && time.Since(began) < 20*time.Second {
					t.Error("the provider's wait was cut short")
				}
			})
		})
	}
}

func TestRetryWithinTheDeadline(t *testing.T) { forEngines(t, testRetryWithinTheDeadline) }

func testRetryWithinTheDeadline(t *testing.T, engine string) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{engine: engine, answer: inTurn(refusal(503, "Retry-After: 10\r\n"), ok)}
		client := p.client(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		resp, body, err := fetch(t, client, ctx, get("/"))
		if err != nil || resp.Status != 503 || body != "busy" {
			t.Fatalf("got %v, %q, %v; want the 503 with its body", resp, body, err)
		}
		if time.Since(began) != 0 {
			t.Error("waited although the wait is longer than the deadline")
		}
	})
}

func TestRetryRefused(t *testing.T) { forWires(t, testRetryRefused) }

func testRetryRefused(t *testing.T, engine string) {
	p := &provider{engine: engine, answer: inTurn(refusal(503, ""), ok)}
	client := p.client(t, nil)
	r := get("/")
	r.Again = func(context.Context) error { return errors.New("no budget") }
	resp, body, err := fetch(t, client, context.Background(), r)
	if err != nil || resp.Status != 503 || body != "busy" {
		t.Fatalf("got %v, %q, %v; want the 503 with its body", resp, body, err)
	}
}

// A write is repeated when the connection could not be made, or takes nothing.
func TestWriteNotSent(t *testing.T) { forEngines(t, testWriteNotSent) }

func testWriteNotSent(t *testing.T, engine string) {
	for name, spoil := range map[string]func(net.Conn) (net.Conn, error){
		"no connection": func(c net.Conn) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.Join(errors.New("refused"), c.Close())}
		},
		"dead connection": func(c net.Conn) (net.Conn, error) { return &dead{c}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &provider{engine: engine, answer: say(ok)}
				dials := 0
				client := p.client(t, func(c *upstream.Config) {
					c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						near, err := p.dial(ctx, network, address)
						if dials++; dials == 1 {
							return spoil(near)
						}
						return near, err
					}
				})
				if _, _, err := fetch(t, client, t.Context(), put("w")); err != nil {
					t.Fatal(err)
				}
				if dials != 2 || p.requests.Load() != 1 {
					t.Errorf("%d connections, %d requests; want 2 and 1", dials, p.requests.Load())
				}
			})
		})
	}
}

// dead is a connection that the other side has left: it takes no byte.
type dead struct{ net.Conn }

func (d *dead) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// An error that denies sending must be right, whenever the caller goes away.
func TestNotSentIsProof(t *testing.T) { forWires(t, testNotSentIsProof) }

func testNotSentIsProof(t *testing.T, engine string) {
	proofs, sent := 0, 0
	for i := range 400 {
		p := &provider{engine: engine, answer: say(ok)}
		client := p.client(t, nil)
		patience := time.Duration(i) * 500 * time.Nanosecond
		if i%50 == 49 {
			patience = time.Minute
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, _, err := fetch(t, client, ctx, put("w"))
		cancel()
		p.stop()
		var e *upstream.Error
		if !errors.As(err, &e) || e.Sent {
			sent++
			continue
		}
		proofs++
		if n := p.bytes.Load(); n != 0 {
			t.Fatalf("%v denies sending, but %d bytes arrived", err, n)
		}
	}
	if proofs == 0 || sent == 0 {
		t.Errorf("%d denied and %d sent: the deadlines do not straddle the moment of sending", proofs, sent)
	}
}

func TestRequestBodyFails(t *testing.T) { forWires(t, testRequestBodyFails) }

func testRequestBodyFails(t *testing.T, engine string) {
	p := &provider{engine: engine, answer: say(ok)}
	client := p.client(t, nil)
	r := put("")
	r.Body, r.GetBody, r.ContentLength = io.MultiReader(strings.NewReader("half"), broken{}), nil, 8
	_, err := client.Do(context.Background(), r)
	failure(t, err, upstream.KindBody)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the caller's line broke") }
