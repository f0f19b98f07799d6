package resource

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// path leads from an output record to values: status, emails[0].email, roles.id (of every role), custom.team.
type path struct {
	name  string
	steps []pathStep
	// member is the member of a JSON object, where the last step is one.
	member string
}

// pathStep is one field on the way; index is the element of a list, everyElement for all.
type pathStep struct {
	field protoreflect.FieldDescriptor
	index int
}

const everyElement = -1

// parsePath resolves the name of an output field.
func parsePath(message protoreflect.MessageDescriptor, name string) (*path, error) {
	p := &path{name: name}
	rest := name
	for {
		part, more, deeper := strings.Cut(rest, ".")
		s, ok := stepOf(message, part)
		if !ok {
			return nil, fmt.Errorf("there is no output field %q", name)
		}
		p.steps = append(p.steps, s)
		inner := s.field.Message()
		switch {
		case !deeper:
			if inner != nil && !special(inner) {
				return nil, fmt.Errorf("%s holds several values", name)
			}
			return p, nil
		case inner != nil && inner.FullName() == rawJSON:
			p.member = more
			return p, nil
		case inner == nil || special(inner):
			return nil, fmt.Errorf("there is no output field %q", name)
		}
		message, rest = inner, more
	}
}

// stepOf reads one part of a name: a field, and of a list the position of an element; roles[] is the same as roles.
func stepOf(message protoreflect.MessageDescriptor, part string) (pathStep, bool) {
	name, position, positioned := strings.Cut(part, "[")
	s := pathStep{field: message.Fields().ByName(protoreflect.Name(name)), index: everyElement}
	switch {
	case s.field == nil || !positioned:
		return s, s.field != nil
	case !s.field.IsList() || !strings.HasSuffix(position, "]"):
		return s, false
	case position == "]":
		return s, true
	}
	n, err := strconv.ParseUint(position[:len(position)-1], 10, 16)
	s.index = int(n)
	return s, err == nil
}

// top is the top-level field that the path starts at.
func (p *path) top() string { return string(p.steps[0].field.Name()) }

// leaf is the field that holds the values.
func (p *path) leaf() protoreflect.FieldDescriptor { return p.steps[len(p.steps)-1].field }

// single says whether the path leads to one value at most.
func (p *path) single() bool {
	for _, s := range p.steps {
		if s.field.IsList() && s.index == everyElement {
			return false
		}
	}
	return true
}

// row is the path as the rows of a field table are matched by it: without the positions in lists.
func (p *path) row() string { return rowName(p.name) }

func rowName(name string) string {
	var b strings.Builder
	within := false
	for _, c := range name {
		switch {
		case c == '[':
			within = true
		case c == ']':
			within = false
		case !within:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// each yields the values of a record until yield answers true, and says whether it did.
func (p *path) each(m protoreflect.Message, yield func(protoreflect.Value) bool) bool {
	return p.from(0, m, yield)
}

func (p *path) from(i int, m protoreflect.Message, yield func(protoreflect.Value) bool) bool {
	s := p.steps[i]
	if !m.Has(s.field) {
		return false
	}
	v := m.Get(s.field)
	if !s.field.IsList() {
		return p.next(i, v, yield)
	}
	list := v.List()
	if s.index != everyElement {
		return s.index < list.Len() && p.next(i, list.Get(s.index), yield)
	}
	for n := range list.Len() {
		if p.next(i, list.Get(n), yield) {
			return true
		}
	}
	return false
}

func (p *path) next(i int, v protoreflect.Value, yield func(protoreflect.Value) bool) bool {
	if i+1 < len(p.steps) {
		return p.from(i+1, v.Message(), yield)
	}
	return yield(v)
}

// json is the value of a JSON field, or of the member that the path leads to.
func (p *path) json(v protoreflect.Value) []byte {
	raw, ok := v.Message().Interface().(*rpcv1.RawJson)
	if !ok {
		return nil
	}
	if p.member == "" {
		return raw.GetJson()
	}
	return records.Find(raw.GetJson(), records.Pointer{p.member})
}
