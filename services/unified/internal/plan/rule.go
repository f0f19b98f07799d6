package plan

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// rule is one compiled row.
type rule struct {
	name, layer string
	// written is the row's expression, path or constant, for people.
	written  string
	required bool
	convert  conversion
	enum     *enumTable
	// paths or join are the slots that are read, with the pointers for people.
	paths, join []place
	// moved is the slot of a value that nothing but its path decides about; -1 for none.
	moved    int
	cases    []caseOf
	constant *cell
	// fixed is the constant as JSON, when nothing else decides.
	fixed     []byte
	parameter string
	program   *expression.Program
	each      *each
	// keys are the top-level keys of the record that the row reads.
	keys []string
}

type place struct {
	slot    int
	pointer string
}

// caseOf is a compiled case.
type caseOf struct {
	place
	kind  records.Kind
	text  []byte // of a string or number
	value cell
}

// leaf compiles a row into the rule of its output.
func (c *compiler) leaf(f Field, o *output, src *records.Places, group *each) {
	m := f.Mapping
	if o.rule != nil {
		c.fault(f, "name", "the output field is mapped twice")
		return
	}
	r := &rule{name: m.GetName(), layer: f.Layer, required: m.GetRequired(), moved: -1, parameter: m.GetParameter(), each: group, written: Written(m)}
	var ok bool
	if r.convert, ok = c.conversion(f, o); !ok {
		return
	}
	r.paths = c.places(f, r, src, "path", m.GetPath())
	r.join = c.places(f, r, src, "join", m.GetJoin())
	c.oneOrigin(f)
	c.enum(f, r)
	c.cases(f, r, src)
	if m.GetConstant() != "" {
		r.constant = c.constant(f, r, "constant", m.GetConstant())
	}
	if m.GetExpression() != "" {
		c.expression(f, r)
	}
	if len(r.join) > 0 && r.convert != toText && r.convert != toLower {
		c.fault(f, "join", "joins texts; the field takes %s", r.convert)
	}
	if group != nil {
		r.keys = c.keysOf(group.pointer)
	}
	if len(r.cases) == 0 && r.enum == nil {
		r.shortcut()
	}
	o.rule = r
	c.plan.rules = append(c.plan.rules, r)
}

// shortcut notes what lets a row without cases and table be written without being evaluated.
func (r *rule) shortcut() {
	switch {
	case len(r.paths) == 1:
		r.moved = r.paths[0].slot
	case r.constant != nil && !r.constant.isNull:
		r.fixed = appendJSON(nil, r.convert, r.constant, &scratch{})
	}
}

// Written is a row for people: its expression, path or constant.
func Written(m *catalogv1.FieldMapping) string {
	var s string
	switch {
	case m.GetEach() != "" && slices.Equal(m.GetPath(), []string{""}):
		return "each " + m.GetEach()
	case len(m.GetPath()) > 0:
		s = strings.Join(m.GetPath(), " or ")
	case len(m.GetJoin()) > 0:
		s = strings.Join(m.GetJoin(), " and ")
	case m.GetConstant() != "":
		s = m.GetConstant()
	case m.GetParameter() != "":
		s = "parameter " + m.GetParameter()
	default:
		s = m.GetExpression()
	}
	if m.GetEach() != "" {
		s += " of each " + m.GetEach()
	}
	return s
}

func (c *compiler) places(f Field, r *rule, src *records.Places, part string, pointers []string) []place {
	var places []place
	for _, text := range pointers {
		p, err := records.ParsePointer(text)
		if err != nil {
			c.fault(f, part, "%v", err)
			continue
		}
		places = append(places, place{slot: src.Slot(p), pointer: text})
		if len(p) > 0 {
			r.keys = append(r.keys, p[0])
		}
	}
	return places
}

func (c *compiler) keysOf(pointer string) []string {
	if p, err := records.ParsePointer(pointer); err == nil && len(p) > 0 {
		return []string{p[0]}
	}
	return nil
}

func (c *compiler) oneOrigin(f Field) {
	m, n := f.Mapping, 0
	for _, given := range []bool{len(m.GetPath()) > 0, len(m.GetJoin()) > 0, m.GetConstant() != "", m.GetExpression() != "", m.GetParameter() != ""} {
		if given {
			n++
		}
	}
	if n != 1 {
		c.fault(f, "", "a field needs exactly one of path, join, parameter, constant and expression; this one has %d", n)
	}
}

