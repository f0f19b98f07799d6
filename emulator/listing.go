package emulator

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/query"
	"github.com/sando-dev/sando/emulator/internal/wire"
)

// maxPage is the longest page of every cursor-paged list.
const maxPage = 1000

// listing describes one cursor-paged list; list answers it from the parameters that its route takes.
type listing[T any] struct {
	key      string // data key
	source   query.Source[T]
	id       func(T) int64
	find     query.Lookup[T]
	defaults string   // fields when the caller names none
	always   []string // fields that come whether named or not
	extra    []query.Field[T]
	order    query.Order[T]
	size     int
	search   func(T) string // the text that q looks in, nil when q is not taken
	match    []func(T) bool
	noTotal  bool
}

// list answers a list request: filters, q, sort, page, fields, aggs, in this order.
func list[T any](c *call, l listing[T]) (reply, error) {
	fields, err := chosen(c, l)
	if err != nil {
		return reply{}, err
	}
	fields = append(fields, l.extra...)
	request, err := l.request(c)
	if err != nil {
		return reply{}, err
	}
	page, err := request.Page()
	if err != nil {
		return reply{}, err
	}
	if c.empty {
		page.Rows, page.Next = nil, query.Restate(request.Cursor)
	}
	if c.duplicate && len(page.Rows) > 0 {
		page.Rows = append(page.Rows, page.Rows[len(page.Rows)-1])
	}
	if c.loop {
		page.Next = cursorLoop(request.Cursor, page.Next)
	}
	body := openList(l.key, fields, page.Rows)
	tail := wire.Object{}
	if text := c.text("aggs"); text != "" {
		buckets, err := query.Aggregate(l.find, text, request.Matches())
		if err != nil {
			return reply{}, err
		}
		tail = append(tail, wire.Member{Key: "aggregations", Value: buckets})
	}
	tail = append(tail, wire.Member{Key: "count", Value: len(page.Rows)})
	if !l.noTotal {
		tail = append(tail, wire.Member{Key: "total", Value: page.Total})
	}
	tail = append(tail, wire.Member{Key: "nextCursor", Value: orNull(page.Next)})
	body = append(body, ',')
	return found(append(body, wire.Append(nil, tail)[1:]...))
}

// openList is an object whose first member is the list of records; the object is not closed yet.
func openList[T any](key string, fields []query.Field[T], rows []T) []byte {
	body := append(make([]byte, 0, 512*(len(rows)+1)), '{')
	body = append(wire.AppendString(body, key), ":["...)
	for i, row := range rows {
		if i > 0 {
			body = append(body, ',')
		}
		body = query.AppendRow(body, fields, row)
	}
	return append(body, ']')
}

// whole answers a list that is not paged: {key: [records]} and nothing else.
func whole[T any](key string, fields []query.Field[T], rows []T) (reply, error) {
	return found(append(openList(key, fields, rows), '}'))
}

// found is a 200 with a finished JSON body.
func found(body []byte) (reply, error) {
	return reply{status: http.StatusOK, header: http.Header{"Content-Type": {jsonType}}, body: body}, nil
}

// cursorLoop is the nextCursor of an upstream that never ends.
func cursorLoop(cursor, next string) string {
	switch {
	case cursor != "":
		return cursor
	case next != "":
		return next
	}
	return query.Restate("")
}

// request reads paging, order and filters.
func (l listing[T]) request(c *call) (query.List[T], error) {
	request := query.List[T]{Source: l.source, ID: l.id, Order: l.order, Cursor: c.text("cursor"), Shift: c.shift}
	most := maxPage
	if c.e.opts.Bench {
		most = MaxUsers
	}
	size, err := c.integer("size", l.size, 1, most)
	if err != nil {
		return request, err
	}
	request.Size = size
	if text := c.text("sort"); text != "" {
		if request.Order, err = query.ParseOrder(l.find, text); err != nil {
			return request, err
		}
	}
	match := l.match
	if text := c.text("filters"); text != "" {
		test, err := query.ParseFilters(l.find, text, c.now)
		if err != nil {
			return request, err
		}
		match = append(match, test)
	}
	if text := strings.ToLower(c.text("q")); text != "" && l.search != nil {
		match = append(match, func(row T) bool { return strings.Contains(strings.ToLower(l.search(row)), text) })
	}
	request.Match = all(match)
	return request, nil
}

// chosen resolves the fields parameter.
func chosen[T any](c *call, l listing[T]) ([]query.Field[T], error) {
	names := c.text("fields")
	if names == "" {
		return query.Select(l.find, l.defaults)
	}
	asked := strings.Split(names, ",")
	for _, name := range l.always {
		if !slices.Contains(asked, name) {
			names += "," + name
		}
	}
	return query.Select(l.find, names)
}

// one answers a single record under a key.
func one[T any](key string, fields []query.Field[T], row T) (reply, error) {
	body := append([]byte{'{'}, wire.Append(nil, key)...)
	body = query.AppendRow(append(body, ':'), fields, row)
	return found(append(body, '}'))
}

// matching are the records that pass all tests.
func matching[T any](rows []T, tests []func(T) bool) []T {
	keep := all(tests)
	if keep == nil {
		return rows
	}
	var kept []T
	for _, row := range rows {
		if keep(row) {
			kept = append(kept, row)
		}
	}
	return kept
}

// all is the conjunction of tests, nil when there are none.
func all[T any](tests []func(T) bool) func(T) bool {
	if len(tests) == 0 {
		return nil
	}
	return func(row T) bool {
		for _, test := range tests {
			if !test(row) {
				return false
			}
		}
		return true
	}
}

// simpleFilters turns every parameter that the route does not name into an exact match on a field.
func simpleFilters[T any](c *call, find query.Lookup[T]) ([]func(T) bool, error) {
	var tests []func(T) bool
	var unknown []string
	for name, values := range c.query {
		if slices.Contains(c.route.query, name) {
			continue
		}
		f, ok := find(name)
		if !ok {
			unknown = append(unknown, name)
			continue
		}
		tests = append(tests, query.Exactly(f, values[0]))
	}
	if len(unknown) > 0 && !c.e.opts.LenientQuery {
		slices.Sort(unknown)
		return nil, invalidf("Unknown, deleted or hidden fields: %s", strings.Join(unknown, ", "))
	}
	return tests, nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
