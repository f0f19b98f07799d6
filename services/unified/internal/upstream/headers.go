package upstream

import (
	"context"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
)

// headerReplayed says that nothing was sent, because the write was made before under the same Idempotency-Key.
const headerReplayed = "Sando-Idempotent-Replay"

// forward prepares a call to the proxy: the headers by which a caller steers it go along, and the headers by which the proxy tells the
// state of the rate budget and what the provider answered come back. Call finish when the call is over.
func forward(ctx context.Context) (_ context.Context, finish func()) {
	in, ok := connect.CallInfoForServerContext(ctx)
	follows, _ := ctx.Value(followingKey{}).(bool)
	ctx, out := connect.NewClientContext(ctx)
	if !ok {
		return ctx, func() {}
	}
	names := []string{"Sando-Max-Wait", "Idempotency-Key"}
	if follows {
		names = names[:1]
	}
	for _, name := range names {
		if v := in.RequestHeader().Get(name); v != "" {
			out.RequestHeader().Set(name, v)
		}
	}
	return ctx, func() {
		if follows {
			return
		}
		for _, name := range []string{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", access.HeaderUpstreamStatus, headerReplayed} {
			if v := out.ResponseHeader().Get(name); v != "" {
				in.ResponseHeader().Set(name, v)
			}
		}
	}
}

type followingKey struct{}

// Following marks the calls that come after the one that a caller asked for, as a read after a write: the caller's key is not for them, and
// the headers of the answer are not about them.
func Following(ctx context.Context) context.Context {
	return context.WithValue(ctx, followingKey{}, true)
}
