package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/wire"
)

// Options configure NewMux.
type Options struct {
	JSON   wire.JSON
	Errors *rpcerr.Table
	// Log gets a line for each call that fails before it reaches the chain; nil
	// is nowhere.
	Log *slog.Logger
	// NotFound answers for a path without a route; nil is the one error shape.
	NotFound http.Handler
}

// A Registration adds the routes of one service to a mux.
type Registration func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error

// Routes makes a Registration of what grpc-gateway generates:
//
//	gateway.Routes(pb.NewFooServiceClient, pb.RegisterFooServiceHandlerClient)
func Routes[C any](
	client func(grpc.ClientConnInterface) C,
	register func(context.Context, *runtime.ServeMux, C) error,
) Registration {
	return func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
		return register(ctx, mux, client(conn))
	}
}

// NewMux makes a gateway mux that answers in the one JSON and with the one
// error shape, refuses query keys and body fields that mean nothing, passes on
// the headers that handlers read, and shows the headers that they set.
func NewMux(o Options) *runtime.ServeMux {
	installQueryParser()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, strict{o.JSON.Gateway()}),
		runtime.WithMiddlewares(openCall),
		runtime.WithMetadata(parseForm),
		runtime.WithIncomingHeaderMatcher(incoming),
		runtime.WithOutgoingHeaderMatcher(shown),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithErrorHandler(o.failed),
		runtime.WithRoutingErrorHandler(o.unrouted),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithWriteContentLength(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
}

// incoming chooses the request headers that reach handlers. Authorization is
// not among them because the gateway passes it on by itself.
func incoming(key string) (string, bool) {
	if !reaches(key) {
		return "", false
	}
	return strings.ToLower(key), true
}

// reaches reports whether a request header, in canonical form, is for handlers.
func reaches(key string) bool {
	switch key {
	case "Idempotency-Key", "Traceparent", "Tracestate", "Baggage", "User-Agent",
		"Accept-Language", "If-Match", "If-None-Match", interceptor.HeaderIncomingID:
		return true
	}
	return strings.HasPrefix(key, "Sando-")
}

// shown lets every header of a handler through under its own name, except
// those that describe the body and the connection.
func shown(key string) (string, bool) {
	if describes(http.CanonicalHeaderKey(key)) {
		return "", false
	}
	return key, true
}

// describes reports whether a header, in canonical form, is about the body or
// the connection.
func describes(key string) bool {
	switch key {
	case "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding",
		"Connection", "Trailer", "Te", "Upgrade", "Date":
		return true
	}
	return false
}

// failed answers with an error, and logs that of a call whose body or query
// could not be read: it never reached the chain, which logs all others.
func (o Options) failed(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if md, ok := runtime.ServerMetadataFromContext(ctx); ok {
		for k, values := range md.HeaderMD {
			if name, ok := shown(k); ok {
				for _, v := range values {
					w.Header().Add(name, v)
				}
			}
		}
	}
	interceptor.TraceAnswer(w, r)
	e := own(o.Errors, err)
	if c, ok := ctx.Value(callKey{}).(*call); ok && !c.passed {
		procedure, _ := runtime.RPCMethod(ctx)
		interceptor.LogRefused(ctx, o.Log, procedure, c.began, e)
	}
	o.Errors.WriteHTTP(w, interceptor.RequestIDFrom(ctx), e)
}

// own tells the errors of the gateway itself, which have no details, from
// those of the server behind it.
func own(errs *rpcerr.Table, err error) *rpcerr.Error {
	var routing *runtime.HTTPStatusError
	if errors.As(err, &routing) {
		return rpcerr.New(rpcerr.ValidationFailed, "The path is not validly escaped.").WithCause(err)
	}
	s, ok := status.FromError(err)
	if !ok || len(s.Proto().GetDetails()) > 0 || s.Code() != codes.InvalidArgument {
		return errs.From(err)
	}
	if e, ok := unpack(s.Message()); ok {
		return e
	}
	// A path parameter of the wrong type.
	return rpcerr.New(rpcerr.ValidationFailed, s.Message())
}
