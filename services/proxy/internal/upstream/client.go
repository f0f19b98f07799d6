package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

type client struct {
	cfg      Config
	engine   engine
	breakers *breakers
	log      *slog.Logger
	now      func() time.Time
}

// New makes a client. The log gets one line per attempt that is repeated and
// per breaker that opens or closes, and per origin that is distrusted. Now is the clock for Retry-After dates.
func New(cfg Config, log *slog.Logger, now func() time.Time) (Client, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &client{cfg: cfg, breakers: newBreakers(cfg.Breaker, log), log: log, now: now}
	c.engine = newEngine(&c.cfg, log)
	return c, nil
}

// newEngine gives the engine asked for. Where the system cannot tell what an
// idle connection holds, only the one that always reads is safe.
func newEngine(cfg *Config, log *slog.Logger) engine {
	if cfg.Engine == EngineDirect && probes {
		return newDirect(cfg, newDialer(cfg), log)
	}
	return newStandard(cfg, newDialer(cfg))
}

// Tripped implements [Client].
func (c *client) Tripped() (open, trying int) { return c.breakers.tripped() }

func (c *client) Close() error {
	c.engine.close()
	return nil
}

// check refuses what no engine should see.
func (r *Request) check() error {
	switch {
	case r.URL == nil || r.URL.Host == "":
		return errors.New("the URL names no host")
	case r.URL.Scheme != "https" && r.URL.Scheme != "http":
		return errors.New("the URL is neither http nor https")
	case r.URL.User != nil:
		return errors.New("the URL holds user information")
	case !httpguts.ValidHeaderFieldName(r.Method) || r.Method == http.MethodConnect:
		return errors.New("the method cannot be sent")
	case !httpguts.ValidHostHeader(r.URL.Host):
		return errors.New("the host cannot be sent")
	}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return errors.New("the name of a header field cannot be sent")
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				return fmt.Errorf("the value of the header field %s cannot be sent", name)
			}
		}
	}
	return nil
}

// attempt sends r once.
func (c *client) attempt(parent context.Context, r *Request, body *callersBody) (*Response, *Error) {
	report, refused := c.breakers.enter(r.Key)
	if refused != nil {
		return nil, refused
	}
	began := time.Now()
	resp, failed := c.exchange(parent, r, body)
	switch {
	case failed != nil && c.cfg.Breaker.blames(failed, time.Since(began)):
		report(failed)
	case failed != nil:
		report(errNeither)
	case unavailable(resp.Status):
		report(fmt.Errorf("the provider answers %d", resp.Status))
	default:
		report(nil)
	}
	return resp, failed
}

// unavailable tells the statuses by which a provider says that it is not
// there: asking again makes sense, asking on and on does not.
func unavailable(status int) bool {
	return status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout
}

func (c *client) exchange(parent context.Context, r *Request, body *callersBody) (*Response, *Error) {
	w := newWatch(&c.cfg)
	x := &exchange{request: r, header: outgoing(r), body: body, watch: w}
	a, err := c.engine.send(parent, x)
	if err != nil {
		if broken := x.body.failure(); broken != nil {
			err = broken
		}
		failed := classify(parent, w, err, x.turn.finish())
		w.stop()
		return nil, failed
	}
	w.header()
	resp, err := c.open(&wire{parent: parent, src: a.body, watch: w, max: c.cfg.MaxBody}, a)
	if err != nil {
		w.stop()
		// The connection is of no more use; that closing fails changes nothing.
		_ = a.body.Close()
		return nil, &Error{Kind: KindProtocol, Sent: true, cause: err}
	}
	return resp, nil
}

// open makes the answer one for the caller: without what belongs to the hop,
// and unpacked.
func (c *client) open(b *wire, a *answer) (*Response, error) {
	if a.status < 200 || a.status > 999 {
		return nil, fmt.Errorf("the provider answers %d", a.status)
	}
	stripHops(a.header)
	resp := &Response{Status: a.status, Header: a.header, ContentLength: a.length, Body: b}
	switch coding := strings.ToLower(strings.Join(a.header["Content-Encoding"], ",")); coding {
	case "", "identity":
	case "gzip", "x-gzip":
		resp.Body, resp.ContentLength = &unpacked{wire: b}, -1
		delete(a.header, "Content-Length")
	default:
		return nil, errors.New("the body comes in a coding that was not asked for")
	}
	delete(a.header, "Content-Encoding")
	return resp, nil
}
