package access

import (
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
)

const (
	// DefaultDeadline is how long a call may take whose caller set no deadline.
	DefaultDeadline = 30 * time.Second
	// deadlineShave is what a hop keeps of its caller's deadline at least, so that it can still say why it ran out.
	deadlineShave = 10 * time.Millisecond
)

// ChainOptions are what the chain of a server needs.
type ChainOptions struct {
	Log           *slog.Logger
	Telemetry     telemetry.Telemetry
	Authenticator Authenticator
	// Watch refuses calls while revocations are not followed; nil where the service is auth itself.
	Watch Watch
	// Rules say who may call each procedure.
	Rules  map[string]Rule
	Errors *rpcerr.Table
	// MaxDuration bounds a call whose caller set no deadline, and one whose deadline is further off; 0 means DefaultDeadline.
	MaxDuration time.Duration
}

// Chain is the whole named chain of interceptors, in order, that every call of every transport passes.
func Chain(o ChainOptions) ([]connect.ServerInterceptor, error) {
	if o.MaxDuration == 0 {
		o.MaxDuration = DefaultDeadline
	}
	return interceptor.Chain(
		interceptor.Recover(o.Log),
		interceptor.RequestID(),
		interceptor.Telemetry(o.Telemetry),
		interceptor.Log(o.Log),
		interceptor.Deadline(o.MaxDuration, deadlineShave),
		Authenticate(o.Authenticator),
		Authorise(o.Rules, o.Watch),
		interceptor.Validate(CheckValues),
		interceptor.Errors(o.Errors, o.Log),
	)
}
