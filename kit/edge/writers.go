package edge

import (
	"net/http"
	"strings"
)

// startedWriter knows whether an answer has begun.
type startedWriter struct {
	http.ResponseWriter
	started bool
}

func (w *startedWriter) WriteHeader(code int) {
	w.started = w.started || code >= http.StatusOK
	w.ResponseWriter.WriteHeader(code)
}

func (w *startedWriter) Write(b []byte) (int, error) {
	w.started = true
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher.
func (w *startedWriter) Flush() {
	w.started = true
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (w *startedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rpcWriter replaces the bare status answers of Connect's handlers. They come
// before any body, and with no content type.
type rpcWriter struct {
	http.ResponseWriter
	fail   func(code int)
	failed bool
}

func (w *rpcWriter) WriteHeader(code int) {
	bare := code == http.StatusNotFound || code == http.StatusMethodNotAllowed || code == http.StatusUnsupportedMediaType
	if bare && !isAnswer(w.Header().Get("Content-Type")) {
		w.failed = true
		w.fail(code)
		return
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *rpcWriter) Write(b []byte) (int, error) {
	if w.failed {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, which streaming RPCs need.
func (w *rpcWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (w *rpcWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// isAnswer tells the content type of an RPC answer from none, or the plain
// text of a router.
func isAnswer(contentType string) bool { return strings.HasPrefix(contentType, "application/") }

// statusOnly keeps the status that a router decides on.
type statusOnly struct {
	header http.Header
	code   int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(code int)        { s.code = code }
