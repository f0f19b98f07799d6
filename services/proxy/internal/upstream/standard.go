package upstream

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
)

// An engine speaks HTTP/1.1 over connections that it keeps.
type engine interface {
	// send carries x to its answer's header. Whatever it writes, it writes on
	// a conn that has x.turn. It does not outlive ctx nor a cut of x.watch, nor
	// does the body of its answer.
	send(ctx context.Context, x *exchange) (*answer, error)
	// close drops idle connections.
	close()
}

// An exchange is one attempt of a request.
type exchange struct {
	request *Request
	header  http.Header
	body    *callersBody // nil for none
	watch   *watch
	turn    turn
}

// An answer is what came back, its header as it was.
type answer struct {
	status int
	header http.Header
	length int64 // -1 when not known
	body   io.ReadCloser
}

// standard is Go's own client: the reference.
type standard struct{ transport *http.Transport }

func newStandard(cfg *Config, d *dialer) *standard {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &standard{&http.Transport{
		DialContext:            d.plain,
		DialTLSContext:         d.secure,
		Protocols:              protocols,
		DisableCompression:     true, // unpacking is ours, to bound it
		MaxIdleConnsPerHost:    cfg.IdlePerOrigin,
		MaxConnsPerHost:        cfg.ConnsPerOrigin,
		IdleConnTimeout:        cfg.IdleTimeout,
		MaxResponseHeaderBytes: cfg.MaxHeader,
		ReadBufferSize:         16 << 10,
		WriteBufferSize:        4 << 10,
	}}
}

func (s *standard) send(ctx context.Context, x *exchange) (*answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	x.watch.guard(cancel)
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { info.Conn.(*conn).turn.Store(&x.turn) },
	})
	req := &http.Request{
		Method: x.request.Method,
		URL:    x.request.URL,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: x.header,
		Host:   x.request.URL.Host,
	}
	if x.body != nil {
		req.Body = io.NopCloser(x.body)
		req.ContentLength = x.request.ContentLength
	}
	resp, err := s.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, err
	}
	return &answer{resp.StatusCode, resp.Header, resp.ContentLength, &standardBody{resp.Body, cancel}}, nil
}

// standardBody frees the context of its exchange at its end, good or bad.
type standardBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *standardBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.cancel()
	}
	return n, err
}

func (b *standardBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

func (s *standard) close() { s.transport.CloseIdleConnections() }
