package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/plan"
)

// Where a filter runs.
const (
	RunsUpstream  = "upstream"
	RunsLocal     = "local"
	RunsParameter = "parameter"
	// RunsNowhere is a filter that is refused, because an override removed what it is about.
	RunsNowhere = "refused"
)

// Filter is a compiled filter.
type Filter struct {
	LayeredFilter
	// Runs is where the filter runs in effect: an override of its field takes it from the provider.
	Runs string
	// Why says what made it run elsewhere than it is written to.
	Why string

	program *expression.Program
	// compare is nil where an expression decides, and where the provider filters by something that is not shown.
	compare *comparison
	// narrows says whether the hints for the provider hold.
	narrows bool
}

// ParameterName is the name of a filter as a request field: created_at[gt] is created_at_gt.
func ParameterName(filter string) string {
	return strings.NewReplacer("[", "_", "]", "").Replace(filter)
}

func (r *Resource) compileFilters() plan.Faults {
	var faults plan.Faults
	r.Filters = append(slices.Clone(r.Filters), r.ofMembers()...)
	for _, layered := range r.Filters {
		f := &Filter{LayeredFilter: layered}
		if err := f.compile(r); err != nil {
			faults = append(faults, plan.FaultOf(layered.Layer, "filters."+layered.Spec.GetName(), err))
			continue
		}
		name := ParameterName(layered.Spec.GetName())
		r.filters[name] = append(r.filters[name], f)
	}
	return faults
}

// ofMembers makes filters for the fields that overrides add, but for those that have one.
func (r *Resource) ofMembers() []LayeredFilter {
	var added []LayeredFilter
	for _, f := range r.Fields {
		name := f.Mapping.GetName()
		if !strings.HasPrefix(name, plan.Custom+".") || slices.ContainsFunc(r.Filters, func(l LayeredFilter) bool { return l.Spec.GetName() == name }) {
			continue
		}
		added = append(added, LayeredFilter{Layer: f.Layer, Spec: &catalogv1.Filter{Name: name, Runs: RunsLocal, Description: "Exactly this value of " + name + "."}})
	}
	return added
}

// Member makes the filter for one of the organisation's own fields, e.g. custom_fields.department; false when the name is none of one.
func (r *Resource) Member(name string) (*Filter, bool) {
	own := r.Spec.GetCustomFields().GetName()
	if key, is := strings.CutPrefix(name, own+"."); own == "" || !is || key == "" {
		return nil, false
	}
	f := &Filter{LayeredFilter: LayeredFilter{Layer: LayerCatalog, Spec: &catalogv1.Filter{Name: name, Runs: RunsLocal}}}
	return f, f.compile(r) == nil
}

// Own is the key of the organisation's own field that the filter compares; expressions cannot see them.
func (f *Filter) Own(r *Resource) (key string, ok bool) {
	if f.compare == nil || f.compare.path.top() != r.Spec.GetCustomFields().GetName() {
		return "", false
	}
	return f.compare.path.member, true
}

// OfType has a filter by one of the organisation's own fields compare as the provider's type of it says, and refuses a value that the field
// cannot have.
func (c *Condition) OfType(kind string) error {
	text := c.value.text
	fits := true
	switch kind {
	case "number", "currency":
		_, fits = numberOf(text)
	case "bool":
		_, err := asFlag.read(text)
		fits = err == nil
	case "email":
		// The filter may be one of the mapping, which other calls use.
		f, compare := *c.Filter, *c.compare
		compare.sense, f.compare, c.Filter = asAddressJSON, &compare, &f
		var err error
		c.value, err = asAddressJSON.read(text)
		return err
	}
	if !fits {
		return fmt.Errorf("%q is not a %s", text, kind)
	}
	return nil
}

func (f *Filter) compile(r *Resource) error {
	f.Runs = f.Spec.GetRuns()
	switch f.Spec.GetRuns() {
	case RunsUpstream:
		if f.Spec.GetParameter() == "" && (f.Spec.GetUpstreamKey() == "" || f.Spec.GetUpstreamOp() == "") {
			return fmt.Errorf("an upstream filter names a parameter, or upstream_key and upstream_op")
		}
		// A provider may filter by what is not shown; only then there is nothing to compare.
		f.compare, _ = r.comparison(f.Spec)
	case RunsParameter:
		return nil
	case RunsLocal:
		var err error
		if f.Spec.GetExpression() != "" {
			f.program, err = r.filtering.Compile(f.Spec.GetExpression(), expression.Bool)
		} else {
			f.compare, err = r.comparison(f.Spec)
		}
		if err != nil {
			return err
		}
	default:
		return fmt.Errorf("runs is upstream, local or parameter, not %q", f.Spec.GetRuns())
	}
	f.settle(r)
	return nil
}

