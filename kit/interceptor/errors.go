package interceptor

import (
	"context"
	"errors"
	"log/slog"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Errors gives every error the one shape and logs its private cause: loudly
// when the fault is ours, for debugging otherwise. It is the innermost link;
// through Chain the errors of the other links get their shape from it too.
func Errors(table *rpcerr.Table, log *slog.Logger) Named {
	shape := func(ctx context.Context, spec connect.Spec, err error) error {
		form := table.Connect
		if info, ok := connect.CallInfoForServerContext(ctx); ok && info.Protocol == ProtocolREST {
			form = table.Bare
		}
		shaped := form(err, requestID(ctx))
		if error(shaped) == err {
			return err
		}
		if cause := errors.Unwrap(table.From(shaped)); cause != nil {
			log.LogAttrs(ctx, causeLevel(shaped), "fault",
				slog.String("procedure", spec.Procedure),
				slog.String("code", codeText(shaped)),
				slog.String("request_id", requestID(ctx)),
				slog.String("cause", cause.Error()))
		}
		return shaped
	}
	return Named{Name: "errors", shape: shape, Server: func(next connect.ServerFunc) connect.ServerFunc { return next }}
}

// ProtocolREST is the protocol of calls that are answered by plain HTTP, and
// whose errors so need nothing that is for an RPC's wire.
const ProtocolREST = "rest"

// causeLevel is the level for a cause: a caller's mistake is worth a line only
// when somebody is looking for it.
func causeLevel(err error) slog.Level {
	if level := levelOf(err); level > slog.LevelInfo {
		return level
	}
	return slog.LevelDebug
}

// requestID finds the id also where ctx does not have it, outside of the link
// request_id.
func requestID(ctx context.Context) string {
	if id := RequestIDFrom(ctx); id != "" {
		return id
	}
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		return info.ResponseHeader().Get(HeaderRequestID)
	}
	return ""
}