func (c *compiler) enum(f Field, r *rule) {
	if len(f.Mapping.GetEnum()) == 0 {
		return
	}
	if r.convert != toText && r.convert != toLower {
		c.fault(f, "enum", "a table is for texts; the field takes %s", r.convert)
		return
	}
	r.enum = newEnumTable(f.Mapping.GetEnum())
}

func (c *compiler) cases(f Field, r *rule, src *records.Places) {
	for _, k := range f.Mapping.GetCases() {
		equals := []byte(strings.TrimSpace(k.GetEquals()))
		kind := records.KindOf(equals)
		if !records.Valid(equals) || kind == records.Array || kind == records.Object {
			c.fault(f, "cases", "equals is not a string, number, boolean or null in JSON: %.40q", k.GetEquals())
			continue
		}
		places := c.places(f, r, src, "cases", []string{k.GetPath()})
		value := c.constant(f, r, "cases", k.GetConstant())
		if len(places) == 0 || value == nil {
			continue
		}
		one := caseOf{place: places[0], kind: kind, text: equals, value: *value}
		if kind == records.String {
			one.text = records.AppendText(nil, equals)
		}
		r.cases = append(r.cases, one)
	}
}

// constant converts a JSON value as the row would.
func (c *compiler) constant(f Field, r *rule, part, text string) *cell {
	raw := []byte(strings.TrimSpace(text))
	if !records.Valid(raw) {
		c.fault(f, part, "a constant is a JSON value, a text in quotes: %.40q", text)
		return nil
	}
	var v cell
	outcome := r.convert.apply(raw, &scratch{}, &v)
	if outcome == wrong || outcome == wrongPart {
		c.fault(f, part, "the constant is %s, but the field takes %s", records.KindOf(raw), r.convert)
		return nil
	}
	v.fixed, v.isNull = true, outcome == absent
	return &v
}

func (c *compiler) expression(f Field, r *rule) {
	switch {
	case r.each != nil:
		c.fault(f, "expression", "an expression sees the whole record, not an element; use path")
		return
	case c.table.Expressions == nil:
		c.fault(f, "expression", "expressions are not available here")
		return
	}
	program, err := c.table.Expressions.Compile(f.Mapping.GetExpression(), r.convert.want())
	if err != nil {
		c.faults = append(c.faults, FaultOf(f.Layer, f.place("expression"), err))
		return
	}
	r.program = program
	r.keys = append(r.keys, program.Fields()...)
}

// conversion chooses how a value becomes what the output takes.
func (c *compiler) conversion(f Field, o *output) (conversion, bool) {
	choices := choicesFor(o)
	if len(choices) == 0 {
		c.fault(f, "name", "an output field of type %s cannot be mapped", o.field.Kind())
		return 0, false
	}
	given := f.Mapping.GetConvert()
	if given == "" {
		return choices[0], true
	}
	want, known := conversions[given]
	if !known {
		c.fault(f, "convert", "there is no conversion %q", given)
		return 0, false
	}
	if !slices.Contains(choices, want) {
		c.fault(f, "convert", "%q does not give what the field takes", given)
		return 0, false
	}
	return want, true
}

// choicesFor lists the conversions that an output takes, the default first.
func choicesFor(o *output) []conversion {
	if o.form == formMember {
		return []conversion{toJSON, toText, toLower, toInt, toBool, toNot, toTime, toTexts}
	}
	switch {
	case o.field.Kind() == protoreflect.StringKind && o.field.IsList() && o.form != formElement:
		return []conversion{toTexts}
	case o.field.Kind() == protoreflect.StringKind:
		return []conversion{toText, toLower}
	case o.field.Kind() == protoreflect.Int32Kind:
		return []conversion{toInt}
	case o.field.Kind() == protoreflect.BoolKind:
		return []conversion{toBool, toNot}
	case isMessage(o.field, timestamp):
		return []conversion{toTime}
	case isMessage(o.field, rawJSON):
		return []conversion{toJSON}
	default:
		return nil
	}
}
