package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// sortKey is one part of an order.
type sortKey struct {
	*resource.Order
	descending bool
}

// sorting reads the order asked for, and refuses one that nobody can see to exactly: a page sorted by itself is not a sorted list.
func sorting(res *resource.Resource, op *catalogv1.Operation, text string, sel *selection, query map[string][]string) error {
	if text == "" {
		return nil
	}
	keys, err := parseSort(text, res)
	if err != nil {
		return err
	}
	orders := make([]*resource.Order, len(keys))
	upstream := make([]string, len(keys))
	for i, k := range keys {
		orders[i], upstream[i] = k.Order, k.Upstream+map[bool]string{true: ":desc", false: ":asc"}[k.descending]
	}
	s := resource.SortingBy(op, orders...)
	switch s.Runs {
	case resource.RunsUpstream:
		query["sort"] = []string{strings.Join(upstream, ",")}
	case resource.RunsLocal:
		sel.order = keys
	default:
		return unsortable(res, op, s.Refused)
	}
	sel.sort = s.Runs
	return nil
}

func parseSort(text string, res *resource.Resource) ([]sortKey, error) {
	var keys []sortKey
	for part := range strings.SplitSeq(text, ",") {
		name, direction, directed := strings.Cut(strings.TrimSpace(part), ":")
		if directed && direction != "asc" && direction != "desc" {
			return nil, rpcerr.Invalid("sort", fmt.Sprintf("a direction is asc or desc, not %q", direction))
		}
		if slices.ContainsFunc(keys, func(k sortKey) bool { return k.Name == name }) {
			return nil, rpcerr.Invalid("sort", name+" is given twice")
		}
		o, ok := res.Order(name)
		if !ok {
			return nil, rpcerr.Invalid("sort", fmt.Sprintf("there is no field %q", name))
		}
		keys = append(keys, sortKey{Order: o, descending: direction == "desc"})
	}
	return keys, nil
}

func unsortable(res *resource.Resource, op *catalogv1.Operation, o *resource.Order) error {
	text := res.Name().String() + " cannot be sorted exactly by " + o.Name
	if o.Why != "" {
		text += ": " + o.Why
	}
	e := rpcerr.New(access.CodeUnsupportedFilter, text)
	names := Sortable(res, op)
	if len(names) == 0 {
		return e.WithFix("Remove sort.")
	}
	return e.WithFix("Sort by: "+strings.Join(names, ", ")+".").WithDetail("sortable", names)
}

// Sortable lists the fields by which a source can be sorted.
func Sortable(res *resource.Resource, op *catalogv1.Operation) []string {
	return slices.Sorted(maps.Keys(res.Sortable(op)))
}

// compare orders two records; equal records keep the provider's order.
func compare(keys []sortKey, a, b proto.Message) int {
	for _, k := range keys {
		if n := k.Compare(a, b, k.descending); n != 0 {
			return n
		}
	}
	return 0
}
