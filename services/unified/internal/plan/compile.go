package plan

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/kit/nearest"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// maxIndex bounds the elements that a table may name one by one.
const maxIndex = 15

// maxFields bounds a table.
const maxFields = 500

// compiler builds a plan row by row.
type compiler struct {
	table  Table
	plan   *Plan
	faults Faults
	seen   map[string]bool
}

func (c *compiler) fault(f Field, part, format string, args ...any) {
	c.faults = append(c.faults, Fault{Layer: f.Layer, Place: f.place(part), Text: fmt.Sprintf(format, args...)})
}

// place names a part of a row.
func (f Field) place(part string) string {
	place := "fields." + f.Mapping.GetName()
	if part != "" {
		place += "." + part
	}
	return place
}

// step is one part of a name such as roles[0].id.
type step struct {
	name  string
	index int // -1: none; eachIndex: `[]`
}

const eachIndex = -2

var stepPattern = regexp.MustCompile(`^([a-z][a-z0-9_]*)(?:\[([0-9]{0,2})\])?$`)

// memberPattern is what an added field may be called.
var memberPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)

func parseName(name string) ([]step, bool) {
	var steps []step
	for i, part := range strings.Split(name, ".") {
		if i > 0 && memberPattern.MatchString(part) {
			steps = append(steps, step{name: part, index: -1})
			continue
		}
		m := stepPattern.FindStringSubmatch(part)
		if m == nil {
			return nil, false
		}
		s := step{name: m[1], index: -1}
		if strings.HasSuffix(part, "[]") {
			s.index = eachIndex
		} else if m[2] != "" {
			s.index, _ = strconv.Atoi(m[2])
		}
		steps = append(steps, s)
	}
	return steps, len(steps) <= 3
}

// field compiles one row.
func (c *compiler) field(f Field) {
	if len(c.plan.rules) >= maxFields {
		c.fault(f, "", "a table has at most %d fields", maxFields)
		return
	}
	name := f.Mapping.GetName()
	steps, ok := parseName(name)
	if !ok {
		c.fault(f, "name", "%q is not a field such as name, owner.id, roles[0].id or licenses[].id", name)
		return
	}
	key := name + "\x00" + f.Mapping.GetEach()
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	if c.seen[key] {
		c.fault(f, "name", "the field is mapped twice")
		return
	}
	c.seen[key] = true
	if name == RemoteData || name == c.table.CustomFields {
		c.fault(f, "name", "the field is filled by sando itself")
		return
	}
	c.place(f, steps)
}

// place finds the output of a row and gives it the compiled rule.
func (c *compiler) place(f Field, steps []step) {
	fields, outputs := c.table.Message.Fields(), &c.plan.outputs
	src, group := c.plan.places, (*each)(nil)
	for i, s := range steps {
		fd := fields.ByName(protoreflect.Name(s.name))
		if fd == nil {
			c.unknown(f, fields, s.name)
			return
		}
		last := i == len(steps)-1
		if !last && isMessage(fd, rawJSON) && !fd.IsList() && s.index == -1 {
			c.member(f, child(outputs, fd, formObject), steps[i+1:])
			return
		}
		if last && s.index == -1 {
			if nested(fd) {
				c.fault(f, "name", "%s is a message; map its fields, e.g. %s.%s", s.name, f.Mapping.GetName(), fd.Message().Fields().Get(0).Name())
				return
			}
			c.leaf(f, child(outputs, fd, formLeaf), src, group)
			return
		}
		if fd.IsList() != (s.index != -1) {
			c.fault(f, "name", "%s %s a list", s.name, map[bool]string{true: "is", false: "is not"}[fd.IsList()])
			return
		}
		if fd.IsList() {
			list := child(outputs, fd, formList)
			element, ok := c.element(f, list, s.index)
			if !ok {
				return
			}
			if element.each != nil {
				src, group = element.each.places, element.each
			}
			if last {
				if nested(fd) {
					c.fault(f, "name", "%s is a list of messages; map their fields", s.name)
					return
				}
				c.leaf(f, element, src, group)
				return
			}
			fields, outputs = fd.Message().Fields(), &element.children
			continue
		}
		if !nested(fd) {
			c.fault(f, "name", "%s has no fields", s.name)
			return
		}
		fields, outputs = fd.Message().Fields(), &child(outputs, fd, formMessage).children
	}
}

func (c *compiler) unknown(f Field, fields protoreflect.FieldDescriptors, name string) {
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = string(fields.Get(i).Name())
	}
	fault := Fault{Layer: f.Layer, Place: f.place("name"), Text: fmt.Sprintf("there is no output field %q", name)}
	fault.Fix = "A field of your own is called custom.<name>."
	if near := nearest.Of(name, names); near != "" {
		fault.Fix = fmt.Sprintf("Did you mean %q? %s", near, fault.Fix)
	}
	c.faults = append(c.faults, fault)
}

// element finds or makes an element of a list: a numbered one, or the one that stands for all of an `each`.
func (c *compiler) element(f Field, list *output, index int) (*output, bool) {
	pointer := f.Mapping.GetEach()
	if index == eachIndex && pointer == "" && !c.eachOfRecord(f) {
		return nil, false
	}
	if index > maxIndex {
		c.fault(f, "name", "a list has at most %d numbered elements", maxIndex+1)
		return nil, false
	}
	for _, e := range list.children {
		if index >= 0 && e.index == index || index == eachIndex && e.each != nil && e.each.pointer == pointer {
			return e, true
		}
	}
	e := newOutput(list.field, formElement)
	if index >= 0 {
		e.index = index
	} else {
		p, err := records.ParsePointer(pointer)
		if err != nil {
			c.fault(f, "each", "%v", err)
			return nil, false
		}
		e.each = &each{number: len(c.plan.eaches), pointer: pointer, slot: c.plan.places.Slot(p), places: records.NewPlaces()}
		c.plan.eaches = append(c.plan.eaches, e.each)
	}
	list.children = append(list.children, e)
	// Numbered elements come first, in order; then those of each, as written.
	slices.SortStableFunc(list.children, func(a, b *output) int { return position(a) - position(b) })
	return e, true
}

func position(e *output) int {
	if e.each != nil {
		return maxIndex + 1 + e.each.number
	}
	return e.index
}

func (c *compiler) eachOfRecord(f Field) bool {
	c.fault(f, "each", "a name with [] needs `each`, the JSON pointer of the array")
	return false
}

// member compiles a row that adds a member to a JSON object, e.g. custom.cost_center.
func (c *compiler) member(f Field, object *output, steps []step) {
	if len(steps) != 1 || steps[0].index != -1 {
		c.fault(f, "name", "a field of your own is called custom.<name>, without further dots")
		return
	}
	m := newOutput(object.field, formMember)
	m.key = steps[0].name
	m.opening = openingOf(m.key)
	c.leaf(f, m, c.plan.places, nil)
	object.children = append(object.children, m)
}

// special finds the outputs that sando fills itself.
func (c *compiler) special() {
	fields := c.table.Message.Fields()
	if fd := fields.ByName(RemoteData); fd != nil && isMessage(fd, rawJSON) {
		c.plan.remoteData = newOutput(fd, formLeaf)
	}
	if name := c.table.CustomFields; name != "" {
		fd := fields.ByName(protoreflect.Name(name))
		if fd == nil || !isMessage(fd, rawJSON) {
			c.faults = append(c.faults, Fault{Layer: "catalog", Place: "custom_fields.name", Text: "custom fields need an output field of JSON"})
			return
		}
		c.plan.customFields = newOutput(fd, formLeaf)
	}
}
