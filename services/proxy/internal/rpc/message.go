package rpc

import (
	"context"
	"slices"
	"sync"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// A message is a buffer that holds what fits into one.
type message struct {
	bytes []byte
	most  int
	lent  bool // the buffer is used again behind what was sent
}

// message makes an empty one, of a used buffer if the call has lent one.
func (p Proxy) message(ctx context.Context) *message {
	m := &message{most: p.MaxMessage}
	if l, ok := ctx.Value(loanKey{}).(*loan); ok {
		m.lent, l.message = true, m
		if used, ok := buffers.Get().(*[]byte); ok {
			m.bytes = (*used)[:0]
		}
	}
	return m
}

func (m *message) Write(b []byte) (int, error) {
	if len(m.bytes)+len(b) > m.most {
		return 0, rpcerr.New(rpcerr.ResultTooLarge, "").WithDetail("limit_bytes", m.most)
	}
	m.bytes = append(m.bytes, b...)
	return len(b), nil
}

// Grow makes room, as far as fits into a message.
func (m *message) Grow(n int) { m.bytes = slices.Grow(m.bytes, min(n, m.most-len(m.bytes))) }

func (m *message) WriteString(s string) (int, error) { return m.Write([]byte(s)) }

// renew empties the message behind what has been sent of it.
func (m *message) renew() {
	if m.lent {
		m.bytes = m.bytes[:0]
		return
	}
	m.bytes = nil
}

func (m *message) raw() *rpcv1.RawJson { return &rpcv1.RawJson{Json: m.bytes} }

// buffers are those of messages that have been sent: a page of half a megabyte
// made anew for each call would cost the collector as much as all the rest.
var buffers sync.Pool //nolint:gochecknoglobals // a pool of buffers has no state of its own

// mostKept is the largest buffer that is kept, in bytes.
const mostKept = 4 << 20

type loanKey struct{}

// A loan is the buffer of a call whose answer is on the wire when the call ends.
type loan struct{ message *message }

// Lend lets calls from the network use the buffers of those before them. Within
// the process messages change hands, so that their bytes are the receiver's.
func Lend() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if _, network := connecthttp.ServerInfoForContext(ctx); !network {
				return next(ctx, spec, stream)
			}
			l := &loan{}
			err := next(context.WithValue(ctx, loanKey{}, l), spec, stream)
			if m := l.message; m != nil && cap(m.bytes) <= mostKept {
				used := m.bytes
				buffers.Put(&used)
			}
			return err
		}
	}
}
