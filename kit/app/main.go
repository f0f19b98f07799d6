package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// ErrUsage marks an error of the one who called the program; the exit code is
// 2 instead of 1.
var ErrUsage = errors.New("usage")

// Main calls run with a context that ends on SIGINT or SIGTERM and exits the
// process: 0 after nil or a request for help, 2 after ErrUsage, 1 after any
// other error, which it prints. A second signal kills at once. A process that
// crashes leaves no core file.
func Main(name string, run func(ctx context.Context, args []string, stdout, stderr io.Writer) error) {
	if err := forbidCore(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(exitCode(name, os.Args[1:], os.Stdout, os.Stderr, run))
}

func exitCode(name string, args []string, stdout, stderr io.Writer, run func(context.Context, []string, io.Writer, io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Once the first signal has been seen, give signals back to the system.
	defer context.AfterFunc(ctx, stop)()
	err := run(ctx, args, stdout, stderr)
	var help interface{ Usage() string }
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		if errors.As(err, &help) {
			fmt.Fprint(stdout, help.Usage())
		}
		return 0
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 2
	default:
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return 1
	}
}
