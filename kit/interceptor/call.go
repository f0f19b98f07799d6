package interceptor

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"connectrpc.com/connect/v2"
)

// HeaderRequestID names a request in answers; HeaderIncomingID in requests.
const (
	HeaderRequestID  = "Sando-Request-Id"
	HeaderIncomingID = "X-Request-Id"
)

type requestIDKey struct{}

// request is what is known of a request ahead of its call.
type request struct {
	id string
	// called says that a call was logged for it.
	called atomic.Bool
}

// RequestIDFrom gives the id of the request that ctx belongs to, or "".
func RequestIDFrom(ctx context.Context) string {
	if r, ok := ctx.Value(requestIDKey{}).(*request); ok {
		return r.id
	}
	return ""
}

// Called reports whether a call has its line in the log for the request that
// ctx belongs to. The listener writes one for a request that came to no call.
func Called(ctx context.Context) bool {
	r, ok := ctx.Value(requestIDKey{}).(*request)
	return ok && r.called.Load()
}

// WithRequestID marks ctx as belonging to a request. The listener does so for
// requests that may fail before the chain is reached, and shows the id itself.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestIDKey{}, &request{id: id})
}

// NewRequestID keeps the caller's id when it is 1 to 64 letters, digits, dots,
// dashes and underscores, and makes one otherwise.
func NewRequestID(incoming string) string {
	if validID(incoming) {
		return incoming
	}
	// An id need be unique, not secret: it is in the answer.
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64())
	return requestIDs.EncodeToString(b[:])
}

// requestIDs spells ids in letters and digits that survive any transport.
var requestIDs = base32.StdEncoding.WithPadding(base32.NoPadding) //nolint:gochecknoglobals // an encoding has no state

func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// RequestID gives every request an id: the one of the listener, of the calling
// service, or a new one.
func RequestID() Named {
	return Named{Name: "request_id", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if RequestIDFrom(ctx) != "" {
				return next(ctx, spec, stream)
			}
			info, ok := connect.CallInfoForServerContext(ctx)
			if !ok {
				return next(WithRequestID(ctx, NewRequestID("")), spec, stream)
			}
			id := NewRequestID(info.RequestHeader().Get(HeaderIncomingID))
			info.ResponseHeader().Set(HeaderRequestID, id)
			return next(WithRequestID(ctx, id), spec, stream)
		}
	}}
}

type notesKey struct{}

// notes are attributes for the line of a call. Few calls have more than four.
type notes struct {
	mu    sync.Mutex
	attrs []slog.Attr
	room  [4]slog.Attr
}

// Note adds attributes to the log line of the call that ctx belongs to: the
// account, the operation, never a token or a body.
func Note(ctx context.Context, attrs ...slog.Attr) {
	n, ok := ctx.Value(notesKey{}).(*notes)
	if !ok {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.attrs == nil {
		n.attrs = n.room[:0]
	}
	n.attrs = append(n.attrs, attrs...)
}

func (n *notes) take() []slog.Attr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.attrs
}
