// Command torii-emulator serves the stand-in Torii on its own.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sando-dev/sando/emulator"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "torii-emulator:", err)
		}
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	listen    string
	readyFile string
	caFile    string
	cert, key string
	options   emulator.Options
}

// run serves until the context ends, then lets open requests finish for up to four seconds.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	c.options.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	torii := emulator.New(c.options)
	server, err := torii.Listen(c.listen)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve() }()
	if err := announce(c, torii, server); err != nil {
		server.Close()
		return err
	}
	fmt.Fprintln(stdout, server.URL+emulator.BasePath)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		server.Close()
		return err
	}
	return nil
}

func parse(args []string, stderr io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("torii-emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8081", "`address` to listen on")
	flags.StringVar(&c.readyFile, "ready-file", "", "write base_url, api_key and control_url to this `file` once requests are answered")
	flags.IntVar(&c.options.Users, "users", 250, "users of each organisation, at most 100,000")
	flags.Uint64Var(&c.options.Seed, "seed", 0, "another seed gives other people, apps and contracts")
	flags.BoolVar(&c.options.NoRateLimits, "no-rate-limits", false, "never answer 429")
	flags.BoolVar(&c.options.Bench, "bench", false, "pre-rendered pages of any size, no request log")
	flags.DurationVar(&c.options.Delay, "delay", 0, "hold every answer back for this long")
	flags.BoolVar(&c.options.Control, "control", false, "serve "+emulator.ControlPath+"/ (faults, request log, state, reset), without a key")
	flags.Func("key", "`key=orgid`: a full-access key of an organisation; may be repeated (default: organisation 10 with the documented keys)", func(text string) error {
		return addKey(&c.options, text, emulator.FullAccess)
	})
	flags.Func("scim-key", "`key=orgid`: a key for /scim/v2 alone of an organisation; may be repeated", func(text string) error {
		return addKey(&c.options, text, emulator.SCIMOnly)
	})
	flags.BoolVar(&c.options.StrictSCIM, "strict-scim", false, "open /scim/v2 to SCIM keys only")
	flags.BoolVar(&c.options.TagsAsArray, "tags-as-array", false, "give the tags of apps as an array; Torii's documents show a text, its clients an array")
	flags.StringVar(&c.options.StorageListen, "storage-listen", "", "serve the storage of downloads and large uploads on this `address` alone")
	flags.BoolVar(&c.options.TLS, "tls", false, "speak TLS, with a certificate made at start")
	flags.Func("tls-name", "a further `name` or address of the certificate made at start; may be repeated", func(name string) error {
		c.options.TLSNames = append(c.options.TLSNames, name)
		return nil
	})
	flags.StringVar(&c.caFile, "tls-ca-file", "", "write what vouches for the certificate made at start to this `file`, in PEM")
	flags.StringVar(&c.cert, "tls-cert", "", "speak TLS with the certificate in this `file`, in PEM")
	flags.StringVar(&c.key, "tls-key", "", "the key of --tls-cert, in this `file`")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if err := c.certificate(); err != nil {
		return c, err
	}
	return c, c.options.Validate()
}

// certificate reads --tls-cert and --tls-key.
func (c *config) certificate() error {
	if c.cert == "" && c.key == "" {
		if c.caFile != "" && !c.options.TLS {
			return errors.New("--tls-ca-file needs --tls")
		}
		return nil
	}
	if c.cert == "" || c.key == "" {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if c.options.TLS || c.caFile != "" {
		return errors.New("--tls and --tls-ca-file are for a certificate made at start; leave them out with --tls-cert")
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.options.Certificate = &pair
	return nil
}

// addKey adds a key to its organisation, and the organisation when it is new.
func addKey(o *emulator.Options, text string, access emulator.Access) error {
	i := strings.LastIndexByte(text, '=')
	if i <= 0 {
		return errors.New("want key=orgid")
	}
	id, err := strconv.ParseInt(text[i+1:], 10, 64)
	if err != nil {
		return errors.New("the organisation id must be a number")
	}
	for n := range o.Orgs {
		if o.Orgs[n].ID == id {
			o.Orgs[n].Keys = append(o.Orgs[n].Keys, emulator.Key{Token: text[:i], Access: access})
			return nil
		}
	}
	o.Orgs = append(o.Orgs, emulator.Org{ID: id, Keys: []emulator.Key{{Token: text[:i], Access: access}}})
	return nil
}

// announce writes the CA's certificate and the ready file.
func announce(c config, torii *emulator.Emulator, server *emulator.Server) error {
	if c.caFile != "" {
		if err := replace(c.caFile, torii.CA()); err != nil {
			return err
		}
	}
	if c.readyFile == "" {
		return nil
	}
	ready := map[string]string{"base_url": server.URL + emulator.BasePath, "api_key": firstKey(c.options.Orgs), "storage_url": server.StorageURL}
	if ca := torii.CA(); ca != nil {
		ready["ca"] = string(ca)
	}
	if c.options.Control {
		ready["control_url"] = server.URL + emulator.ControlPath
	}
	content, err := json.MarshalIndent(ready, "", "  ")
	if err != nil {
		return err
	}
	return replace(c.readyFile, append(content, '\n'))
}

// firstKey is the first full-access key.
func firstKey(orgs []emulator.Org) string {
	for _, o := range orgs {
		for _, k := range o.Keys {
			if k.Access == emulator.FullAccess {
				return k.Token
			}
		}
	}
	return emulator.DefaultKey
}

// replace writes a file beside its place and renames it, so that nobody reads half of it.
func replace(name string, content []byte) error {
	beside := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+".new")
	if err := os.WriteFile(beside, content, 0o600); err != nil {
		return err
	}
	return os.Rename(beside, name)
}
