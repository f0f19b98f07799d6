package query

import (
	"cmp"
	"strings"
)

// Order is a sort order: fields with a direction, the record's id last.
type Order[T any] []key[T]

type key[T any] struct {
	get  func(T) any
	desc bool
}

// By is the order of one field.
func By[T any](get func(T) any, desc bool) Order[T] { return Order[T]{{get: get, desc: desc}} }

// ParseOrder reads "field:asc,other:desc"; a field without direction is ascending.
func ParseOrder[T any](find Lookup[T], text string) (Order[T], error) {
	var order Order[T]
	for part := range strings.SplitSeq(text, ",") {
		name, direction, _ := strings.Cut(strings.TrimSpace(part), ":")
		if name == "" {
			continue
		}
		f, ok := find(name)
		if !ok {
			return nil, refuse("\"sort\" names an unknown field: %s", name)
		}
		switch direction {
		case "", "asc", "desc":
		default:
			return nil, refuse("\"sort\" direction must be one of [asc, desc]: %s", direction)
		}
		order = append(order, key[T]{get: f.Get, desc: direction == "desc"})
	}
	return order, nil
}

// values are what a record is sorted by.
func (o Order[T]) values(row T) []any {
	if len(o) == 0 {
		return nil
	}
	v := make([]any, len(o))
	for i, k := range o {
		v[i] = scalar(k.get(row))
	}
	return v
}

// compare orders two positions. Equal ones follow their ids in the direction of the last field, so that a list of the
// newest first is so within one instant, too.
func (o Order[T]) compare(a, b position) int {
	for i, k := range o {
		c := compare(a.values[i], b.values[i])
		if k.desc {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	if n := len(o); n > 0 && o[n-1].desc {
		return cmp.Compare(b.id, a.id)
	}
	return cmp.Compare(a.id, b.id)
}
