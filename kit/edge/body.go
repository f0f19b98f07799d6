package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
)

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
		if body, ok := r.Context().Value(bodyKey{}).(io.ReadCloser); ok {
			r.Body = http.MaxBytesReader(w, body, n)
		}
		h.ServeHTTP(w, r)
	})
}

// sentBody is the body of a request that no guard watches over.
type sentBody struct{ io.ReadCloser }

func (b sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || err == io.EOF || errors.Is(err, http.ErrBodyReadAfterClose) {
		return n, err
	}
	return n, brokenBody(err, 0)
}
