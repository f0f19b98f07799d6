package resource

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// words are the texts that a field shows, as far as its rows tell.
type words struct {
	// shown are those that are known; closed says that there are no others.
	shown  []string
	closed bool
	// as tells what is shown instead of texts of the provider that are never shown themselves.
	as map[string]string
	// layer is the one that made the set what it is.
	layer string
}

// wordsOf reads the rows that fill a field; nil where they are no table and the provider's texts are not listed either.
func (r *Resource) wordsOf(rows []plan.Field) *words {
	w := &words{closed: true, as: make(map[string]string), layer: LayerCatalog}
	table := false
	for _, f := range rows {
		from, listed := r.inputs(f.Mapping)
		w.closed = w.closed && listed
		table = table || listed || len(f.Mapping.GetEnum()) > 0
		if f.Layer != LayerCatalog {
			w.layer = f.Layer
		}
		w.add(f.Mapping, from, listed)
	}
	if !table || len(rows) == 0 {
		return nil
	}
	slices.Sort(w.shown)
	w.shown = slices.Compact(w.shown)
	for _, text := range w.shown {
		delete(w.as, text)
	}
	return w
}

// add puts what a row shows to the others; from are the provider's texts, where they are listed.
func (w *words) add(m *catalogv1.FieldMapping, from []string, listed bool) {
	table := m.GetEnum()
	if m.GetConstant() != "" {
		table = nil // a constant is shown as it is written
	}
	for text, shown := range table {
		w.as[text] = shown
		if !listed {
			w.shown = append(w.shown, shown)
		}
	}
	for _, text := range from {
		if shown, ok := table[text]; ok {
			text = shown
		}
		w.shown = append(w.shown, text)
	}
	for _, c := range m.GetCases() {
		var text string
		if json.Unmarshal([]byte(c.GetConstant()), &text) == nil && c.GetConstant() != "null" {
			w.shown = append(w.shown, text)
		}
	}
}

// inputs lists the texts that a row reads, before its table; false where there may be any.
func (r *Resource) inputs(m *catalogv1.FieldMapping) ([]string, bool) {
	if m.GetConstant() != "" {
		var text string
		err := json.Unmarshal([]byte(m.GetConstant()), &text)
		return []string{text}, err == nil && text != ""
	}
	if len(m.GetPath()) == 0 || m.GetEach() != "" {
		return nil, false
	}
	var all []string
	for _, pointer := range m.GetPath() {
		p, err := records.ParsePointer(pointer)
		if err != nil || len(p) != 1 || len(r.listed[p[0]]) == 0 {
			return nil, false
		}
		all = append(all, r.listed[p[0]]...)
	}
	if m.GetConvert() == "lower" {
		for i, text := range all {
			all[i] = strings.ToLower(text)
		}
	}
	return all, true
}

// find gives a text of the set as it is shown, whatever the letter case; it refuses one that is never shown.
func (w *words) find(value string) (string, error) {
	// An exact one wins, should two differ by their letter case only.
	if slices.Contains(w.shown, value) {
		return value, nil
	}
	for _, text := range w.shown {
		if strings.EqualFold(text, value) {
			return text, nil
		}
	}
	shown, instead := w.instead(value)
	switch {
	case w.closed && instead:
		return "", fmt.Errorf("%q is not one of %s%s; a record for which the provider says so is shown as %s", value, strings.Join(w.shown, ", "), w.by(), shown)
	case w.closed:
		return "", fmt.Errorf("%q is not one of %s%s", value, strings.Join(w.shown, ", "), w.by())
	case instead:
		return "", fmt.Errorf("%q is never shown%s; a record for which the provider says so is shown as %s", value, w.by(), shown)
	default:
		return value, nil
	}
}

func (w *words) instead(value string) (string, bool) {
	for _, text := range slices.Sorted(maps.Keys(w.as)) {
		if strings.EqualFold(text, value) {
			return w.as[text], true
		}
	}
	return "", false
}

// by names the layer that changed the set.
func (w *words) by() string {
	if w.layer == LayerCatalog {
		return ""
	}
	return ", as the override of the " + w.layer + " has it"
}

// listing collects the values that the schemas of the sources list for the top-level fields of their records, and which of the fields are addresses.
// A field that only some sources list values for may hold any.
func listing(sources []*catalogv1.Operation) (listed map[string][]string, addresses map[string]bool) {
	listed, addresses = make(map[string][]string), make(map[string]bool)
	open := make(map[string]bool)
	for _, op := range sources {
		for _, f := range op.GetResponse().GetFields() {
			name, s := f.GetName(), f.GetSchema()
			values := s.GetEnum()
			if slices.Equal(s.GetTypes(), []string{"boolean"}) {
				values = []string{"false", "true"}
			}
			open[name] = open[name] || len(values) == 0
			for _, v := range values {
				if !slices.Contains(listed[name], v) {
					listed[name] = append(listed[name], v)
				}
			}
			addresses[name] = addresses[name] || s.GetFormat() == "email"
		}
	}
	maps.DeleteFunc(listed, func(name string, _ []string) bool { return open[name] })
	return listed, addresses
}
