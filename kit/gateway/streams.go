package gateway

import (
	"context"
	"net/http"
	"sync"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// Streams runs plain HTTP handlers under a chain of interceptors, so that a
// route whose body must not pass through messages is authenticated, limited,
// logged and answered like any other.
type Streams struct {
	errs    *rpcerr.Table
	chain   []connect.ServerInterceptor
	buffers sync.Pool
}

// NewStreams makes Streams over a chain made by interceptor.Chain.
func NewStreams(errs *rpcerr.Table, chain []connect.ServerInterceptor) *Streams {
	return &Streams{errs: errs, chain: chain}
}

// Handler makes a handler that runs h as the procedure of spec.
//
// The call's CallInfo has the headers that reach every handler of the gateway,
// and its response headers go out with the answer. The answer is held back until 64 kB are written or h
// flushes; an error before that is answered in the one shape, an error after
// it breaks the connection off (http.ErrAbortHandler), so that half an answer
// never looks like a whole one. The request's own context is the listener's;
// what the interceptors put into the call's is in ctx alone.
func (s *Streams) Handler(spec connect.Spec, h func(ctx context.Context, w http.ResponseWriter, r *http.Request) error) http.Handler {
	srv := connect.NewServer(s.chain...)
	srv.Register(connect.Method{Spec: spec, Handler: func(ctx context.Context, _ connect.Spec, _ connect.ServerStream) error {
		x, ok := ctx.Value(exchangeKey{}).(*exchange)
		if !ok {
			return rpcerr.New(rpcerr.Internal, "")
		}
		x.info, _ = connect.CallInfoForServerContext(ctx)
		return h(ctx, x, x.r)
	}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(srv, spec, w, r) })
}

func (s *Streams) serve(srv *connect.Server, spec connect.Spec, w http.ResponseWriter, r *http.Request) {
	info := &connect.CallInfo{Spec: spec, PeerAddr: r.RemoteAddr, Protocol: interceptor.ProtocolREST, Codec: connect.CodecNameJSON}
	for k, values := range r.Header {
		if reaches(k) || k == "Authorization" {
			info.RequestHeader().SetValues(k, values)
		}
	}
	x := &exchange{w: w, r: r, pool: &s.buffers}
	defer x.release()
	ctx := context.WithValue(r.Context(), exchangeKey{}, x)
	err := srv.Call(ctx, spec.Procedure, info, noMessages{})
	if err == nil {
		err = x.finish()
	}
	if err == nil {
		return
	}
	if x.committed {
		panic(http.ErrAbortHandler)
	}
	x.info = info
	x.headers()
	id := interceptor.RequestIDFrom(ctx)
	if id == "" {
		id = info.ResponseHeader().Get(interceptor.HeaderRequestID)
	}
	s.errs.WriteHTTP(w, id, err)
}

// noMessages is the stream of a call that has none.
type noMessages struct{}

func (noMessages) Receive(any) error  { return rpcerr.New(rpcerr.Internal, "") }
func (noMessages) Send(any) error     { return rpcerr.New(rpcerr.Internal, "") }
func (noMessages) SendHeaders() error { return nil }
