package edge

import "context"

type drainKey struct{}

// Draining gives a channel that is closed when the server of this request
// starts to drain, or nil outside of one. A stream that would go on for ever
// ends then, so that the server can stop without cutting it.
func Draining(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(drainKey{}).(chan struct{})
	return c
}
