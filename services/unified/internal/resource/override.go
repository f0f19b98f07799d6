package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/plan"
)

const (
	// MaxOverride is the largest override, in bytes.
	MaxOverride = 64 << 10
	// maxRows bounds the fields and the filters of one override.
	maxRows = 200
	// maxNesting bounds the nesting of the JSON.
	maxNesting = 16
)

// Override is what a layer changes: rows by name, each a JSON object that is merged over the row below (RFC 7396), or null to remove it.
// The five origins of a field (path, join, constant, parameter, expression) exclude each other, so giving one removes the one below.
type Override struct {
	fields, filters map[string]json.RawMessage
}

// origins are the members of a field mapping of which exactly one is set.
var origins = []string{"path", "join", "constant", "parameter", "expression"}

// reserved are the provider's query parameters that a filter cannot take over.
var reserved = []string{"fields", "filters", "sort", "size", "cursor", "limit", "aggs", "next_cursor"}

// parameters are those of every list, which a filter of the same name would never get a value from.
var parameters = []string{"id", "integrated_account_id", "limit", "next_cursor", "fields", "sort", "remote_data", "custom_fields", "filters"}

// secret recognises what looks like a token: overrides are stored in clear and shown to everybody who may read mappings.
var secret = regexp.MustCompile(`sando_(api|acct|mcp|link)_[A-Za-z0-9]|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|(?i:bearer)\s+[A-Za-z0-9._~+/-]{16,}`)

// ParseOverride reads an override; the error is [plan.Faults].
func ParseOverride(layer string, raw []byte) (*Override, error) {
	fail := func(place, text, fix string) error {
		return plan.Faults{{Layer: layer, Place: place, Text: text, Fix: fix}}
	}
	switch {
	case len(raw) > MaxOverride:
		return nil, fail("override", fmt.Sprintf("it has %d bytes; at most %d are taken", len(raw), MaxOverride), "Split it, or shorten the expressions.")
	case !utf8.Valid(raw):
		return nil, fail("override", "it is not valid UTF-8", "Send it as UTF-8.")
	case nesting(raw) > maxNesting:
		return nil, fail("override", fmt.Sprintf("it is nested deeper than %d", maxNesting), "")
	case secret.Match(raw):
		return nil, fail("override", "it holds what looks like a token", "Overrides are stored in clear; remove the secret, and revoke it if it is real.")
	}
	var parts map[string]map[string]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, fail("override", `it is not an object such as {"fields":{"title":{"path":["/jobTitle"]}},"filters":{}}`, "")
	}
	o := &Override{fields: parts["fields"], filters: parts["filters"]}
	delete(parts, "fields")
	delete(parts, "filters")
	for _, unknown := range slices.Sorted(maps.Keys(parts)) {
		return nil, fail(unknown, "there is no such part", "An override has `fields` and `filters`.")
	}
	if len(o.fields) > maxRows || len(o.filters) > maxRows {
		return nil, fail("override", fmt.Sprintf("at most %d fields and %d filters are taken", maxRows, maxRows), "")
	}
	return o, nil
}

// nesting is how deep brackets open, outside of strings.
func nesting(raw []byte) int {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest
}

// Apply puts an override of a layer over a definition; the error is [plan.Faults]. What is removed must be there when strict is set, as for an
// override that is just being written; one that was written before may have lost what it removes.
func (d Definition) Apply(layer string, o *Override, strict bool) (Definition, error) {
	a := &application{layer: layer, definition: d, strict: strict}
	a.definition.Fields, a.definition.Filters, a.definition.Removed = slices.Clone(d.Fields), slices.Clone(d.Filters), slices.Clone(d.Removed)
	for _, name := range slices.Sorted(maps.Keys(o.fields)) {
		a.field(name, o.fields[name])
	}
	for _, name := range slices.Sorted(maps.Keys(o.filters)) {
		a.filter(name, o.filters[name])
	}
	if len(a.faults) > 0 {
		return d, a.faults
	}
	return a.definition, nil
}

// application is an override on its way into a definition.
type application struct {
	layer      string
	definition Definition
	strict     bool
	faults     plan.Faults
}

func (a *application) fail(place, text, fix string) {
	a.faults = append(a.faults, plan.Fault{Layer: a.layer, Place: place, Text: text, Fix: fix})
}

func (a *application) nothing(place string) {
	if a.strict {
		a.fail(place, "there is nothing to remove", "")
	}
}

