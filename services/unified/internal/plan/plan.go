// Package plan compiles a field table into straight code that turns raw JSON records into protobuf messages.
//
// A record is walked once; what the table asks for is remembered as slices of the source, and written as JSON or as protobuf wire format
// without being decoded in between. A text that JSON writes as the source does is copied as it is. Paths, conversions, enum tables, constants, times and lists run this way; CEL is for the odd field.
//
// One rule holds for the source. A value that is null or missing is absent: the next path of the field is tried, and when none is left the
// output field is left out. A value of a type that the conversion does not take is absent too, and counted as a warning. A text outside a
// field's enum table is kept as it is and counted as a warning. Only two things fail a record: a required field that is absent, and an
// expression that fails; the [Error] names layer, field, expression and source value.
//
// Conversions: to a string go strings, and numbers and booleans by their literal text (so an integer id of any size stays exact); to an int,
// integers of 32 bits and strings of digits; to a bool, booleans and the strings true and false; to a time, RFC 3339, a date (midnight UTC)
// and integers (milliseconds since 1970); to a list of strings, arrays, and strings that are cut at commas; to JSON, anything.
package plan

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// Names of output fields that the mapping itself cannot fill.
const (
	// RemoteData holds the source record, on request.
	RemoteData = "remote_data"
	// Custom holds the fields that overrides add, as custom.<key>.
	Custom = "custom"
)

// Field is one row of a field table and the layer that it comes from.
type Field struct {
	Mapping *catalogv1.FieldMapping
	Layer   string
}

// Table is what a plan is compiled from.
type Table struct {
	// Message is the output message.
	Message protoreflect.MessageDescriptor
	// Fields are the rows.
	Fields []Field
	// CustomFields is the output field for the organisation's own fields; empty for none.
	CustomFields string
	// Expressions compiles expressions over the source.
	Expressions *expression.Env
}

// Plan is a compiled field table. It is safe for concurrent use.
type Plan struct {
	places       *records.Places
	outputs      []*output // one per top-level field of the message, in the order of field numbers
	layout       layout
	whole        layout // layout, for records that are not cut
	customFields *output
	remoteData   *output
	rules        []*rule
	eaches       []*each
}

// Compile checks a table and compiles it. The error is [Faults].
func Compile(t Table) (*Plan, error) {
	c := &compiler{table: t, plan: &Plan{places: records.NewPlaces()}}
	for _, f := range t.Fields {
		c.field(f)
	}
	c.special()
	if len(c.faults) > 0 {
		return nil, c.faults
	}
	c.plan.layout = layoutOf(t.Message, c.plan.outputs)
	c.plan.layout.own(c.plan.customFields, ownCustomFields)
	c.plan.layout.own(c.plan.remoteData, ownRemoteData)
	c.plan.whole = c.plan.layout.merged()
	slices.SortFunc(c.plan.outputs, func(a, b *output) int { return cmp.Compare(a.number(), b.number()) })
	return c.plan, nil
}

// Keys are the top-level keys of the source that the rows of a layer read, in alphabetical order.
func (p *Plan) Keys(layer string) []string {
	var keys []string
	for _, r := range p.rules {
		if r.layer == layer {
			keys = append(keys, r.keys...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// MadeOf lists the top-level output fields whose rows read nothing but the given top-level keys of the source, at least one of them. A field
// that an expression makes is not among them, since an expression may read what it does not name.
func (p *Plan) MadeOf(keys []string) map[string]bool {
	made := make(map[string]bool)
	for _, o := range p.outputs {
		if o.rule != nil && o.rule.program == nil && len(o.rule.keys) > 0 && !slices.ContainsFunc(o.rule.keys, func(k string) bool { return !slices.Contains(keys, k) }) {
			made[string(o.field.Name())] = true
		}
	}
	return made
}
