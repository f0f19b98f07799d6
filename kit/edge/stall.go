package edge

import (
	"io"
	"net/http"
	"time"
)

// stall cuts an HTTP/1.1 client that stops reading its answer or sending its
// body: each read and write has a deadline of its own. One deadline for the
// whole exchange would cut long streams as well. HTTP/2 streams have no such
// deadlines, its connections have: WriteByteTimeout and pings.
func stall(limit time.Duration, h http.Handler) http.Handler {
	if limit <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor >= 2 {
			h.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &stallBody{ReadCloser: r.Body, timer: timer{limit: limit, set: control.SetReadDeadline}}
		}
		h.ServeHTTP(&stallWriter{ResponseWriter: w, control: control, timer: timer{limit: limit, set: control.SetWriteDeadline}}, r)
	})
}

// timer keeps a deadline ahead of the clock.
type timer struct {
	limit time.Duration
	set   func(time.Time) error
	until time.Time
}

// extend moves the deadline when half of it is used up: setting it costs more
// than looking at the clock.
func (t *timer) extend() {
	now := time.Now()
	if t.until.Sub(now) > t.limit/2 {
		return
	}
	t.until = now.Add(t.limit)
	// Only a connection that is gone refuses a deadline.
	_ = t.set(t.until)
}

func (t *timer) clear() {
	if !t.until.IsZero() {
		t.until = time.Time{}
		_ = t.set(t.until)
	}
}

type stallWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timer   timer
}

func (w *stallWriter) Write(b []byte) (int, error) {
	w.timer.extend()
	return w.ResponseWriter.Write(b)
}

// FlushError serves http.ResponseController.
func (w *stallWriter) FlushError() error {
	w.timer.extend()
	return w.control.Flush()
}

// Flush implements http.Flusher.
func (w *stallWriter) Flush() { _ = w.FlushError() }

// Unwrap serves http.ResponseController.
func (w *stallWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type stallBody struct {
	io.ReadCloser
	timer timer
}

// Read clears the deadline at the end: net/http watches the connection while
// the handler goes on, and must not take our deadline for its end.
func (b *stallBody) Read(p []byte) (int, error) {
	b.timer.extend()
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.timer.clear()
	}
	return n, err
}
