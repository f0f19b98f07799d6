package interceptor

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Log writes one line for every call: what, how it ended, how long it took,
// and what the handler noted. Never a body, a header or a token.
func Log(log *slog.Logger) Named {
	return Named{Name: "log", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			start := time.Now()
			n := &notes{}
			err := next(context.WithValue(ctx, notesKey{}, n), spec, stream)
			level := levelOf(err)
			if !log.Enabled(ctx, level) {
				return err
			}
			attrs := make([]slog.Attr, 0, 8)
			attrs = append(attrs,
				slog.String("procedure", spec.Procedure),
				slog.String("code", codeText(err)),
				slog.Duration("took", time.Since(start)),
				slog.String("request_id", RequestIDFrom(ctx)),
			)
			if info, ok := connect.CallInfoForServerContext(ctx); ok && info.Protocol != "" {
				attrs = append(attrs, slog.String("protocol", info.Protocol))
			}
			log.LogAttrs(ctx, level, "call", append(attrs, n.take()...)...)
			return err
		}
	}}
}

// codeText is the product's code of an error, which says more than the RPC's.
func codeText(err error) string {
	if err == nil {
		return "OK"
	}
	if c := rpcerr.CodeOf(err); c != "" {
		return string(c)
	}
	return connect.CodeOf(err).String()
}

func levelOf(err error) slog.Level {
	var ce *connect.Error
	if err == nil || !errors.As(err, &ce) {
		return slog.LevelInfo
	}
	switch ce.Code() {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeDataLoss:
		return slog.LevelError
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
