// Package app runs the parts of a process together: all or none, and an
// orderly end.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A Part is something that runs for the life of the process.
type Part struct {
	// Name is for messages.
	Name string
	// Run works until its context ends or Close is called. Returning nil early
	// is fine for a part with nothing more to do; an error stops every part.
	// Nil for a part that only needs closing.
	Run func(ctx context.Context) error
	// Close ends Run and frees what the part holds, within ctx. Nil when the
	// end of Run's context is enough.
	Close func(ctx context.Context) error
}

// Run starts the parts in order and waits until ctx ends or a part fails. Then
// it stops them in reverse order: each is closed, its context is cancelled and
// its Run awaited before the part ahead of it is touched. All of that has one
// deadline, drain from the moment of stopping. Run returns what failed, or nil
// after a clean end.
func Run(ctx context.Context, log *slog.Logger, drain time.Duration, parts ...Part) error {
	if drain <= 0 {
		return errors.New("app: drain must be positive, or no call in flight could finish")
	}
	failed := make(chan error, len(parts))
	started := make([]*running, 0, len(parts))
	for _, p := range parts {
		started = append(started, start(ctx, p, failed))
	}
	var first error
	select {
	case <-ctx.Done():
		log.Info("stopping", "reason", context.Cause(ctx).Error())
	case first = <-failed:
		log.Error("stopping", "reason", first.Error())
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	errs := []error{first}
	for i := len(started) - 1; i >= 0; i-- {
		errs = append(errs, started[i].stop(limit))
	}
	return errors.Join(errs...)
}

// running is a part that was started.
type running struct {
	part   Part
	cancel context.CancelFunc
	done   chan struct{}
}

func start(ctx context.Context, p Part, failed chan<- error) *running {
	// The end of ctx must not reach the parts by itself: it would stop all of
	// them at once, in no order.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{part: p, cancel: cancel, done: make(chan struct{})}
	if p.Run == nil {
		close(r.done)
		return r
	}
	go func() {
		defer close(r.done)
		if err := p.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			failed <- fmt.Errorf("%s: %w", p.Name, err)
		}
	}()
	return r
}

func (r *running) stop(ctx context.Context) error {
	var err error
	if r.part.Close != nil {
		if err = r.part.Close(ctx); err != nil {
			err = fmt.Errorf("close %s: %w", r.part.Name, err)
		}
	}
	r.cancel()
	select {
	case <-r.done:
		return err
	case <-ctx.Done():
		return errors.Join(err, fmt.Errorf("%s did not stop in time", r.part.Name))
	}
}
