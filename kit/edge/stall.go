package edge

import (
	"net/http"
	"time"
)

// stall cuts an HTTP/1.1 client that stops reading: each write has its own
// deadline. A deadline for the whole answer would cut long streams as well.
// HTTP/2 has WriteByteTimeout for the connection.
func stall(limit time.Duration, h http.Handler) http.Handler {
	if limit <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor >= 2 {
			h.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(&stallWriter{ResponseWriter: w, control: http.NewResponseController(w), limit: limit}, r)
	})
}

type stallWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	limit   time.Duration
	until   time.Time
}

// extend moves the deadline when half of it is used up: setting it costs more
// than looking at the clock.
func (w *stallWriter) extend() {
	now := time.Now()
	if w.until.Sub(now) > w.limit/2 {
		return
	}
	w.until = now.Add(w.limit)
	// Only a connection that is gone refuses a deadline.
	_ = w.control.SetWriteDeadline(w.until)
}

func (w *stallWriter) Write(b []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(b)
}

// FlushError serves http.ResponseController.
func (w *stallWriter) FlushError() error {
	w.extend()
	return w.control.Flush()
}

// Flush implements http.Flusher.
func (w *stallWriter) Flush() { _ = w.FlushError() }

// Unwrap serves http.ResponseController.
func (w *stallWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
