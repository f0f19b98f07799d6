// Package load sends requests to one target: as many as a number of connections carry (a closed loop, for capacity and cost), or at a fixed rate
// whatever the answers do (an open loop, for latency). It refuses to send anywhere but to the loopback interface.
package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/sando-dev/sando/bench/internal/measure"
)

// A Call is one request.
type Call struct {
	// Method is GET when empty.
	Method string
	URL    string
	Header http.Header
	Body   []byte
}

// A Target is what is asked.
type Target struct {
	// Next gives the request to send next. It is called from many goroutines.
	Next func() Call
	// H2C asks over HTTP/2 without TLS.
	H2C bool
	// Status is what every answer must have; 0 means 200.
	Status int
	// Bytes is the least that a whole body has; a shorter one is a failure.
	Bytes int64
}

// A Plan is how it is asked.
type Plan struct {
	// Connections is the number of requests under way at most.
	Connections int
	// Rate is the number of requests a second; 0 is a closed loop.
	Rate int
	// Duration is when the last request is sent.
	Duration time.Duration
}

// A Result is how it went.
type Result struct {
	Requests, Failed int
	// Bytes is the sum of the bodies.
	Bytes   int64
	Elapsed time.Duration
	// Latencies are those of all answers, in order of arrival. In an open loop they count from the time a request was due.
	Latencies []time.Duration
	// Failure is the first failure's text.
	Failure string
}

// PerSecond is the rate of good answers.
func (r Result) PerSecond() float64 { return float64(r.Requests-r.Failed) / r.Elapsed.Seconds() }

// Quantile is the latency that a share of the answers did not exceed.
func (r Result) Quantile(share float64) time.Duration { return measure.Quantile(r.Latencies, share) }

// Run asks until the plan ends or ctx does.
func Run(ctx context.Context, t Target, p Plan) (Result, error) {
	client := newClient(t, p)
	defer client.CloseIdleConnections()
	attacker := vegeta.NewAttacker(
		vegeta.Client(client), vegeta.MaxBody(0), vegeta.Workers(uint64(p.Connections)), vegeta.MaxWorkers(uint64(p.Connections)),
	)
	stop := context.AfterFunc(ctx, func() { attacker.Stop() })
	defer stop()

	want := uint16(http.StatusOK)
	if t.Status != 0 {
		want = uint16(t.Status)
	}
	var r Result
	began := time.Now()
	for hit := range attacker.Attack(t.targeter(), vegeta.Rate{Freq: p.Rate, Per: time.Second}, p.Duration, "") {
		r.Requests++
		r.Latencies = append(r.Latencies, hit.Latency)
		if hit.Code != want {
			r.Failed++
			if r.Failure == "" {
				r.Failure = fmt.Sprintf("%s %s: status %d: %s", hit.Method, hit.URL, hit.Code, hit.Error)
			}
		}
	}
	r.Elapsed = time.Since(began)
	r.Bytes = client.Transport.(*counter).bytes.Load()
	if r.Requests == 0 {
		return r, errors.Join(errors.New("load: nothing was sent"), ctx.Err())
	}
	return r, ctx.Err()
}

func (t Target) targeter() vegeta.Targeter {
	return func(target *vegeta.Target) error {
		c := t.Next()
		target.Method, target.URL, target.Header, target.Body = c.Method, c.URL, c.Header, c.Body
		if target.Method == "" {
			target.Method = http.MethodGet
		}
		return nil
	}
}

func newClient(t Target, p Plan) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!t.H2C)
	protocols.SetUnencryptedHTTP2(t.H2C)
	return &http.Client{
		Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &counter{least: t.Bytes, next: &http.Transport{
			DialContext:         loopback,
			Protocols:           protocols,
			DisableCompression:  true,
			MaxIdleConnsPerHost: p.Connections,
			MaxConnsPerHost:     p.Connections,
			ReadBufferSize:      64 << 10,
		}},
	}
}

// loopback dials nobody but this machine.
func loopback(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("load: %s is not a loopback address", address)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// counter counts the bytes of bodies and turns answers that only look good into failures.
type counter struct {
	next  *http.Transport
	least int64
	bytes atomic.Int64
}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &body{ReadCloser: resp.Body, resp: resp, counter: c}
	return resp, nil
}

// CloseIdleConnections is what http.Client looks for.
func (c *counter) CloseIdleConnections() { c.next.CloseIdleConnections() }

// body counts; at its end it checks the length, and the status of gRPC, which comes in the trailer.
type body struct {
	io.ReadCloser
	resp    *http.Response
	counter *counter
	n       int64
	start   []byte
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	b.counter.bytes.Add(int64(n))
	if room := 200 - len(b.start); room > 0 {
		b.start = append(b.start, p[:min(n, room)]...)
	}
	if err == io.EOF {
		if bad := b.check(); bad != nil {
			return n, bad
		}
	}
	return n, err
}

func (b *body) check() error {
	for _, h := range []http.Header{b.resp.Header, b.resp.Trailer} {
		if status := h.Get("Grpc-Status"); status != "" && status != "0" {
			return fmt.Errorf("gRPC status %s: %s", status, h.Get("Grpc-Message"))
		}
	}
	if b.n < b.counter.least {
		return fmt.Errorf("the body has %d bytes, want %d or more: %s", b.n, b.counter.least, bytes.TrimSpace(b.start))
	}
	return nil
}
