package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
)

// Usage writes the flags of cfg, a pointer to a struct that holds the
// defaults, with the variables that stand for them: the answer to --help.
func Usage(w io.Writer, cfg any, o Options) error {
	root := reflect.ValueOf(cfg)
	if root.Kind() != reflect.Pointer || root.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("config: %T is not a pointer to a struct", cfg)
	}
	leaves, err := schema(root.Elem())
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "Usage: %s [flags]\n\n  --config\t%sCONFIG\t%s\n", o.Name, o.Prefix, o.File)
	for _, l := range leaves {
		if s := l.setting(o.Prefix, ""); s.Flag != "" {
			fmt.Fprintln(table, strings.TrimRight("  "+s.Flag+"\t"+s.Env+"\t"+s.Default, "\t"))
		}
	}
	return table.Flush()
}
