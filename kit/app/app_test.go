package app

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sando-dev/sando/kit/kittest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// diary notes what happens, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

// part runs until it is closed, and for another second.
func (d *diary) part(name string) Part {
	closed := make(chan struct{})
	return Part{
		Name: name,
		Run: func(context.Context) error {
			d.add("run " + name)
			<-closed
			time.Sleep(time.Second)
			d.add("done " + name)
			return nil
		},
		Close: func(context.Context) error {
			d.add("close " + name)
			close(closed)
			return nil
		},
	}
}

func TestStopsInReverse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		ctx, cancel := context.WithCancel(t.Context())
		worker := Part{Name: "worker", Run: func(ctx context.Context) error {
			d.add("run worker")
			<-ctx.Done()
			d.add("done worker")
			return ctx.Err()
		}}
		closer := Part{Name: "store", Close: func(context.Context) error { d.add("close store"); return nil }}
		result := make(chan error, 1)
		go func() {
			result <- Run(ctx, kittest.Logger(t).Logger, time.Minute, closer, d.part("a"), worker, d.part("b"))
		}()
		synctest.Wait()
		cancel()
		if err := <-result; err != nil {
			t.Error(err)
		}
		slices.Sort(d.lines[:3])
		want := []string{
			"run a", "run b", "run worker",
			"close b", "done b", "done worker", "close a", "done a", "close store",
		}
		if !slices.Equal(d.lines, want) {
			t.Errorf("got  %q\nwant %q", d.lines, want)
		}
	})
}

func TestFirstErrorStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		broken := errors.New("broken")
		err := Run(t.Context(), kittest.Logger(t).Logger, time.Minute, d.part("a"), Part{
			Name: "b", Run: func(context.Context) error { return broken },
		}, Part{Name: "c", Run: func(context.Context) error { return nil }})
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "b: broken") {
			t.Errorf("got %v", err)
		}
		if d.lines[len(d.lines)-1] != "done a" {
			t.Errorf("a was not stopped: %q", d.lines)
		}
	})
}

func TestOneDeadlineForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		stuck := Part{Name: "stuck", Run: func(context.Context) error { <-release; return nil }}
		sour := Part{Name: "sour", Close: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		cancel()
		begin := time.Now()
		err := Run(ctx, kittest.Logger(t).Logger, 5*time.Second, stuck, sour)
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
		for _, want := range []string{"stuck did not stop in time", "close sour"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing in %v", want, err)
			}
		}
		close(release)
	})
}

func TestExitCode(t *testing.T) {
	tests := map[string]struct {
		err  error
		code int
		says string
	}{
		"clean": {nil, 0, ""},
		"help":  {fmt.Errorf("x: %w", flag.ErrHelp), 0, ""},
		"usage": {fmt.Errorf("%w: no such command", ErrUsage), 2, "prog: usage: no such command\n"},
		"fault": {errors.New("port in use"), 1, "prog: port in use\n"},
	}
	for name, tt := range tests {
		var stderr bytes.Buffer
		code := exitCode("prog", []string{"a"}, io.Discard, &stderr, func(_ context.Context, args []string, _, _ io.Writer) error {
			if !slices.Equal(args, []string{"a"}) {
				t.Errorf("args %q", args)
			}
			return tt.err
		})
		if code != tt.code || stderr.String() != tt.says {
			t.Errorf("%s: %d %q", name, code, stderr.String())
		}
	}
}

func TestSignalEndsTheContext(t *testing.T) {
	code := exitCode("prog", nil, io.Discard, io.Discard, func(ctx context.Context, _ []string, _, _ io.Writer) error {
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Second):
			return errors.New("the signal went unnoticed")
		}
	})
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestRunRefusesToStopWithoutTime(t *testing.T) {
	started := false
	part := Part{Name: "p", Run: func(context.Context) error { started = true; return nil }}
	if err := Run(t.Context(), kittest.Logger(t).Logger, -time.Second, part); err == nil || started {
		t.Errorf("a drain of -1s: %v, started: %v", err, started)
	}
}
