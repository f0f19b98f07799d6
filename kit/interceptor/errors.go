package interceptor

import (
	"context"
	"errors"
	"io"
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
	return Named{Name: "errors", shape: shape, Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if info, ok := connect.CallInfoForServerContext(ctx); !ok || info.Protocol != ProtocolREST {
				stream = &incoming{stream}
			}
			return next(ctx, spec, stream)
		}
	}}
}

// incoming is the caller's side of a stream. A message that cannot be taken off
// the wire, because its frame is longer than what comes, has bytes after it or
// flags that mean nothing, is the caller's fault; the RPC library calls it
// internal or unknown.
type incoming struct{ connect.ServerStream }

func (s *incoming) Receive(message any) error { return Received(s.ServerStream.Receive(message)) }

// Received tells whose fault an error of receiving a message is, for services
// that run outside of the chain.
func Received(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	var (
		library *connect.Error
		ours    *rpcerr.Error
	)
	if !errors.As(err, &library) || errors.As(err, &ours) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	switch library.Code() {
	case connect.CodeInternal, connect.CodeUnknown, connect.CodeUnimplemented:
		// Unimplemented is no message, or a second one, where one is due.
		return rpcerr.Invalid("body", "is not one whole message, framed as the protocol says").WithCause(err)
	default:
		return err
	}
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
