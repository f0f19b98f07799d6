package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

func writeUnified(w *bytes.Buffer) error {
	c, err := catalog.Default()
	if err != nil {
		return err
	}
	w.WriteString("# Unified models\n\nHow each field is made, and where each filter runs: `upstream` by the provider, `local` exactly and bounded in sando, `parameter` as part of the call. " +
		"A filter that is not listed is refused with `UNSUPPORTED_FILTER`. The effective mapping of an account, overrides included, is at `GET /unified/mappings/{model}/{resource}`.\n")
	for _, name := range c.Integrations() {
		for _, u := range c.UnifiedResources(name) {
			fmt.Fprintf(w, "\n## %s/%s from %s\n\n%s\n", u.Model, u.Resource, name, u.Description)
			writeMappings(w, u)
			writeFilters(w, u)
			if len(u.Sort) > 0 {
				fmt.Fprintf(w, "\nSorts by: %s.\n", strings.Join(slices.Sorted(maps.Keys(u.Sort)), ", "))
			}
		}
	}
	return nil
}

func writeMappings(w *bytes.Buffer, u *catalogv1.UnifiedResource) {
	w.WriteString("\n| field | made from | meaning |\n|---|---|---|\n")
	for _, f := range u.Fields {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Name, cell(madeFrom(f)), cell(f.Description))
	}
}

func madeFrom(f *catalogv1.FieldMapping) string {
	switch {
	case f.Expression != "":
		return "`" + f.Expression + "`"
	case f.Constant != "":
		return "constant `" + f.Constant + "`"
	case len(f.Join) > 0:
		return "`" + strings.Join(f.Join, "` and `") + "`"
	case f.Each != "":
		return "each of `" + f.Each + "`"
	}
	return "`" + strings.Join(f.Path, "` or `") + "`"
}

func writeFilters(w *bytes.Buffer, u *catalogv1.UnifiedResource) {
	if len(u.Filters) == 0 {
		return
	}
	w.WriteString("\n| filter | runs | meaning |\n|---|---|---|\n")
	for _, f := range u.Filters {
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Name, f.Runs, cell(f.Description))
	}
}
