package upstream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// directBody is the largest request body that this engine sends itself: it
// writes a request whole before it looks for the answer, and a provider may
// answer a large one early and stop reading.
const directBody = 32 << 10

// direct is an HTTP/1.1 client that works on its caller's goroutine: no other
// one reads or writes for a connection, and nothing is handed between them. It
// writes requests and reads answers by the same code as Go's transport, which
// stays the reference, and carries large bodies.
type direct struct {
	standard *standard
	pool     *pool
}

func newDirect(cfg *Config, d *dialer, log *slog.Logger) *direct {
	return &direct{standard: newStandard(cfg, d), pool: newPool(cfg, d, log)}
}

func (d *direct) close() {
	d.standard.close()
	d.pool.drain()
}

func (d *direct) send(ctx context.Context, x *exchange) (*answer, error) {
	if n := x.request.ContentLength; x.body != nil && (n < 0 || n > directBody) {
		return d.standard.send(ctx, x)
	}
	for {
		l, err := d.lane(ctx, x)
		if err != nil {
			return nil, err
		}
		a, err := d.carry(ctx, l, x)
		if err == nil {
			return a, nil
		}
		// The provider may have closed a connection while it was idle, or just
		// then. That is no failure of the attempt, if it may be sent again.
		if !l.reused || l.in.got > 0 || ctx.Err() != nil || !x.rewind() {
			return nil, err
		}
	}
}

// lane gives a connection to send x over. Only connecting needs a context that
// ends with the attempt, so only that gets one.
func (d *direct) lane(ctx context.Context, x *exchange) (*lane, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	to := origin{x.request.URL.Scheme, x.request.URL.Host}
	if l := d.pool.idleLane(to); l != nil {
		return l, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x.watch.guard(cancel)
	defer x.watch.release()
	return d.pool.get(ctx, to)
}

// rewind prepares x to be sent over another connection, if that is safe:
// because nothing was sent, or because it only reads and has no body, which is
// what Go's transport takes for safe.
func (x *exchange) rewind() bool {
	if x.body == nil {
		return x.turn.state.Load() == turnFree || !x.request.Write || x.request.Idempotent
	}
	if x.turn.state.Load() != turnFree || x.request.GetBody == nil {
		return false
	}
	body, err := x.request.GetBody()
	if err != nil {
		return false
	}
	x.body = watched(body)
	return true
}

// carry sends x over l, up to the answer's header. After an error l is closed.
func (d *direct) carry(ctx context.Context, l *lane, x *exchange) (*answer, error) {
	l.begin(ctx, x)
	resp, err := l.roundTrip(x)
	if err != nil {
		l.end(false)
		return nil, err
	}
	body := &laneBody{lane: l, src: resp.Body, keep: l.in.head.clear(x.request.Method, resp)}
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		body.finish(body.keep)
	}
	return &answer{resp.StatusCode, resp.Header, resp.ContentLength, body}, nil
}

// A lane is a connection with its buffers.
type lane struct {
	*conn
	pool   *pool
	origin origin
	reused bool
	since  time.Time // idle since
	in     *source
	reader *bufio.Reader
	writer *bufio.Writer

	watch *watch      // of the exchange that has the lane
	stop  func() bool // ends the watch over its context
}

// begin gives the lane to x. When ctx ends or x is cut, so does whatever is
// read or written.
func (l *lane) begin(ctx context.Context, x *exchange) {
	l.turn.Store(&x.turn)
	l.in.got, l.in.limit, l.in.head = 0, l.pool.cfg.MaxHeader, head{}
	l.watch = x.watch
	l.watch.guard(l.interrupt)
	l.stop = context.AfterFunc(ctx, l.interrupt)
}

// interrupt ends whatever is read or written.
func (l *lane) interrupt() {
	// Should that fail, the connection is broken already.
	_ = l.SetDeadline(time.Unix(1, 0))
}

// end takes the lane back, for another use if keep is true and nothing speaks
// against it.
func (l *lane) end(keep bool) {
	running, uncut := l.stop(), l.watch.release()
	l.watch = nil
	switch {
	case !keep || !running || !uncut:
		l.pool.discard(l)
	case l.reader.Buffered() > 0:
		l.pool.distrust(l.origin)
		l.pool.discard(l)
	default:
		l.pool.put(l)
	}
}

// errStale is found on a connection that was used before and is not to be
// used again. Nothing was sent over it.
var errStale = errors.New("the connection is not as the last call left it")

// fresh is asked when a request is ready to leave. What has arrived by now is
// no answer to it. A body that cannot be had again is not put at risk for
// that: the lane was probed before it was read.
func (l *lane) fresh(x *exchange) bool {
	if !l.reused || l.socket.raw == nil || x.turn.state.Load() != turnFree || x.body != nil && x.request.GetBody == nil {
		return true
	}
	found := l.probe()
	if found == surplus {
		l.pool.distrust(l.origin)
	}
	return found == quiet
}

func (l *lane) roundTrip(x *exchange) (*http.Response, error) {
	req := &http.Request{
		Method: x.request.Method, URL: x.request.URL, Header: x.header, Host: x.request.URL.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if x.body != nil {
		req.Body, req.ContentLength = io.NopCloser(x.body), x.request.ContentLength
	}
	wrote := req.Write(l.writer)
	if wrote == nil && !l.fresh(x) {
		return nil, errStale
	}
	if wrote == nil {
		wrote = l.writer.Flush()
	}
	if wrote != nil && (x.body.failure() != nil || x.turn.state.Load() == turnFree) {
		return nil, wrote
	}
	// A provider that has hung up on a request may have said why.
	resp, err := l.answer(req)
	if err != nil && wrote != nil {
		return nil, wrote
	}
	if wrote != nil {
		resp.Close = true
	}
	return resp, err
}

// answer reads the header of the answer to req. Interim answers are skipped;
// all together they are bounded like one header.
func (l *lane) answer(req *http.Request) (*http.Response, error) {
	for {
		resp, err := http.ReadResponse(l.reader, req)
		switch {
		case err != nil && l.in.got >= l.in.limit:
			return nil, errHeader
		case err != nil:
			return nil, err
		}
		if resp.StatusCode/100 != 1 || resp.StatusCode == http.StatusSwitchingProtocols {
			l.in.limit = 0
			return resp, nil
		}
	}
}

// A source reads from a connection, up to a limit if there is one.
type source struct {
	from  io.Reader
	got   int64
	limit int64 // 0 is none
	head  head
}

func (s *source) Read(p []byte) (int, error) {
	if s.limit > 0 {
		left := s.limit - s.got
		if left <= 0 {
			return 0, errHeader
		}
		p = p[:min(int64(len(p)), left)]
	}
	n, err := s.from.Read(p)
	s.got += int64(n)
	s.head.follow(p[:n])
	return n, err
}

// laneBody is the body of an answer. Its end, good or bad, frees the lane.
type laneBody struct {
	lane *lane
	src  io.Reader
	keep bool
	err  error
}

func (b *laneBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	if err != nil {
		b.finish(b.keep && err == io.EOF)
		b.err = err
	}
	return n, err
}

func (b *laneBody) Close() error {
	if b.err == nil {
		b.finish(false)
		b.err = errClosed
	}
	return nil
}

// finish frees the lane, which must not be touched after.
func (b *laneBody) finish(keep bool) {
	b.err = io.EOF
	b.lane.end(keep)
	b.lane, b.src = nil, nil
}
