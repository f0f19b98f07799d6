// Command torii-emulator serves the stand-in Torii on its own.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
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
	options   emulator.Options
}

// run serves until the context ends, then lets open requests finish for up to four seconds.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	c, err := parse(args, stderr)
	if err != nil {
		return err
	}
	c.options.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           emulator.New(c.options),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		WriteTimeout:      5 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(c.options.Logger.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	origin := "http://" + listener.Addr().String()
	if err := announce(c, origin); err != nil {
		server.Close()
		return err
	}
	fmt.Fprintln(stdout, origin+emulator.BasePath)
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
		return addKey(&c.options, text)
	})
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	if flags.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return c, c.options.Validate()
}

// addKey adds a key to its organisation, and the organisation when it is new.
func addKey(o *emulator.Options, text string) error {
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
			o.Orgs[n].Keys = append(o.Orgs[n].Keys, emulator.Key{Token: text[:i]})
			return nil
		}
	}
	o.Orgs = append(o.Orgs, emulator.Org{ID: id, Key: text[:i]})
	return nil
}

// announce writes the ready file beside its place and renames it, so that nobody reads half of it.
func announce(c config, origin string) error {
	if c.readyFile == "" {
		return nil
	}
	ready := map[string]string{"base_url": origin + emulator.BasePath, "api_key": emulator.DefaultKey}
	if len(c.options.Orgs) > 0 {
		ready["api_key"] = c.options.Orgs[0].Key
	}
	if c.options.Control {
		ready["control_url"] = origin + emulator.ControlPath
	}
	content, err := json.MarshalIndent(ready, "", "  ")
	if err != nil {
		return err
	}
	beside := filepath.Join(filepath.Dir(c.readyFile), "."+filepath.Base(c.readyFile)+".new")
	if err := os.WriteFile(beside, append(content, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(beside, c.readyFile)
}
