// Command promnames reads PromQL expressions, one a line, and prints the names of the metrics that they use, one a line. An expression that does not
// parse ends it with an error that names the line.
package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "promnames:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	names := make(map[string]bool)
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(lines.Text())
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			if s, ok := node.(*parser.VectorSelector); ok {
				names[s.Name] = true
			}
			return nil
		})
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintln(out, name)
	}
	return lines.Err()
}
