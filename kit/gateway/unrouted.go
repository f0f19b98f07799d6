package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// unrouted answers a request that no route takes.
func (o Options) unrouted(ctx context.Context, mux *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch {
	case isProbe(ctx):
		return
	case code == http.StatusNotFound && o.NotFound != nil:
		o.NotFound.ServeHTTP(w, r)
		return
	case code == http.StatusMethodNotAllowed:
		w.Header().Set("Allow", strings.Join(allowed(mux, r), ", "))
	}
	interceptor.TraceAnswer(w, r)
	o.Errors.WriteHTTP(w, interceptor.RequestIDFrom(ctx), Unroutable(r, code))
}

// Unroutable is the error for a request that no route takes, given the status
// that the router found.
func Unroutable(r *http.Request, code int) *rpcerr.Error {
	switch code {
	case http.StatusNotFound:
		return rpcerr.Newf(rpcerr.NotFound, "There is nothing at %s.", r.URL.Path)
	case http.StatusMethodNotAllowed:
		return rpcerr.Newf(rpcerr.MethodNotAllowed, "%s does not take %s.", r.URL.Path, r.Method)
	case http.StatusUnsupportedMediaType:
		return rpcerr.New(rpcerr.UnsupportedMediaType, "")
	default:
		return rpcerr.New(rpcerr.ValidationFailed, "The request is malformed.")
	}
}

type probeKey struct{}

func isProbe(ctx context.Context) bool { return ctx.Value(probeKey{}) != nil }

// allowed asks the mux which methods the path has, by sending it requests that
// end in openCall. Only the answer to a wrong method pays for it.
func allowed(mux *runtime.ServeMux, r *http.Request) []string {
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		hit := false
		probe := r.Clone(context.WithValue(r.Context(), probeKey{}, &hit))
		probe.Method, probe.Body = m, http.NoBody
		mux.ServeHTTP(nowhere{}, probe)
		if hit {
			methods = append(methods, m)
		}
	}
	return methods
}

// nowhere is the answer to a probe, which nobody reads.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}
