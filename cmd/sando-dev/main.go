// Command sando-dev is the whole product with a stand-in Torii and a linked account, for trying it and for tests. It makes its own keys and is never
// shipped.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/sando-dev/sando/kit/app"
)

func main() { app.Main("sando-dev", run) }

// options are the flags.
type options struct {
	listen, emulatorListen string
	dataDir, readyFile     string
	users                  int
	noRateLimits, control  bool
	torii                  toriiOptions
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	if o.dataDir == "" {
		if o.dataDir, err = os.MkdirTemp("", "sando-dev-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dataDir)
	}
	return serve(ctx, o, stdout, stderr)
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("sando-dev", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address of the product")
	flags.StringVar(&o.emulatorListen, "emulator-listen", "127.0.0.1:8081", "address of the stand-in Torii")
	flags.StringVar(&o.dataDir, "data-dir", "", "folder for keys and databases (default: a fresh temporary one)")
	flags.StringVar(&o.readyFile, "ready-file", "", "file to write addresses and tokens to, as JSON, when everything answers")
	flags.IntVar(&o.users, "users", 250, "users of the stand-in organisation")
	flags.BoolVar(&o.noRateLimits, "no-rate-limits", false, "the stand-in Torii never answers 429")
	flags.BoolVar(&o.torii.tls, "emulator-tls", false, "the stand-in Torii speaks TLS, with a certificate that this process trusts")
	flags.BoolVar(&o.torii.strictSCIM, "emulator-strict-scim", false, "the stand-in Torii opens SCIM to SCIM keys only")
	flags.BoolVar(&o.torii.tagsAsArray, "emulator-tags-as-array", false, "the stand-in Torii gives tags of apps as an array")
	flags.StringVar(&o.torii.storageListen, "emulator-storage-listen", "", "address of the stand-in's storage (default: the stand-in's own)")
	flags.BoolVar(&o.control, "emulator-control", false, "serve the stand-in's control routes: faults, request log, state")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, fmt.Errorf("%w: %w", app.ErrUsage, err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%w: unexpected argument %q", app.ErrUsage, flags.Arg(0))
	}
	return o, nil
}
