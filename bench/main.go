// Command bench measures sando beside its peers and holds the result against the budgets. Everything runs on this machine, on the loopback
// interface, and ends with it. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// options are the flags.
type options struct {
	rows        []string
	rounds      int
	round       time.Duration
	connections int
	accounts    int
	many        int
	quick       bool
	gzip        bool
	profile     string
	results     string
	root        string
	bin         string
	before      string
}

func parse(args []string) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	rows := flags.String("rows", "all", "comma-separated `rows` to measure, e.g. B1,B2")
	flags.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	seconds := flags.Float64("seconds", 3, "length of one target's turn in a round")
	flags.IntVar(&o.connections, "connections", 16, "requests under way at once in a closed loop")
	flags.IntVar(&o.accounts, "accounts", 4000, "linked accounts that a load is spread over; each is asked within its published rate limit")
	flags.IntVar(&o.many, "many", 100_000, "accounts of row B6, and a tenth of it to compare with")
	flags.BoolVar(&o.quick, "quick", false, "a look in under two minutes: 2 short rounds, 2000 accounts, no row that takes a minute by nature")
	flags.BoolVar(&o.gzip, "gzip", false, "let the upstream compress; the budgets are for one that does not")
	flags.StringVar(&o.profile, "profile", "", "write CPU profiles of proxy at 1, 100 and 1000 users to this `folder`")
	flags.StringVar(&o.results, "results", "results", "`folder` for the JSON file and the Markdown table")
	flags.StringVar(&o.root, "root", "..", "the repository's `folder`")
	flags.StringVar(&o.bin, "bin", "", "`folder` of the built binaries (default: bin of the repository)")
	flags.StringVar(&o.before, "before", "", "`folder` of binaries built from another commit, for row CHANGE")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	set := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { set[f.Name] = true })
	o.round = time.Duration(*seconds * float64(time.Second))
	if o.quick {
		o.hurry(set)
	}
	var err error
	if o.rows, err = o.chosenRows(*rows); err != nil {
		return o, err
	}
	if o.rounds < 1 || o.round <= 0 || o.connections < 1 || o.accounts < 1 || o.many < 10 {
		return o, errors.New("rounds, seconds, connections and accounts must be positive, many at least 10")
	}
	if o.root, err = filepath.Abs(o.root); err != nil {
		return o, err
	}
	if o.bin == "" {
		o.bin = filepath.Join(o.root, "bin")
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil || o.before == "" {
		return o, err
	}
	o.before, err = filepath.Abs(o.before)
	return o, err
}

// hurry shortens what the caller has not set.
func (o *options) hurry(set map[string]bool) {
	if !set["rounds"] {
		o.rounds = 2
	}
	if !set["seconds"] {
		o.round = 500 * time.Millisecond
	}
	if !set["accounts"] {
		o.accounts = 2000
	}
	if !set["many"] {
		o.many = 2000
	}
}

// chosenRows checks the names. Without any it is all rows: when in a hurry, those that do not take minutes; the comparison only where there is
// another build.
func (o *options) chosenRows(text string) ([]string, error) {
	var names []string
	if text == "all" {
		for _, r := range rows() {
			if (!o.quick || !r.slow) && (r.name != rowNameChange || o.before != "") {
				names = append(names, r.name)
			}
		}
		return names, nil
	}
	known := make(map[string]bool)
	for _, r := range rows() {
		known[r.name] = true
	}
	for name := range strings.SplitSeq(text, ",") {
		name = strings.ToUpper(strings.TrimSpace(name))
		if !known[name] {
			return nil, fmt.Errorf("no row %q", name)
		}
		names = append(names, name)
	}
	return names, nil
}

func run(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "not root: peaks of memory, for B5 and B11, are since the start of each process")
	}
	b.measureRows(ctx)
	if o.profile != "" {
		if err := b.profiles(ctx); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return b.report.write(os.Stdout, o.results)
}
