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

// ServeHTTP gives the request its id and its limits and has it answered.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := interceptor.NewRequestID(r.Header.Get(interceptor.HeaderIncomingID))
	w.Header().Set(interceptor.HeaderRequestID, id)
	w.Header()["X-Content-Type-Options"] = nosniff
	r = r.WithContext(interceptor.WithRequestID(r.Context(), id))
	defer h.abort(r, id)
	h.route(w, r, id)
	h.note(w, r, id)
}

// route finds who answers.
func (h *handler) route(w http.ResponseWriter, r *http.Request, id string) {
	if e := h.refusal(r); e != nil {
		if lengthTwice(r) {
			// Where its next request begins is anybody's guess.
			w.Header().Set("Connection", "close")
		}
		h.refuse(w, r, id, e)
		return
	}
	if _, guarded := r.Body.(requestBody); !guarded && hasBody(r) {
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

// serveRPC answers a procedure. What Connect answers without a body, a wrong
// method or content type, gets the one shape.
func (h *handler) serveRPC(w http.ResponseWriter, r *http.Request, id string) {
	procedure, ok := h.rpc.byPath[r.URL.Path]
	if !ok {
		h.refuseRPC(w, r, id)
		return
	}
	procedure.ServeHTTP(&rpcWriter{ResponseWriter: w, fail: func(code int) {
		interceptor.TraceAnswer(w, r)
		h.o.Errors.WriteHTTP(w, id, gateway.Unroutable(r, code))
	}}, r)
}

// refuseRPC answers for a procedure that does not exist, in the dialect of the
// caller.
func (h *handler) refuseRPC(w http.ResponseWriter, r *http.Request, id string) {
	interceptor.TraceAnswer(w, r)
	if r.Method != http.MethodPost || !connecthttp.NewErrorWriter().IsSupported(r) {
		h.o.Errors.WriteHTTP(w, id, gateway.Unroutable(r, http.StatusNotFound))
		return
	}
	h.refuse(w, r, id, rpcerr.Newf(rpcerr.Unimplemented, "There is no procedure %s.", r.URL.Path))
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
