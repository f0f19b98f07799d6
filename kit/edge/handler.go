package edge

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// handler is a finished Mux.
type handler struct{ *Mux }

// ServeHTTP gives the request its id and its limits and finds who answers.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := interceptor.NewRequestID(r.Header.Get(interceptor.HeaderIncomingID))
	w.Header().Set(interceptor.HeaderRequestID, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	r = r.WithContext(interceptor.WithRequestID(r.Context(), id))
	defer h.recover(w, r, id)
	switch {
	case h.isRPC(r):
		h.serveRPC(w, r, id)
	default:
		r = limit(w, r, h.o.MaxBody)
		if _, pattern := h.plain.Handler(r); pattern != "" {
			h.plain.ServeHTTP(w, r)
			return
		}
		h.gateway.ServeHTTP(w, r)
	}
}

// isRPC reports whether the request is for a procedure: by its path, which
// starts with the name of a service, or by its content type.
func (h *handler) isRPC(r *http.Request) bool {
	return h.rpc.has(r.URL.Path) || strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// serveRPC answers a procedure. What Connect answers without a body, a wrong
// method or content type, gets the one shape.
func (h *handler) serveRPC(w http.ResponseWriter, r *http.Request, id string) {
	procedure, ok := h.rpc.byPath[r.URL.Path]
	if !ok {
		h.refuseRPC(w, r, id)
		return
	}
	procedure.ServeHTTP(&rpcWriter{ResponseWriter: w, fail: func(code int) {
		h.o.Errors.WriteHTTP(w, id, gateway.Unroutable(r, code))
	}}, r)
}

// refuseRPC answers for a procedure that does not exist, in the dialect of the
// caller.
func (h *handler) refuseRPC(w http.ResponseWriter, r *http.Request, id string) {
	dialect := connecthttp.NewErrorWriter()
	if r.Method != http.MethodPost || !dialect.IsSupported(r) {
		h.o.Errors.WriteHTTP(w, id, gateway.Unroutable(r, http.StatusNotFound))
		return
	}
	err := rpcerr.Newf(rpcerr.Unimplemented, "There is no procedure %s.", r.URL.Path)
	// The caller may be gone; there is nobody left to tell.
	_ = dialect.Write(w, r, h.o.Errors.Connect(err, id))
}

// notFound answers for a path that neither mux has. The plain one may have it
// under another method.
func (m *Mux) notFound(w http.ResponseWriter, r *http.Request) {
	verdict := &statusOnly{header: http.Header{}, code: http.StatusNotFound}
	m.plain.ServeHTTP(verdict, r)
	if allow := verdict.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
	}
	m.o.Errors.WriteHTTP(w, interceptor.RequestIDFrom(r.Context()), gateway.Unroutable(r, verdict.code))
}

// statusOnly keeps the status that a router decides on.
type statusOnly struct {
	header http.Header
	code   int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
func (s *statusOnly) WriteHeader(code int)        { s.code = code }

// recover answers for a plain handler that panicked.
func (h *handler) recover(w http.ResponseWriter, r *http.Request, id string) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	h.o.Log.ErrorContext(r.Context(), "panic", "request_id", id,
		"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	h.o.Errors.WriteHTTP(w, id, rpcerr.New(rpcerr.Internal, ""))
}

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

type bodyKey struct{}

// limit bounds the body and remembers it unbounded, for MaxBody.
func limit(w http.ResponseWriter, r *http.Request, n int64) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	r = r.WithContext(context.WithValue(r.Context(), bodyKey{}, r.Body))
	r.Body = http.MaxBytesReader(w, r.Body, n)
	return r
}

// MaxBody gives a handler another body limit than its Mux has.
func MaxBody(n int64, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, ok := r.Context().Value(bodyKey{}).(interface {
			Read([]byte) (int, error)
			Close() error
		}); ok {
			r.Body = http.MaxBytesReader(w, body, n)
		}
		h.ServeHTTP(w, r)
	})
}
