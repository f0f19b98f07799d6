package edge

import (
	"context"
	"sync"
)

type drainKey struct{}

// Draining gives a channel that is closed when the server of this request
// starts to drain, or nil outside of one. A stream that would go on for ever
// ends then, so that the server can stop without cutting it.
func Draining(ctx context.Context) <-chan struct{} {
	if s, ok := ctx.Value(drainKey{}).(*signal); ok {
		return s.raised
	}
	return nil
}

// signal is raised once.
type signal struct {
	once   sync.Once
	raised chan struct{}
}

func newSignal() *signal { return &signal{raised: make(chan struct{})} }

func (s *signal) raise() { s.once.Do(func() { close(s.raised) }) }