func (a *application) field(name string, patch json.RawMessage) {
	place := "fields." + name
	if name == "id" {
		a.fail(place, "the id cannot be changed or removed: cursors and reads by id rest on it", "Put the other value into custom.<name>.")
		return
	}
	rows := &a.definition.Fields
	at := slices.IndexFunc(*rows, func(f plan.Field) bool { return f.Mapping.GetName() == name })
	if at >= 0 && slices.ContainsFunc((*rows)[at+1:], func(f plan.Field) bool { return f.Mapping.GetName() == name }) {
		a.fail(place, "the catalog fills this field from several arrays; it cannot be overridden by its name", "")
		return
	}
	if isNull(patch) {
		switch {
		case at < 0:
			a.nothing(place)
		case (*rows)[at].Mapping.GetRequired():
			a.fail(place, "the field is required and cannot be removed", "")
		default:
			*rows = slices.Delete(*rows, at, at+1)
			a.definition.Removed = append(a.definition.Removed, Removal{Name: name, Layer: a.layer})
		}
		return
	}
	base := &catalogv1.FieldMapping{}
	if at >= 0 {
		base = (*rows)[at].Mapping
	}
	merged := &catalogv1.FieldMapping{}
	if err := merge(base, patch, merged, origins); err != nil {
		a.fail(place, err.Error(), "")
		return
	}
	if merged.GetName() != "" && merged.GetName() != name {
		a.fail(place+".name", "a field is named by its key", "Leave name out.")
		return
	}
	if base.GetRequired() && !merged.GetRequired() {
		a.fail(place+".required", "the field is required", "Leave required out.")
		return
	}
	merged.Name = name
	row := plan.Field{Mapping: merged, Layer: a.layer}
	if at < 0 {
		*rows = append(*rows, row)
	} else {
		(*rows)[at] = row
	}
}

func (a *application) filter(name string, patch json.RawMessage) {
	place := "filters." + name
	if a.strict && slices.Contains(parameters, name) && !isNull(patch) {
		a.fail(place, "every list has a parameter of this name", "Give the filter another name.")
		return
	}
	filters := &a.definition.Filters
	same := func(f LayeredFilter) bool { return f.Spec.GetName() == name }
	if isNull(patch) {
		if !slices.ContainsFunc(*filters, same) {
			a.nothing(place)
		}
		*filters = slices.DeleteFunc(*filters, same)
		return
	}
	var about struct {
		Operation                       string `json:"operation"`
		Expression, Runs, Field, Narrow json.RawMessage
	}
	if err := json.Unmarshal(patch, &about); err != nil {
		a.fail(place, "it is not an object", "")
		return
	}
	at := slices.IndexFunc(*filters, func(f LayeredFilter) bool { return same(f) && f.Spec.GetOperation() == about.Operation })
	base := &catalogv1.Filter{}
	if at >= 0 {
		base = (*filters)[at].Spec
	}
	if about.Narrow == nil && (about.Expression != nil || about.Runs != nil || about.Field != nil) {
		// The hints are about what the filter selected below.
		base = proto.CloneOf(base)
		base.Narrow = nil
	}
	merged := &catalogv1.Filter{}
	if err := merge(base, patch, merged, nil); err != nil {
		a.fail(place, err.Error(), "")
		return
	}
	switch {
	case merged.GetRuns() == RunsParameter && base.GetRuns() != RunsParameter:
		a.fail(place+".runs", "a filter of your own runs upstream or local", "")
		return
	case a.strict && slices.ContainsFunc(slices.Collect(maps.Values(merged.GetNarrow())), takesOver):
		a.fail(place+".narrow", "a query can hold neither what sando sets itself nor what is no query", "")
		return
	case slices.Contains(reserved, merged.GetParameter()):
		a.fail(place+".parameter", fmt.Sprintf("%q is sando's to set", merged.GetParameter()), "")
		return
	}
	merged.Name = name
	row := LayeredFilter{Spec: merged, Layer: a.layer}
	if at < 0 {
		*filters = append(*filters, row)
	} else {
		(*filters)[at] = row
	}
}

// takesOver says whether a query sets what is sando's to set, or is none.
func takesOver(query string) bool {
	values, err := url.ParseQuery(query)
	return err != nil || slices.ContainsFunc(reserved, values.Has)
}

func isNull(raw json.RawMessage) bool { return string(bytes.TrimSpace(raw)) == "null" }

// merge applies a merge patch to a row. Of the members that exclude each other, those below give way to one in the patch.
func merge(base proto.Message, patch json.RawMessage, into proto.Message, exclusive []string) error {
	below, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(base)
	if err != nil {
		return err
	}
	var target, change map[string]any
	if err := json.Unmarshal(below, &target); err != nil {
		return err
	}
	if err := json.Unmarshal(patch, &change); err != nil || change == nil {
		return fmt.Errorf("it is neither an object nor null")
	}
	for _, name := range exclusive {
		if v, given := change[name]; given && v != nil {
			for _, other := range exclusive {
				delete(target, other)
			}
		}
	}
	merged, err := json.Marshal(mergePatch(target, change))
	if err != nil {
		return err
	}
	if err := protojson.Unmarshal(merged, into); err != nil {
		return fmt.Errorf("it does not fit the format: %s", strings.TrimSpace(strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto:")))
	}
	return nil
}

// mergePatch is the algorithm of RFC 7396, section 2.
func mergePatch(target map[string]any, patch map[string]any) map[string]any {
	if target == nil {
		target = make(map[string]any)
	}
	for name, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			below, _ := target[name].(map[string]any)
			target[name] = mergePatch(below, v)
		default:
			target[name] = v
		}
	}
	return target
}
