package config

import (
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
)

// A help is the answer to --help. It is flag.ErrHelp to errors.Is.
type help struct{ text string }

func (h help) Error() string        { return flag.ErrHelp.Error() }
func (h help) Is(target error) bool { return target == flag.ErrHelp }

// Usage is the text to print.
func (h help) Usage() string { return h.text }

// helpFor lists the flags, the variables that stand for them and the defaults.
func helpFor(leaves []leaf, o Options) help {
	var b strings.Builder
	name := o.Name
	if name == "" {
		name = "program"
	}
	fmt.Fprintf(&b, "Usage: %s [flags]\n\n", name)
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(flag, env, value string) {
		fmt.Fprintln(table, strings.TrimRight("  "+flag+"\t"+env+"\t"+value, "\t"))
	}
	line("FLAG", "VARIABLE", "DEFAULT")
	line("--config", o.Prefix+"CONFIG", o.File)
	for _, l := range leaves {
		if s := l.setting(o.Prefix, ""); s.Flag != "" {
			line(s.Flag, s.Env, s.Default)
		}
	}
	// A strings.Builder takes everything.
	_ = table.Flush()
	return help{b.String()}
}
