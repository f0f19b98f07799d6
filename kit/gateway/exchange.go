package gateway

import (
	"net/http"
	"strconv"
	"sync"

	"connectrpc.com/connect/v2"
)

// held is how much of an answer waits for the handler to succeed.
const held = 64 << 10

type exchangeKey struct{}

// exchange is the answer of one streaming handler: an http.ResponseWriter that
// holds back the first 64 kB.
type exchange struct {
	w    http.ResponseWriter
	r    *http.Request
	info *connect.CallInfo
	// pool keeps the buffers of finished answers.
	pool *sync.Pool

	status    int
	buf       *[held]byte
	n         int
	committed bool
}

// Header gives the headers of the answer.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader notes the status; it is sent with the first bytes.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
}

// Write holds the bytes back or passes them on.
func (x *exchange) Write(b []byte) (int, error) {
	if x.committed {
		return x.w.Write(b)
	}
	if x.n+len(b) <= held {
		if x.buf == nil {
			x.buf = x.buffer()
		}
		x.n += copy(x.buf[x.n:], b)
		return len(b), nil
	}
	if err := x.commit(); err != nil {
		return 0, err
	}
	return x.w.Write(b)
}

// WriteString is Write, without a copy of its own.
func (x *exchange) WriteString(text string) (int, error) {
	if x.committed || x.n+len(text) > held {
		return x.Write([]byte(text))
	}
	if x.buf == nil {
		x.buf = x.buffer()
	}
	x.n += copy(x.buf[x.n:], text)
	return len(text), nil
}

// FlushError sends what is held back; from here on an error breaks off.
func (x *exchange) FlushError() error {
	if err := x.commit(); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// Flush implements http.Flusher.
func (x *exchange) Flush() { _ = x.FlushError() }

// Unwrap lets http.ResponseController reach deadlines and full duplex.
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

// commit sends status, headers and what is held.
func (x *exchange) commit() error {
	if x.committed {
		return nil
	}
	x.committed = true
	x.headers()
	if x.status != 0 {
		x.w.WriteHeader(x.status)
	}
	if x.n == 0 {
		return nil
	}
	_, err := x.w.Write(x.buf[:x.n])
	x.release()
	return err
}

// finish sends an answer that fitted into the buffer, with its length.
func (x *exchange) finish() error {
	if x.committed {
		return nil
	}
	if h := x.Header(); h.Get("Content-Length") == "" && h.Get("Transfer-Encoding") == "" && x.r.Method != http.MethodHead {
		h.Set("Content-Length", strconv.Itoa(x.n))
	}
	return x.commit()
}

// headers copies what interceptors and handler set on the call.
func (x *exchange) headers() {
	if x.info == nil {
		return
	}
	for k, values := range x.info.ResponseHeader().All() { // in canonical form
		if !describes(k) {
			x.w.Header()[k] = values
		}
	}
}

func (x *exchange) buffer() *[held]byte {
	if b, ok := x.pool.Get().(*[held]byte); ok {
		return b
	}
	return new([held]byte)
}

func (x *exchange) release() {
	if x.buf != nil {
		x.pool.Put(x.buf)
		x.buf, x.n = nil, 0
	}
}
