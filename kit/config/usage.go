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
	name := o.Name
	if name == "" {
		name = "program"
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "  FLAG\tVARIABLE\tDEFAULT\n  --config\t%sCONFIG\t%s\n", o.Prefix, o.File)
	for _, l := range leaves {
		if s := l.setting(o.Prefix, ""); s.Flag != "" {
			fmt.Fprintf(table, "  %s\t%s\t%s\n", s.Flag, s.Env, s.Default)
		}
	}
	// A strings.Builder takes everything.
	_ = table.Flush()
	text := "Usage: " + name + " [flags]\n\n"
	for row := range strings.Lines(b.String()) {
		text += strings.TrimRight(row, " \n") + "\n"
	}
	return help{text}
}
