package edge

import (
	"net/http"
	"runtime/debug"
	"strings"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// handler is a finished Mux.
type handler struct{ *Mux }

// nosniff stands in every answer.
var nosniff = []string{"nosniff"} //nolint:gochecknoglobals // a constant that Go has no word for

// ServeHTTP gives the request its id and its limits and finds who answers.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := interceptor.NewRequestID(r.Header.Get(interceptor.HeaderIncomingID))
	w.Header().Set(interceptor.HeaderRequestID, id)
	w.Header()["X-Content-Type-Options"] = nosniff
	r = r.WithContext(interceptor.WithRequestID(r.Context(), id))
	defer h.abort(r, id)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = sentBody{r.Body}
	}
	if h.isRPC(r) {
		h.serveRPC(w, r, id)
		return
	}
	r = limit(w, r, h.o.MaxBody)
	if r.Method == http.MethodHead {
		// Served as GET; the listener sends no body for what came as HEAD.
		r.Method = http.MethodGet
	}
	if h.isPlain(r) {
		h.servePlain(w, r, id)
		return
	}
	if to := h.shortcuts.find(r); to != nil {
		to.ServeHTTP(w, r)
		return
	}
	h.gateway.ServeHTTP(w, r)
}

// abort logs a panic that no interceptor saw, since net/http would print its
// value, and ends the connection.
func (h *handler) abort(r *http.Request, id string) {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler {
		h.logPanic(r, id, v)
	}
	panic(http.ErrAbortHandler)
}

func (h *handler) logPanic(r *http.Request, id string, v any) {
	h.o.Log.ErrorContext(r.Context(), "panic", "request_id", id, "panic", log.Panic(v), "stack", string(debug.Stack()))
}

// isRPC reports whether the request is for a procedure: by its path, which
// starts with the name of a service, or by its content type.
func (h *handler) isRPC(r *http.Request) bool {
	return h.rpc.has(r.URL.Path) || strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc")
}

// readWhole has the body of a call of one message over HTTP/1.1 read to its end
// before anything is made of it: a handler may answer without looking for the
// end, and a router that is still sending would take that for a broken
// connection.
func (h *handler) readWhole(r *http.Request) {
	contentType := r.Header.Get("Content-Type")
	one := strings.HasPrefix(contentType, "application/grpc-web") ||
		strings.HasPrefix(contentType, "application/json") || strings.HasPrefix(contentType, "application/proto")
	if r.ProtoMajor != 1 || !one || r.Body == nil || r.Body == http.NoBody {
		return
	}
	const frame = 5 // flags and length of a gRPC-Web message
	r.Body = &wholeBody{ReadCloser: r.Body, limit: h.o.MaxBody + frame + 1}
}

// serveRPC answers a procedure. What Connect answers without a body, a wrong
// method or content type, gets the one shape.
func (h *handler) serveRPC(w http.ResponseWriter, r *http.Request, id string) {
	procedure, ok := h.rpc.byPath[r.URL.Path]
	if !ok {
		h.refuseRPC(w, r, id)
		return
	}
	h.readWhole(r)
	procedure.ServeHTTP(&rpcWriter{ResponseWriter: w, fail: func(code int) {
		interceptor.TraceAnswer(w, r)
		h.o.Errors.WriteHTTP(w, id, gateway.Unroutable(r, code))
	}}, r)
}

// refuseRPC answers for a procedure that does not exist, in the dialect of the
// caller.
func (h *handler) refuseRPC(w http.ResponseWriter, r *http.Request, id string) {
	interceptor.TraceAnswer(w, r)
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
	interceptor.TraceAnswer(w, r)
	m.o.Errors.WriteHTTP(w, interceptor.RequestIDFrom(r.Context()), gateway.Unroutable(r, verdict.code))
}

// servePlain runs a handler that has no interceptor to catch its panics.
func (h *handler) servePlain(w http.ResponseWriter, r *http.Request, id string) {
	watched := &startedWriter{ResponseWriter: w}
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if v == http.ErrAbortHandler {
			panic(v)
		}
		h.logPanic(r, id, v)
		if watched.started {
			// Half an answer must not look like a whole one.
			panic(http.ErrAbortHandler)
		}
		h.o.Errors.WriteHTTP(w, id, rpcerr.New(rpcerr.Internal, ""))
	}()
	h.plain.ServeHTTP(watched, r)
}
