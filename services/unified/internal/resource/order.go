package resource

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// Order is one field by which lists are sorted.
type Order struct {
	// Name is what it is called.
	Name string
	// Upstream is the provider's name for it; empty where the provider does not sort by what is shown.
	Upstream string
	// Why says why the provider's order does not do, or why there is none at all.
	Why string

	top  string
	path *path // nil where records cannot be compared by it
	sense
	changed, refused bool
}

// Order finds a field by which lists are sorted; false when there is no such field.
func (r *Resource) Order(name string) (*Order, bool) {
	o := &Order{Name: name, top: topOf(name), Upstream: r.Spec.GetSort()[name]}
	own := r.Message.Descriptor().Fields().ByName(protoreflect.Name(name)) != nil
	field := name
	// A name that is no output field may be that of a filter which says what it is about, e.g. email.
	if f, ok := r.Filter(name, ""); ok && !own && f.Spec.GetName() == name && f.Spec.GetField() != "" {
		field = f.Spec.GetField()
	}
	p, err := r.path(field)
	if err != nil && o.Upstream == "" && !own {
		return nil, false
	}
	if err == nil {
		o.top = p.top()
		if s, ok := senseOf(p); ok && p.single() && o.top != r.Spec.GetCustomFields().GetName() {
			o.path, o.sense = p, s
		}
	}
	if layer := r.changed(o.top); layer != "" {
		o.Upstream, o.changed, o.Why = "", true, fmt.Sprintf("the override of the %s changes the field %s", layer, o.top)
	}
	row := o.top
	if p != nil {
		row = p.row()
	}
	if why := r.empty(row); why != "" && (p != nil || len(r.rowsAt(o.top)) == 0) {
		o.Upstream, o.refused, o.Why = "", true, why
	}
	return o, true
}

// Sorting is an order of several fields and who sees to it.
type Sorting struct {
	// Runs is [RunsUpstream], [RunsLocal] or [RunsNowhere].
	Runs string
	// Refused is the first field by which the source cannot be sorted.
	Refused *Order
}

// Sorting says where a source is sorted by some fields. The provider sorts where it sorts by all of them as they are shown; a source that
// comes whole is sorted here, and so is one that a layer made different from what the provider sees, within the bound on pages.
func SortingBy(op *catalogv1.Operation, orders ...*Order) Sorting {
	whole, upstream := op.GetPaging() == nil, takesSort(op)
	for _, o := range orders {
		upstream = upstream && o.Upstream != ""
		whole = whole || o.changed
	}
	if upstream {
		return Sorting{Runs: RunsUpstream}
	}
	for _, o := range orders {
		if o.refused || o.path == nil || !whole {
			return Sorting{Runs: RunsNowhere, Refused: o}
		}
	}
	return Sorting{Runs: RunsLocal}
}

func takesSort(op *catalogv1.Operation) bool {
	return slices.ContainsFunc(op.GetRequest().GetParameters(), func(p *catalogv1.Parameter) bool { return p.GetName() == "sort" })
}

// Sortable lists the fields by which a source can be sorted, and where each runs.
func (r *Resource) Sortable(op *catalogv1.Operation) map[string]string {
	names := slices.Collect(maps.Keys(r.Spec.GetSort()))
	names = append(names, r.FieldNames()...)
	for _, f := range r.Fields {
		if name := f.Mapping.GetName(); strings.HasPrefix(name, plan.Custom+".") {
			names = append(names, name)
		}
	}
	sortable := make(map[string]string)
	for _, name := range names {
		if o, ok := r.Order(name); ok {
			if s := SortingBy(op, o); s.Runs != RunsNowhere {
				sortable[name] = s.Runs
			}
		}
	}
	return sortable
}

// Reads is the top-level output field that the order looks at.
func (o *Order) Reads() string { return o.top }

// Compare orders two records. A record without a value comes last, whatever the direction.
func (o *Order) Compare(a, b proto.Message, descending bool) int {
	x, hasX := o.value(a)
	y, hasY := o.value(b)
	switch {
	case !hasX || !hasY:
		return orderFlags(!hasX, !hasY)
	case descending:
		return -o.order(o.path, x, y)
	default:
		return o.order(o.path, x, y)
	}
}

// Single says whether the value of a record is one that has a place in an order; lists and objects have none.
func (o *Order) Single(m proto.Message) bool {
	v, found := o.value(m)
	return !found || o.sense != asJSON || records.KindOf(o.path.json(v)) < records.Array
}

func (o *Order) value(m proto.Message) (value protoreflect.Value, found bool) {
	found = o.path.each(m.ProtoReflect(), func(v protoreflect.Value) bool {
		value = v
		return o.sense != asJSON || records.KindOf(o.path.json(v)) > records.Null
	})
	return value, found
}
