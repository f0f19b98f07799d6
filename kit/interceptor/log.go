package interceptor

import (
	"context"
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
			returned := false
			var err error
			defer func() {
				if !returned {
					err = rpcerr.New(rpcerr.Internal, "") // the handler panics
				}
				line(ctx, log, spec.Procedure, n, start, err)
			}()
			err = next(context.WithValue(ctx, notesKey{}, n), spec, stream)
			returned = true
			return err
		}
	}}
}

// LogRefused writes the line of a REST call that is refused before it reaches
// the chain.
func LogRefused(ctx context.Context, log *slog.Logger, procedure string, start time.Time, err error) {
	n := &notes{}
	n.attrs = append(n.room[:0], slog.String("protocol", ProtocolREST))
	line(ctx, log, procedure, n, start, err)
}

func line(ctx context.Context, log *slog.Logger, procedure string, n *notes, start time.Time, err error) {
	if r, ok := ctx.Value(requestIDKey{}).(*request); ok {
		r.called.Store(true)
	}
	level := levelOf(err)
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 12)
	attrs = append(attrs,
		slog.String("procedure", procedure),
		slog.String("code", codeText(err)),
		slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
		slog.String("request_id", RequestIDFrom(ctx)),
	)
	if info, ok := connect.CallInfoForServerContext(ctx); ok && info.Protocol != "" {
		attrs = append(attrs, slog.String("protocol", info.Protocol))
	}
	// The place in the code, which Logger.LogAttrs looks up for each line, is this one for all.
	r := slog.NewRecord(time.Now(), level, "call", 0)
	r.AddAttrs(append(attrs, n.take()...)...)
	_ = log.Handler().Handle(ctx, r) // a log that cannot be written has nowhere to be reported
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

// levelOf is how loud the line of a call is.
func levelOf(err error) slog.Level {
	if err == nil {
		return slog.LevelInfo
	}
	switch rpcerr.CodeOf(err) {
	case rpcerr.Internal:
		return slog.LevelError
	case rpcerr.Unavailable, rpcerr.DeadlineExceeded:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
