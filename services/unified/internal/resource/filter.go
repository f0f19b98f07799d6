package resource

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// Where a filter runs.
const (
	RunsUpstream  = "upstream"
	RunsLocal     = "local"
	RunsParameter = "parameter"
)

// Filter is a compiled filter.
type Filter struct {
	LayeredFilter
	program *expression.Program
	compare comparison
}

// comparison is a local filter without an expression: an output field, an operator, a value.
type comparison struct {
	field    protoreflect.FieldDescriptor
	member   string // of the custom object, when the field is an added one
	operator string // "", gt, gte, lt, lte
}

// ParameterName is the name of a filter as a request field: created_at[gt] is created_at_gt.
func ParameterName(filter string) string {
	return strings.NewReplacer("[", "_", "]", "").Replace(filter)
}

func (r *Resource) compileFilters() plan.Faults {
	var faults plan.Faults
	for _, layered := range r.Definition.Filters {
		f := &Filter{LayeredFilter: layered}
		if err := f.compile(r.filtering, r.Message.Descriptor()); err != nil {
			faults = append(faults, plan.FaultOf(layered.Layer, "filters."+layered.Spec.GetName(), err))
			continue
		}
		name := ParameterName(layered.Spec.GetName())
		r.filters[name] = append(r.filters[name], f)
	}
	return faults
}

func (f *Filter) compile(env *expression.Env, message protoreflect.MessageDescriptor) error {
	switch f.Spec.GetRuns() {
	case RunsUpstream:
		if f.Spec.GetParameter() == "" && (f.Spec.GetUpstreamKey() == "" || f.Spec.GetUpstreamOp() == "") {
			return fmt.Errorf("an upstream filter names a parameter, or upstream_key and upstream_op")
		}
		return nil
	case RunsParameter:
		return nil
	case RunsLocal:
	default:
		return fmt.Errorf("runs is upstream, local or parameter, not %q", f.Spec.GetRuns())
	}
	if f.Spec.GetExpression() != "" {
		program, err := env.Compile(f.Spec.GetExpression(), expression.Bool)
		f.program = program
		return err
	}
	return f.compare.parse(f.Spec.GetName(), message)
}

func (c *comparison) parse(name string, message protoreflect.MessageDescriptor) error {
	field, operator, _ := strings.Cut(name, "[")
	c.operator = strings.TrimSuffix(operator, "]")
	if !slices.Contains([]string{"", "gt", "gte", "lt", "lte"}, c.operator) {
		return fmt.Errorf("there is no operator %q", c.operator)
	}
	c.field = message.Fields().ByName(protoreflect.Name(field))
	if c.field == nil {
		c.field, c.member = message.Fields().ByName(plan.Custom), field
		if c.field == nil || c.operator != "" {
			return fmt.Errorf("there is no output field %q to compare; give an expression", field)
		}
		return nil
	}
	switch {
	case c.field.IsList():
	case c.field.Kind() == protoreflect.StringKind, c.field.Kind() == protoreflect.BoolKind:
		if c.operator == "" {
			return nil
		}
	case c.field.Kind() == protoreflect.Int32Kind, isTimestamp(c.field):
		return nil
	}
	return fmt.Errorf("%s cannot be compared so; give an expression", field)
}

func isTimestamp(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Timestamp"
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
			if op := f.Spec.GetOperation(); operation == "" || op == "" || op == operation {
				names = append(names, f.Spec.GetName())
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Holds says whether a record passes a local filter.
func (f *Filter) Holds(ctx context.Context, record proto.Message, value string) (bool, error) {
	if f.program != nil {
		return f.program.Holds(ctx, record, value)
	}
	return f.compare.holds(record.ProtoReflect(), value)
}

// Reads is the top-level output field that a comparison needs; false when an expression may read any.
func (f *Filter) Reads() (string, bool) {
	if f.program != nil {
		return "", false
	}
	return string(f.compare.field.Name()), true
}

func (c *comparison) holds(m protoreflect.Message, value string) (bool, error) {
	if c.member != "" {
		return c.holdsMember(m, value)
	}
	// A bad value is refused even where no record has the field.
	order, err := c.order(m, value)
	if err != nil || !m.Has(c.field) {
		return false, err
	}
	switch c.operator {
	case "gt":
		return order > 0, nil
	case "gte":
		return order >= 0, nil
	case "lt":
		return order < 0, nil
	case "lte":
		return order <= 0, nil
	default:
		return order == 0, nil
	}
}

// order compares the field with the value.
func (c *comparison) order(m protoreflect.Message, value string) (int, error) {
	v := m.Get(c.field)
	switch {
	case c.field.Kind() == protoreflect.StringKind:
		return strings.Compare(v.String(), value), nil
	case c.field.Kind() == protoreflect.BoolKind:
		want, err := strconv.ParseBool(value)
		if err != nil {
			return 0, fmt.Errorf("%q is neither true nor false", value)
		}
		return map[bool]int{true: 0, false: 1}[want == v.Bool()], nil
	case c.field.Kind() == protoreflect.Int32Kind:
		want, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not an integer", value)
		}
		return cmp.Compare(v.Int(), want), nil
	default:
		want, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return 0, fmt.Errorf("%q is not a time of RFC 3339", value)
		}
		t, _ := v.Message().Interface().(*timestamppb.Timestamp)
		return t.AsTime().Compare(want), nil
	}
}

// holdsMember compares a scalar of the custom object by its text.
func (c *comparison) holdsMember(m protoreflect.Message, value string) (bool, error) {
	raw, ok := m.Get(c.field).Message().Interface().(*rpcv1.RawJson)
	if !ok {
		return false, nil
	}
	v := records.Find(raw.GetJson(), records.Pointer{c.member})
	switch records.KindOf(v) {
	case records.String:
		return string(records.AppendText(nil, v)) == value, nil
	case records.Number, records.Bool:
		return string(v) == value, nil
	default:
		return false, nil
	}
}

// Upstream is what a filter adds to the provider's query: a parameter, or one JSON filter.
func (f *Filter) Upstream(value string) (parameter, text string, jsonFilter json.RawMessage, err error) {
	if table := f.Spec.GetValues(); len(table) > 0 {
		to, ok := table[value]
		if !ok {
			return "", "", nil, fmt.Errorf("%q is not one of %s", value, strings.Join(sortedKeys(table), ", "))
		}
		value = to
	}
	if f.Spec.GetParameter() != "" {
		return f.Spec.GetParameter(), value, nil, nil
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return "", "", nil, err
	}
	one, err := json.Marshal(struct {
		Key   string          `json:"key"`
		Op    string          `json:"op"`
		Value json.RawMessage `json:"value"`
	}{f.Spec.GetUpstreamKey(), f.Spec.GetUpstreamOp(), quoted})
	return "", "", one, err
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
