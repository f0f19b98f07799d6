package edge

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	// lateBody is how long an answer that is ready waits for the rest of its request. A router that is still sending takes an early
	// answer for a broken connection, so a body that is on its way is let finish; one that stays away is not waited for.
	lateBody = 200 * time.Millisecond
	// maxLateBody is how much of such a body is read, in bytes.
	maxLateBody = 256 << 10
	// piece is how much is written at once: a slow client must take this many bytes, not a whole page, within the stall limit.
	piece = 64 << 10
)

// guard ends exchanges with a client that stops reading its answer or sending
// its body: each read and each write has a time limit of its own. One for the
// whole exchange would cut long streams as well. It holds for HTTP/1.1 and for
// each stream of HTTP/2, whose pings say only that the connection lives.
//
// What else a client could keep busy over HTTP/2 is bounded by net/http, and
// TestE1Floods holds it to that: streams reset as fast as they are opened by
// MaxConcurrentStreams and its queue of four times as many; settings and pings
// by the queue of control frames; headers in CONTINUATION frames by
// MaxHeaderBytes; DATA frames of a byte by the body's flow control and limit.
func guard(limit time.Duration, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{ResponseWriter: w, r: r, limit: limit, streams: r.ProtoMajor >= 2}
		if hasBody(r) {
			x.body = r.Body
			r.Body = requestBody{x}
		}
		h.ServeHTTP(x, r)
		x.finish()
	})
}

// hasBody reports whether a request may bring a body.
func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// exchange is one request and its answer.
type exchange struct {
	http.ResponseWriter
	r     *http.Request
	limit time.Duration
	// streams says that the exchange is a stream of HTTP/2, whose deadlines end
	// it whether or not something is due.
	streams bool
	// status is that of the answer, or 0 before it.
	status int

	// body is nil for a request without one.
	body  io.ReadCloser
	ended bool
	// late is how many bytes of the body nobody but drained read.
	late int64
	// readUntil and writeUntil are the deadlines set.
	readUntil, writeUntil time.Time

	// mu guards writing, which says that a write to a stream is under way, and that the watch may so end the stream.
	mu      sync.Mutex
	writing bool
	watch   *time.Timer
}

func (x *exchange) control() *http.ResponseController {
	return http.NewResponseController(x.ResponseWriter)
}

// requestBody reads the body of an exchange.
type requestBody struct{ x *exchange }

// Read says what is wrong with a body that breaks off: it is the client's
// fault, whichever way the protocol shows it.
func (b requestBody) Read(p []byte) (int, error) {
	x := b.x
	if now := time.Now(); x.readUntil.Sub(now) <= x.limit/2 {
		// Setting a deadline costs more than looking at the clock.
		x.setRead(now.Add(x.limit))
	}
	n, err := x.body.Read(p)
	if err == nil {
		return n, nil
	}
	if !x.streams {
		// net/http watches the connection while the handler goes on, and must not
		// take our deadline for its end.
		x.setRead(time.Time{})
	}
	if err == io.EOF {
		x.ended = true
		return n, err
	}
	return n, brokenBody(err, x.limit)
}

// Close leaves an HTTP/1.1 body to settle: net/http would wait for its end.
func (b requestBody) Close() error {
	if b.x.streams {
		return b.x.body.Close()
	}
	return nil
}

// setRead sets the deadline of reads. Only a connection that is gone refuses one.
func (x *exchange) setRead(until time.Time) {
	x.readUntil = until
	_ = x.control().SetReadDeadline(until)
}

// brokenBody explains why a body cannot be read to its end.
func brokenBody(err error, limit time.Duration) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		e := rpcerr.Newf(rpcerr.ValidationFailed, "The body of the request stopped: nothing came for %s.", limit).
			WithFix("Send the whole body that the headers announce.").WithCause(err)
		e.Status = http.StatusRequestTimeout
		return e
	}
	return rpcerr.Invalid("body", "ends before it is complete, or is not framed as HTTP says").WithCause(err).
		WithFix("Send the whole body, as long as its Content-Length or its chunks say.")
}

// WriteHeader begins the answer.
func (x *exchange) WriteHeader(code int) {
	if code >= http.StatusOK && x.status == 0 {
		x.status = code
		x.settle()
	}
	x.ResponseWriter.WriteHeader(code)
}

// Write writes in pieces, each of which has its time.
func (x *exchange) Write(b []byte) (int, error) {
	x.begin()
	written := 0
	for {
		part := b[written:min(len(b), written+piece)]
		x.due()
		n, err := x.ResponseWriter.Write(part)
		x.done()
		written += n
		if err != nil {
			return written, untaken(err)
		}
		if written == len(b) {
			return written, nil
		}
	}
}

// FlushError serves http.ResponseController.
func (x *exchange) FlushError() error {
	x.begin()
	x.due()
	defer x.done()
	if err := x.control().Flush(); err != nil {
		return untaken(err)
	}
	return nil
}

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// Unwrap serves http.ResponseController.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// untaken is the error of an answer that its caller does not take.
func untaken(err error) error {
	return rpcerr.New(rpcerr.Cancelled, "The caller stopped taking the answer.").WithCause(err)
}

// begin is WriteHeader for an answer that does without.
func (x *exchange) begin() {
	if x.status == 0 {
		x.status = http.StatusOK
		x.settle()
	}
}

// due starts the time of a write.
func (x *exchange) due() {
	if !x.streams {
		if now := time.Now(); x.writeUntil.Sub(now) <= x.limit/2 {
			x.writeUntil = now.Add(x.limit)
			_ = x.control().SetWriteDeadline(x.writeUntil)
		}
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writing = true
	if x.watch == nil {
		x.watch = time.AfterFunc(x.limit, x.reset)
		return
	}
	x.watch.Reset(x.limit)
}

// done ends the time of a write to a stream.
func (x *exchange) done() {
	if !x.streams {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.writing = false
	x.watch.Stop()
}

// reset ends a stream whose write stands still.
func (x *exchange) reset() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.writing {
		_ = x.control().SetWriteDeadline(time.Unix(1, 0))
	}
}

// settle deals with what of a body is unread when the answer begins. Over
// HTTP/1.1 the next request comes after it, so it is read, if it is there; else
// the connection ends with the answer, and is not read any more.
func (x *exchange) settle() {
	if x.body == nil || x.ended || x.streams || x.drained() {
		return
	}
	x.Header().Set("Connection", "close")
	x.setRead(time.Unix(1, 0))
}

// drained reads the rest of a body that is on its way, and reports whether that
// was its end.
func (x *exchange) drained() bool {
	if x.r.Header.Get("Expect") != "" || x.r.ContentLength > maxLateBody {
		return false
	}
	x.setRead(time.Now().Add(min(lateBody, x.limit)))
	n, err := io.CopyN(io.Discard, x.body, maxLateBody+1)
	x.late = n
	x.ended = err == io.EOF
	if x.ended {
		x.setRead(time.Time{})
	}
	return x.ended
}

// finish ends the exchange: what net/http still has to write has its time too.
func (x *exchange) finish() {
	if x.status == 0 {
		x.begin()
	}
	if x.streams {
		_ = x.control().SetWriteDeadline(time.Now().Add(x.limit))
	}
}

// exchangeOf finds the exchange that an answer belongs to; nil for none, as
// where a handler runs without a Server.
func exchangeOf(w http.ResponseWriter) *exchange {
	for {
		if x, ok := w.(*exchange); ok {
			return x
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = inner.Unwrap()
	}
}
