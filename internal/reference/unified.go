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
		"A filter that is not listed is refused with `UNSUPPORTED_FILTER`. The effective mapping of an account, overrides included, is at `GET /unified/mappings/{model}/{resource}`.\n\n" +
		"Filters and orders go by what records show. Where an override changes a field, its filters and orders run in sando, exactly, and the provider is not asked to narrow the list; " +
		"where an override removes it, they are refused. `meta` says where each ran, the effective mapping where each would run, and a dry run what an override moves. " +
		"An order that runs in sando reads at most 5 pages of the provider, and is refused with `SCAN_LIMIT` where there are more. " +
		"`custom.<name>` filters and sorts by a field that an override added, `custom_fields.<key>` filters by one of the organisation's own, as its type says; numbers compare by their value, and of a list one element is enough.\n\n" +
		"Addresses compare in any letter case, without blanks around them. So do texts that a field's table or the provider's documents list: a value that the field never shows is refused with `VALIDATION_FAILED`, " +
		"which names those that it does show. Other texts compare exactly, and so does whatever the expression of an override compares.\n\n" +
		"The answer to an update is the record as it was read again after the write. When that fails, the write is done all the same: `meta.read_back` is false, and the answer holds the id and what follows from what was written alone, which `meta.fields` names. " +
		"A repeated Idempotency-Key sends nothing: the header `Sando-Idempotent-Replay` and `meta.note` say so, and the record is as it is now.\n\n" +
		"`fields` names the output fields to answer, besides the id; all others are left out, and `meta.fields` repeats it. Members are chosen as `custom.<name>` and `custom_fields.<key>`. A text that has no entry in its field's table is passed on as it is, " +
		"and a value of a wrong type left out; `meta.warnings` counts both. A get and an update have `meta` only when there is something to say.\n")
	for _, name := range c.Integrations() {
		for _, u := range c.UnifiedResources(name) {
			fmt.Fprintf(w, "\n## %s/%s from %s\n\n%s\n", u.Model, u.Resource, name, u.Description)
			writeMappings(w, u)
			writeFilters(w, u)
			writeUpdate(w, u.Update)
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
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Name, cell(madeFrom(f)+unless(f.Cases)), cell(f.Description))
	}
	if own := u.CustomFields; own != nil {
		fmt.Fprintf(w, "| `%s` | `%s` | The organisation's own fields, by key, typed as they are defined. |\n", own.Name, own.Operation)
	}
}

// unless tells the cases that go before where a field is made from.
func unless(cases []*catalogv1.Case) string {
	text := ""
	for _, c := range cases {
		text += fmt.Sprintf("; `%s` where `%s` is `%s`", c.Constant, c.Path, c.Equals)
	}
	return text
}

func madeFrom(f *catalogv1.FieldMapping) string {
	switch {
	case f.Expression != "":
		return "`" + f.Expression + "`"
	case f.Constant != "":
		return "constant `" + f.Constant + "`"
	case len(f.Join) > 0:
		return "`" + strings.Join(f.Join, "` and `") + "`"
	case f.Parameter != "":
		return "the parameter `" + f.Parameter + "`"
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
		runs := f.Runs
		if f.Operation != "" {
			runs += " (`" + f.Operation + "`)"
		}
		fmt.Fprintf(w, "| `%s` | %s | %s |\n", f.Name, runs, cell(f.Description))
	}
}

func writeUpdate(w *bytes.Buffer, up *catalogv1.Update) {
	if up == nil {
		return
	}
	w.WriteString("\n| change | of the provider's | values |\n|---|---|---|\n")
	for _, f := range up.Fields {
		values := "true and false"
		if len(f.Enum) > 0 {
			var pairs []string
			for _, from := range slices.Sorted(maps.Keys(f.Enum)) {
				pairs = append(pairs, fmt.Sprintf("`%s`: `%s`", from, f.Enum[from]))
			}
			values = strings.Join(pairs, ", ")
		}
		if f.Negate {
			values += ", the other way round"
		}
		fmt.Fprintf(w, "| `%s` | `%s` | %s |\n", f.Name, f.Target, values)
	}
}
