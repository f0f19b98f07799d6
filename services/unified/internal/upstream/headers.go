package upstream

import (
	"context"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
)

// forward prepares a call to the proxy: the headers by which a caller steers it go along, and the headers by which the proxy tells the
// state of the rate budget and what the provider answered come back. Call finish when the call is over.
func forward(ctx context.Context) (_ context.Context, finish func()) {
	in, ok := connect.CallInfoForServerContext(ctx)
	ctx, out := connect.NewClientContext(ctx)
	if !ok {
		return ctx, func() {}
	}
	for _, name := range []string{"Idempotency-Key", "Sando-Max-Wait"} {
		if v := in.RequestHeader().Get(name); v != "" {
			out.RequestHeader().Set(name, v)
		}
	}
	return ctx, func() {
		for _, name := range []string{"Ratelimit-Limit", "Ratelimit-Remaining", "Ratelimit-Reset", access.HeaderUpstreamStatus} {
			if v := out.ResponseHeader().Get(name); v != "" {
				in.ResponseHeader().Set(name, v)
			}
		}
	}
}
