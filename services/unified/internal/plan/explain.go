package plan

import (
	"bytes"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Step says how one output field of a record was made.
type Step struct {
	// Field is the output field, with the indexes of elements, e.g. `licenses[1].name`.
	Field string
	// Layer and Expression are the row.
	Layer, Expression string
	// SourcePath and SourceValue are the place in the record that decided; empty for constants and expressions.
	SourcePath  string
	SourceValue []byte
	// Value is the output as JSON; nil when the field is left out.
	Value []byte
}

// Explain maps a record and tells how each field came about.
func (r *Runner) Explain(record []byte) ([]Step, error) {
	r.trace = &tracer{}
	defer func() { r.trace = nil }()
	_, err := r.Append(nil, record)
	return r.trace.steps, err
}

// tracer collects steps; a nil tracer does nothing.
type tracer struct {
	steps []Step
	// list is the list at hand, from the element of the source's array that is being mapped, and to its place in the list.
	list     protoreflect.FieldDescriptor
	from, to int
	// pointer and source are the place in the record that decided about the field at hand.
	pointer string
	source  []byte
}

func (t *tracer) at(pointer string, source []byte) {
	if t != nil {
		t.pointer, t.source = pointer, source
	}
}

// numbered notes an element that is named by its number; the first of a list starts the count.
func (t *tracer) numbered(e *output, filled bool) {
	if t == nil {
		return
	}
	if t.list != e.field {
		t.list, t.to = e.field, 0
	}
	t.leave(filled)
}

func (t *tracer) enter(from int, list protoreflect.FieldDescriptor) {
	if t == nil {
		return
	}
	if t.list != list {
		t.list, t.to = list, 0
	}
	t.from = from
}

func (t *tracer) leave(filled bool) {
	if t != nil && filled {
		t.to++
	}
}

func (t *tracer) step(r *Runner, u *rule, c *cell, found state) {
	from, source := t.pointer, t.source
	t.pointer, t.source = "", nil
	s := Step{Field: u.name, Layer: u.layer, Expression: u.written, SourceValue: bytes.Clone(source)}
	if source != nil {
		s.SourcePath = from
	}
	if u.each != nil {
		s.Field = strings.Replace(u.name, "[]", "["+strconv.Itoa(t.to)+"]", 1)
		if source != nil {
			s.SourcePath = u.each.pointer + "/" + strconv.Itoa(t.from) + from
		}
	}
	if found != stateAbsent {
		s.Value = appendJSON(nil, u.convert, c, &r.scratch)
	}
	t.steps = append(t.steps, s)
}

func (t *tracer) custom(key string, v, value []byte) {
	t.steps = append(t.steps, Step{
		Field: "custom_fields." + key, Layer: "catalog", Expression: "field of the organisation",
		SourcePath: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key), SourceValue: bytes.Clone(v), Value: bytes.Clone(value),
	})
}
