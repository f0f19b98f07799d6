package interceptor

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Deadline bounds a call. A unary call gets at most limit, also when its caller
// set no limit; a stream keeps its caller's. From what a caller gives, 5 % and
// at least shave is kept back, so that the callee can still say why it ran out
// of time before its caller stops listening. A call with nothing left is
// refused at once.
func Deadline(limit, shave time.Duration) Named {
	return Named{Name: "deadline", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			left, bounded := budget(ctx, spec, limit, shave)
			if !bounded {
				return next(ctx, spec, stream)
			}
			if left <= 0 {
				return rpcerr.New(rpcerr.DeadlineExceeded, "")
			}
			within, cancel := context.WithTimeout(ctx, left)
			defer cancel()
			err := next(within, spec, stream)
			if err != nil && ctx.Err() == nil && errors.Is(within.Err(), context.DeadlineExceeded) &&
				errors.Is(err, context.Canceled) {
				// Libraries report our own time limit as a cancellation.
				return rpcerr.New(rpcerr.DeadlineExceeded, "").WithCause(err)
			}
			return err
		}
	}}
}

// budget says how long the call may take, and whether there is a limit at all.
func budget(ctx context.Context, spec connect.Spec, limit, shave time.Duration) (time.Duration, bool) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return limit, spec.StreamType == connect.StreamTypeUnary
	}
	left := time.Until(deadline)
	left -= max(left/20, shave)
	if spec.StreamType == connect.StreamTypeUnary {
		left = min(left, limit)
	}
	return left, true
}