// settle decides where the filter runs, given what the layers make of the fields that it is about.
func (f *Filter) settle(r *Resource) {
	f.narrows = len(f.Spec.GetNarrow()) > 0
	fields := f.Reads()
	for _, top := range fields {
		layer := r.changed(top)
		if layer == "" {
			continue
		}
		why := fmt.Sprintf("the override of the %s changes the field %s", layer, top)
		switch {
		case f.Runs == RunsUpstream:
			f.Runs, f.Why = RunsLocal, why
		case f.narrows:
			f.Why = why + ", so that the provider is not asked to narrow the list"
		}
		f.narrows = false
	}
	if f.compare != nil {
		if why := r.empty(f.compare.path.row()); why != "" {
			f.Runs, f.Why = RunsNowhere, why
		}
		return
	}
	gone := ""
	for _, top := range fields {
		if len(r.rowsAt(top)) > 0 {
			return
		}
		gone = r.empty(top)
	}
	if gone != "" {
		f.Runs, f.Why = RunsNowhere, gone
	}
}

// Reads are the top-level output fields that the filter looks at.
func (f *Filter) Reads() []string {
	switch {
	case f.program != nil:
		return f.program.Fields()
	case f.compare != nil:
		return []string{f.compare.path.top()}
	default:
		return nil
	}
}

// Filter finds the filter of a name for an operation: one made for it, else one for all.
func (r *Resource) Filter(name, operation string) (*Filter, bool) {
	var general *Filter
	for _, f := range r.filters[ParameterName(name)] {
		switch f.Spec.GetOperation() {
		case operation:
			return f, true
		case "":
			general = f
		}
	}
	return general, general != nil
}

// Named finds the filter that a row of the definition became.
func (r *Resource) Named(l LayeredFilter) *Filter {
	for _, f := range r.filters[ParameterName(l.Spec.GetName())] {
		if f.Spec == l.Spec {
			return f
		}
	}
	return &Filter{LayeredFilter: l, Runs: l.Spec.GetRuns()}
}

// FilterNamed gives the name of a filter, e.g. created_at[gt], by the name of its request field; false when no operation has it.
func (r *Resource) FilterNamed(field string) (string, bool) {
	group := r.filters[field]
	if len(group) == 0 {
		return "", false
	}
	return group[0].Spec.GetName(), true
}

// FilterNames lists the filters that an operation takes, in alphabetical order; the empty operation lists all.
func (r *Resource) FilterNames(operation string) []string {
	var names []string
	for _, group := range r.filters {
		for _, f := range group {
			if op := f.Spec.GetOperation(); f.Runs != RunsNowhere && (operation == "" || op == "" || op == operation) {
				names = append(names, f.Spec.GetName())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Condition is a filter with its value.
type Condition struct {
	*Filter
	value operand
}

// With reads the value of a filter. It refuses one that the field never shows.
func (f *Filter) With(value string) (*Condition, error) {
	c := &Condition{Filter: f, value: operand{text: value}}
	if f.compare == nil {
		return c, nil
	}
	var err error
	c.value, err = f.compare.read(value, f.Runs == RunsUpstream && len(f.Spec.GetValues()) > 0)
	return c, err
}

// Holds says whether a record passes.
func (c *Condition) Holds(ctx context.Context, record proto.Message) (bool, error) {
	if c.program != nil {
		return c.program.Holds(ctx, record, c.value.text)
	}
	return c.compare.holds(record.ProtoReflect(), c.value), nil
}

// Narrow is the query by which the provider may leave out what the filter would drop anyway; empty for none.
func (c *Condition) Narrow() string {
	if !c.narrows {
		return ""
	}
	return c.Spec.GetNarrow()[c.value.text]
}

// Upstream is what a filter adds to the provider's query: a parameter, or one JSON filter.
func (c *Condition) Upstream() (parameter, text string, jsonFilter json.RawMessage, err error) {
	value := c.value.text
	if table := c.Spec.GetValues(); len(table) > 0 {
		to, ok := table[value]
		if !ok {
			return "", "", nil, fmt.Errorf("%q is not one of %s", value, strings.Join(slices.Sorted(maps.Keys(table)), ", "))
		}
		value = to
	}
	if c.Spec.GetParameter() != "" {
		return c.Spec.GetParameter(), value, nil, nil
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return "", "", nil, err
	}
	one, err := json.Marshal(struct {
		Key   string          `json:"key"`
		Op    string          `json:"op"`
		Value json.RawMessage `json:"value"`
	}{c.Spec.GetUpstreamKey(), c.Spec.GetUpstreamOp(), quoted})
	return "", "", one, err
}
