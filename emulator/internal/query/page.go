package query

import (
	"iter"
	"slices"
	"sort"
)

// Source is a list of records in ascending order of id. At must be cheap: a filter asks for every record.
type Source[T any] interface {
	Len() int
	At(i int) T
}

// Slice is a Source over a slice.
type Slice[T any] []T

// Len is the number of records.
func (s Slice[T]) Len() int { return len(s) }

// At returns record i.
func (s Slice[T]) At(i int) T { return s[i] }

// List is one list request.
type List[T any] struct {
	Source Source[T]
	ID     func(T) int64
	Match  func(T) bool // nil matches all
	Order  Order[T]     // empty is ascending id
	Cursor string       // empty is the first page
	Size   int
	// Shift moves the start of a continued page: -1 repeats the record before it and +1 skips one, as happens
	// upstream when a list changes between two pages.
	Shift int
}

// Page is one page of a list.
type Page[T any] struct {
	Rows  []T
	Total int    // matches on all pages
	Next  string // cursor of the next page, empty on the last
}

// Page answers the request.
func (l List[T]) Page() (Page[T], error) {
	after, err := decodeCursor(l.Cursor, len(l.Order))
	if err != nil {
		return Page[T]{}, err
	}
	if len(l.Order) == 0 {
		return l.byID(after), nil
	}
	return l.sorted(after), nil
}

// byID reads records in the order they are stored in. Without a filter it touches only the records of the page.
func (l List[T]) byID(after *position) Page[T] {
	n := l.Source.Len()
	start := 0
	if after != nil {
		start = sort.Search(n, func(i int) bool { return l.ID(l.Source.At(i)) > after.id })
		start = max(start+l.Shift, 0)
	}
	var page Page[T]
	more := false
	if l.Match == nil {
		end := min(start+l.Size, n)
		for i := start; i < end; i++ {
			page.Rows = append(page.Rows, l.Source.At(i))
		}
		page.Total, more = n, end < n
	} else {
		for i := range n {
			row := l.Source.At(i)
			if !l.Match(row) {
				continue
			}
			page.Total++
			switch {
			case i < start:
			case len(page.Rows) < l.Size:
				page.Rows = append(page.Rows, row)
			default:
				more = true
			}
		}
	}
	if more && len(page.Rows) > 0 {
		page.Next = position{id: l.ID(page.Rows[len(page.Rows)-1])}.encode()
	}
	return page
}

// sorted orders all matches and cuts the page out of them.
func (l List[T]) sorted(after *position) Page[T] {
	type entry struct {
		row T
		position
	}
	var all []entry
	for row := range l.Matches() {
		all = append(all, entry{row, position{l.Order.values(row), l.ID(row)}})
	}
	slices.SortFunc(all, func(a, b entry) int { return l.Order.compare(a.position, b.position) })
	start := 0
	if after != nil {
		start = sort.Search(len(all), func(i int) bool { return l.Order.compare(all[i].position, *after) > 0 })
		start = min(max(start+l.Shift, 0), len(all))
	}
	end := min(start+l.Size, len(all))
	page := Page[T]{Total: len(all)}
	for _, e := range all[start:end] {
		page.Rows = append(page.Rows, e.row)
	}
	if end > start && end < len(all) {
		page.Next = all[end-1].encode()
	}
	return page
}

// Matches yields the records that pass the filter.
func (l List[T]) Matches() iter.Seq[T] {
	return func(yield func(T) bool) {
		for i := range l.Source.Len() {
			if row := l.Source.At(i); l.Match == nil || l.Match(row) {
				if !yield(row) {
					return
				}
			}
		}
	}
}
