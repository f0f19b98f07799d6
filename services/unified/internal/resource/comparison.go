package resource

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/plan"
)

// comparison is a filter without an expression: an output field, an operator, and how values are compared.
type comparison struct {
	path     *path
	operator string // "", gt, gte, lt, lte
	sense    sense
	words    *words // nil for no set
}

var operators = []string{"gt", "gte", "lt", "lte"}

// comparison reads what a filter compares: the field that it names, else the one that it is called by.
func (r *Resource) comparison(spec *catalogv1.Filter) (*comparison, error) {
	name, operator, bracketed := strings.Cut(spec.GetName(), "[")
	operator = strings.TrimSuffix(operator, "]")
	known := !bracketed || slices.Contains(operators, operator)
	if field := spec.GetField(); field != "" {
		name = field
		if !known {
			operator, known = "", true
		}
	}
	if !known {
		return nil, fmt.Errorf("there is no operator %q", operator)
	}
	p, err := r.path(name)
	if err != nil {
		// The filter of an added field may go by the short name of it.
		p, _ = r.path(plan.Custom + "." + name)
		known := strings.Contains(name, ".") || r.Message.Descriptor().Fields().ByName(protoreflect.Name(name)) != nil
		if p == nil || known || spec.GetField() != "" || operator != "" {
			return nil, fmt.Errorf("%w to compare; give an expression", err)
		}
	}
	c := &comparison{path: p, operator: operator}
	var comparable bool
	c.sense, comparable = senseOf(p)
	if !comparable || operator != "" && c.sense != asInteger && c.sense != asTime {
		return nil, fmt.Errorf("%s cannot be compared so; give an expression", spec.GetName())
	}
	c.understand(r, spec.GetIgnoreCase())
	return c, nil
}

func (r *Resource) path(name string) (*path, error) { return parsePath(r.Message.Descriptor(), name) }

// understand looks at the rows that fill the field: they may list its texts, or show addresses.
func (c *comparison) understand(r *Resource, ignoreCase bool) {
	rows := r.fills(c.path.row())
	if c.sense == asJSON && c.path.top() == plan.Custom && len(rows) == 1 && r.addressed(rows) {
		c.sense = asAddressJSON
	}
	if c.sense != asText {
		return
	}
	switch c.words = r.wordsOf(rows); {
	case r.addressed(rows):
		c.sense = asAddress
	case c.words != nil || ignoreCase:
		c.sense = asWord
	}
}

// addressed says whether all rows read addresses.
func (r *Resource) addressed(rows []plan.Field) bool {
	for _, f := range rows {
		if len(f.Mapping.GetPath()) == 0 || f.Mapping.GetEach() != "" || len(f.Mapping.GetEnum()) > 0 {
			return false
		}
		for _, pointer := range f.Mapping.GetPath() {
			if !r.addresses[strings.TrimPrefix(pointer, "/")] {
				return false
			}
		}
	}
	return len(rows) > 0
}

// read reads a value; where a table of the filter says what values there are, the set of the field does not.
func (c *comparison) read(value string, byTable bool) (operand, error) {
	o, err := c.sense.read(value)
	if err != nil || c.words == nil || byTable {
		return o, err
	}
	o.text, err = c.words.find(o.text)
	return o, err
}

func (c *comparison) holds(m protoreflect.Message, o operand) bool {
	return c.path.each(m, func(v protoreflect.Value) bool {
		order, ok := c.sense.compare(c.path, v, o)
		switch {
		case !ok:
			return false
		case c.operator == "gt":
			return order > 0
		case c.operator == "gte":
			return order >= 0
		case c.operator == "lt":
			return order < 0
		case c.operator == "lte":
			return order <= 0
		default:
			return order == 0
		}
	})
}
