package engine

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// sortKey is one part of an order.
type sortKey struct {
	field      protoreflect.FieldDescriptor
	name       string
	descending bool
}

// sorting reads the order asked for. The provider sorts where it can sort by every field named; a source that comes whole is sorted here;
// anything else is refused, because a page sorted by itself is not a sorted list.
func sorting(res *resource.Resource, op *catalogv1.Operation, text string, sel *selection, query map[string][]string) error {
	if text == "" {
		return nil
	}
	keys, err := parseSort(res, text)
	if err != nil {
		return err
	}
	var upstream []string
	for _, k := range keys {
		if to, ok := res.Spec.GetSort()[k.name]; ok {
			upstream = append(upstream, to+map[bool]string{true: ":desc", false: ":asc"}[k.descending])
		}
	}
	switch {
	case len(upstream) == len(keys) && takesSort(op):
		query["sort"] = []string{strings.Join(upstream, ",")}
		sel.sort = "upstream"
	case op.GetPaging() == nil:
		for _, k := range keys {
			if !comparable(k.field) {
				return unsortable(res, op, k.name)
			}
		}
		sel.sort, sel.order = "local", keys
	default:
		return unsortable(res, op, text)
	}
	return nil
}

func takesSort(op *catalogv1.Operation) bool {
	return slices.ContainsFunc(op.GetRequest().GetParameters(), func(p *catalogv1.Parameter) bool { return p.GetName() == "sort" })
}

func parseSort(res *resource.Resource, text string) ([]sortKey, error) {
	var keys []sortKey
	for part := range strings.SplitSeq(text, ",") {
		name, direction, _ := strings.Cut(strings.TrimSpace(part), ":")
		if direction != "" && direction != "asc" && direction != "desc" {
			return nil, rpcerr.Invalid("sort", "a direction is asc or desc, not "+direction)
		}
		fd := res.Message.Descriptor().Fields().ByName(protoreflect.Name(name))
		_, upstream := res.Spec.GetSort()[name]
		if fd == nil && !upstream {
			return nil, rpcerr.Invalid("sort", "there is no field "+name)
		}
		keys = append(keys, sortKey{field: fd, name: name, descending: direction == "desc"})
	}
	return keys, nil
}

func unsortable(res *resource.Resource, op *catalogv1.Operation, text string) error {
	e := rpcerr.Newf(access.CodeUnsupportedFilter, "%s cannot be sorted exactly by %s", res.Name(), text)
	names := Sortable(res, op)
	if len(names) == 0 {
		return e.WithFix("Remove sort.")
	}
	return e.WithFix("Sort by: "+strings.Join(names, ", ")+".").WithDetail("sortable", names)
}

// Sortable lists the fields by which a source can be sorted.
func Sortable(res *resource.Resource, op *catalogv1.Operation) []string {
	if takesSort(op) {
		return slices.Sorted(maps.Keys(res.Spec.GetSort()))
	}
	if op.GetPaging() != nil {
		return nil
	}
	var names []string
	fields := res.Message.Descriptor().Fields()
	for i := range fields.Len() {
		if comparable(fields.Get(i)) {
			names = append(names, string(fields.Get(i).Name()))
		}
	}
	return names
}

// comparable says whether records can be ordered by a field here.
func comparable(fd protoreflect.FieldDescriptor) bool {
	if fd == nil || fd.IsList() {
		return false
	}
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BoolKind, protoreflect.Int32Kind:
		return true
	default:
		return fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Timestamp"
	}
}

// compare orders two records. A record without the field comes last, whatever the direction; equal records keep the provider's order.
func compare(keys []sortKey, a, b proto.Message) int {
	x, y := a.ProtoReflect(), b.ProtoReflect()
	for _, k := range keys {
		if k.field.HasPresence() && (!x.Has(k.field) || !y.Has(k.field)) {
			if x.Has(k.field) != y.Has(k.field) {
				return map[bool]int{true: -1, false: 1}[x.Has(k.field)]
			}
			continue
		}
		n := compareField(k.field, x.Get(k.field), y.Get(k.field))
		if k.descending {
			n = -n
		}
		if n != 0 {
			return n
		}
	}
	return 0
}

func compareField(fd protoreflect.FieldDescriptor, a, b protoreflect.Value) int {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return strings.Compare(a.String(), b.String())
	case protoreflect.Int32Kind:
		return cmp.Compare(a.Int(), b.Int())
	case protoreflect.BoolKind:
		switch {
		case a.Bool() == b.Bool():
			return 0
		case b.Bool():
			return -1
		default:
			return 1
		}
	default:
		s, _ := a.Message().Interface().(*timestamppb.Timestamp)
		t, _ := b.Message().Interface().(*timestamppb.Timestamp)
		return s.AsTime().Compare(t.AsTime())
	}
}
