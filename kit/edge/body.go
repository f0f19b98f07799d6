package edge

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/sando-dev/sando/kit/rpcerr"
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

// sentBody is the body of a request. Where it cannot be read to its end, the
// caller has broken off or framed it wrongly, and the error says so: whoever
// reads it, over whatever protocol, has nothing to decide.
type sentBody struct{ io.ReadCloser }

func (b sentBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, http.ErrBodyReadAfterClose) {
		return n, err
	}
	return n, rpcerr.Invalid("body", "ends before it is complete, or is not framed as HTTP says").WithCause(err).
		WithFix("Send the whole body, as long as its Content-Length or its chunks say.")
}

// wholeBody reads a body to its end as soon as any of it is asked for.
type wholeBody struct {
	io.ReadCloser
	limit int64
	read  bool
	bytes bytes.Reader
	err   error // why the body has no more than bytes
}

func (b *wholeBody) Read(p []byte) (int, error) {
	if !b.read {
		b.read = true
		var all []byte
		all, b.err = io.ReadAll(io.LimitReader(b.ReadCloser, b.limit))
		b.bytes.Reset(all)
	}
	n, err := b.bytes.Read(p)
	if err != nil && b.err != nil {
		err = b.err
	}
	return n, err
}
