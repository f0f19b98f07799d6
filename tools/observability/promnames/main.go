// Command promnames reads PromQL expressions, one a line, and prints the metrics that they use and the labels by which they choose among them or add them up:
//
//	rpc_server_call_duration_seconds_count job rpc_method
//
// An expression that does not parse ends it with an error that names the line.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "promnames:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	used := make(map[string][]string)
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(lines.Text())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		parser.Inspect(expr, func(node parser.Node, above []parser.Node) error {
			if s, ok := node.(*parser.VectorSelector); ok {
				used[s.Name] = append(append(used[s.Name], labels(s)...), groups(above)...)
			}
			return nil
		})
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		slices.Sort(used[name])
		fmt.Fprintln(out, strings.Join(append([]string{name}, slices.Compact(used[name])...), " "))
	}
	return lines.Err()
}

// labels are those that a selector matches on, besides the name of the metric.
func labels(s *parser.VectorSelector) []string {
	var names []string
	for _, m := range s.LabelMatchers {
		if m.Name != "__name__" {
			names = append(names, m.Name)
		}
	}
	return names
}

// groups are the labels by which the aggregations above a selector add up.
func groups(above []parser.Node) (names []string) {
	for _, node := range above {
		if a, ok := node.(*parser.AggregateExpr); ok && !a.Without {
			names = append(names, a.Grouping...)
		}
	}
	return names
}
