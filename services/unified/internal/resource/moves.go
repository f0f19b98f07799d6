package resource

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Moves says in sentences which filters and orders run elsewhere under another mapping of the same resource, take other values, or are refused.
func Moves(before, after *Resource) []string {
	moves := &moves{}
	for _, l := range before.Filters {
		f := before.Named(l)
		if g := after.same(f); g != nil {
			moves.filter(f, g)
		} else {
			moves.add("the filter %s is gone", f.place())
		}
	}
	for _, l := range after.Filters {
		if g := after.Named(l); g.Runs == RunsNowhere && before.same(g) == nil {
			moves.add("the filter %s is refused: %s", g.place(), g.Why)
		}
	}
	for _, s := range before.Spec.GetSources() {
		if s.GetMethod() == "list" {
			op := before.Operation(s.GetOperation())
			moves.sort(op.GetId(), before.Sortable(op), after.Sortable(op), after)
		}
	}
	return moves.texts
}

type moves struct {
	texts []string
}

func (m *moves) add(format string, args ...any) {
	if text := fmt.Sprintf(format, args...) + "."; !slices.Contains(m.texts, text) {
		m.texts = append(m.texts, text)
	}
}

// same finds the filter of the same name and operation.
func (r *Resource) same(f *Filter) *Filter {
	for _, g := range r.filters[ParameterName(f.Spec.GetName())] {
		if g.Spec.GetOperation() == f.Spec.GetOperation() {
			return g
		}
	}
	return nil
}

// place names a filter, with its operation where it has one.
func (f *Filter) place() string {
	if op := f.Spec.GetOperation(); op != "" {
		return f.Spec.GetName() + " (" + op + ")"
	}
	return f.Spec.GetName()
}

func (m *moves) filter(f, g *Filter) {
	switch {
	case g.Runs == RunsNowhere && f.Runs != RunsNowhere:
		m.add("the filter %s is refused: %s", g.place(), g.Why)
		return
	case f.Runs != g.Runs && g.Why != "":
		m.add("the filter %s runs %s instead of %s: %s", g.place(), g.Runs, f.Runs, g.Why)
	case f.Runs != g.Runs:
		m.add("the filter %s runs %s instead of %s", g.place(), g.Runs, f.Runs)
	case g.Runs == RunsUpstream && f.asks() != g.asks():
		m.add("the filter %s asks the provider by %s instead of %s", g.place(), g.asks(), f.asks())
	case f.narrows && !g.narrows:
		m.add("the filter %s reads whole pages: %s", g.place(), g.Why)
	}
	if a, b := f.set(), g.set(); a != b {
		m.add("the filter %s takes %s", g.place(), b)
	}
}

// asks is what the provider filters by.
func (f *Filter) asks() string {
	if p := f.Spec.GetParameter(); p != "" {
		return p
	}
	return f.Spec.GetUpstreamKey() + " " + f.Spec.GetUpstreamOp()
}

// set describes the values that a filter takes.
func (f *Filter) set() string {
	switch {
	case f.compare == nil || f.compare.words == nil:
		return "any value"
	case f.compare.words.closed:
		return "only " + strings.Join(f.compare.words.shown, ", ")
	default:
		return strings.Join(f.compare.words.shown, ", ") + " and values of the organisation's own"
	}
}

func (m *moves) sort(operation string, before, after map[string]string, r *Resource) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		why := ""
		if o, ok := r.Order(name); ok && o.Why != "" {
			why = ": " + o.Why
		}
		switch runs, ok := after[name]; {
		case !ok:
			m.add("sorting %s by %s is refused%s", operation, name, why)
		case runs != before[name]:
			m.add("sorting %s by %s runs %s instead of %s%s", operation, name, runs, before[name], why)
		}
	}
}
