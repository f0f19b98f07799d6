package interceptor

import (
	"context"
	"errors"
	"log/slog"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Errors gives every error the one shape and logs the private cause of faults
// that are ours. It is the innermost link; through Chain, the errors of the
// other links get their shape from it too.
func Errors(table *rpcerr.Table, log *slog.Logger) Named {
	shape := func(ctx context.Context, err error) error {
		return table.Connect(err, RequestIDFrom(ctx))
	}
	return Named{
		Name:  "errors",
		shape: shape,
		Server: func(next connect.ServerFunc) connect.ServerFunc {
			return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
				err := next(ctx, spec, stream)
				if err == nil {
					return nil
				}
				if e := table.From(shape(ctx, err)); e.Code == rpcerr.Internal {
					cause := errors.Unwrap(e)
					if cause == nil {
						cause = err
					}
					log.ErrorContext(ctx, "internal error", "procedure", spec.Procedure,
						"request_id", RequestIDFrom(ctx), "cause", cause.Error())
				}
				return err
			}
		},
	}
}
