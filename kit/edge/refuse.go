package edge

import (
	"io"
	"log/slog"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// refusal is what is wrong with a request whoever is to answer it, or nil: a
// header twice that has one value, a key that is none, or a body where none has
// a meaning.
func (h *handler) refusal(r *http.Request) *rpcerr.Error {
	if lengthTwice(r) {
		return rpcerr.New(rpcerr.ValidationFailed, "The length of the request is given twice: one of Content-Length and Transfer-Encoding, once, says where it ends.").
			WithFix("Send either a Content-Length or chunks.")
	}
	for name, values := range r.Header {
		if len(values) > 1 && isSingle(name) {
			return rpcerr.Newf(rpcerr.ValidationFailed, "The header %s is given %d times.", name, len(values)).
				WithFix("Send the header once.")
		}
	}
	// Without this, whoever computes a key and gets nothing would believe that
	// its write is safe to repeat.
	if key, given := r.Header["Idempotency-Key"]; given && key[0] == "" {
		return rpcerr.New(rpcerr.ValidationFailed, "The header Idempotency-Key is empty.").
			WithFix("Give each write a key of its own, or leave the header out.")
	}
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && hasBody(r) && !isEmpty(r) {
		return rpcerr.Newf(rpcerr.ValidationFailed, "A %s request takes no body.", r.Method).
			WithFix("Leave out the body; what a GET asks for stands in its path and query.")
	}
	return nil
}

// isSingle reports whether a header, in canonical form, has one value: one of two
// would be dropped without a word. Headers that are lists are not among them.
func isSingle(name string) bool {
	switch name {
	case "Authorization", "Idempotency-Key", "Content-Type", "Content-Length", "Content-Encoding", "Origin", "Last-Event-Id",
		"Grpc-Timeout", "Grpc-Encoding", "Connect-Timeout-Ms", "Connect-Protocol-Version", "Connect-Content-Encoding":
		return true
	}
	return strings.HasPrefix(name, "Sando-") || strings.HasPrefix(name, "Mcp-")
}

// isEmpty reports whether a body that a GET announces has nothing in it, as
// clients send that know no other way.
func isEmpty(r *http.Request) bool {
	if r.ContentLength > 0 {
		return false
	}
	if b, ok := r.Body.(requestBody); ok && !b.x.streams {
		if !b.x.drained() {
			return false
		}
		return b.x.late == 0
	}
	n, err := io.ReadFull(r.Body, make([]byte, 1))
	return n == 0 && err == io.EOF
}

// refuse answers a request ahead of its handler, in the dialect of the caller.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, id string, e *rpcerr.Error) {
	interceptor.TraceAnswer(w, r)
	if dialect := connecthttp.NewErrorWriter(); h.isRPC(r) && r.Method == http.MethodPost && dialect.IsSupported(r) {
		// The caller may be gone; there is nobody left to tell.
		_ = dialect.Write(w, r, h.o.Errors.Connect(e, id))
		return
	}
	h.o.Errors.WriteHTTP(w, id, e)
}

// note writes a line for a request that was refused before any call began: each
// call has a line from the chain. A path may hold a token, so only its first
// segment is shown.
func (h *handler) note(w http.ResponseWriter, r *http.Request, id string) {
	x := exchangeOf(w)
	if x == nil || x.status < http.StatusBadRequest || x.status >= http.StatusInternalServerError || interceptor.Called(r.Context()) {
		return
	}
	root, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	h.o.Log.LogAttrs(r.Context(), slog.LevelInfo, "refused",
		slog.String("method", r.Method), slog.String("path", "/"+root), slog.Int("status", x.status), slog.String("request_id", id))
}
