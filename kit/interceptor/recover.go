package interceptor

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// Recover turns a panic into INTERNAL and logs where it happened, and of the
// value no more than log.Panic. A panic with http.ErrAbortHandler goes on: it is
// how a streaming handler breaks off.
func Recover(logger *slog.Logger) Named {
	return Named{Name: "recover", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
			defer func() {
				v := recover()
				if v == nil {
					return
				}
				if v == http.ErrAbortHandler {
					panic(v)
				}
				logger.ErrorContext(ctx, "panic", "procedure", spec.Procedure, "request_id", requestID(ctx),
					"panic", log.Panic(v), "stack", string(debug.Stack()))
				err = rpcerr.New(rpcerr.Internal, "")
			}()
			return next(ctx, spec, stream)
		}
	}}
}
