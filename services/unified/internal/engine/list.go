package engine

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/cursor"
	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/resource"
	"github.com/sando-dev/sando/services/unified/internal/upstream"
)

// listing is one list call on its way.
type listing struct {
	engine   *Engine
	resource *resource.Resource
	request  *request
	source   *catalogv1.Source
	call     upstream.Call
	selected *selection
	mask     *mask // of the answer
	mapping  plan.Call
	warnings int
	shifted  bool // rows came or went since the page before
	total    *int32
	at       cursor.Position
	records  []proto.Message
	written  int // records that were written as JSON instead
}

// List answers a list request.
func (e *Engine) List(ctx context.Context, name resource.Name, req, res proto.Message) error {
	l, err := e.begin(ctx, name, req)
	if err != nil {
		return err
	}
	if err := l.read(ctx); err != nil {
		return err
	}
	return l.answer(res)
}

// begin reads a list request and decides how to answer it.
func (e *Engine) begin(ctx context.Context, name resource.Name, req proto.Message) (*listing, error) {
	r, err := read(req)
	if err != nil {
		return nil, err
	}
	mapping, err := e.prepare(ctx, name, r)
	if err != nil {
		return nil, err
	}
	return e.listing(ctx, mapping, r)
}

// read reads the records.
func (l *listing) read(ctx context.Context) error {
	if l.selected.order != nil {
		return l.sorted(ctx)
	}
	return l.paged(ctx)
}

// listing decides how a list is made.
func (e *Engine) listing(ctx context.Context, res *resource.Resource, r *request) (*listing, error) {
	if err := refuseEmpty(res, r); err != nil {
		return nil, err
	}
	source, ok := res.Source("list", r.given)
	if !ok {
		return nil, rpcerr.New(rpcerr.Unimplemented, "")
	}
	l := &listing{engine: e, resource: res, request: r, source: source}
	var err error
	if l.mask, err = r.mask(res); err != nil {
		return nil, err
	}
	if l.call, err = e.call(res, source, r); err != nil {
		return nil, err
	}
	if l.selected, err = choose(res, source, r, l.call.Query); err != nil {
		return nil, err
	}
	if err = sorting(res, l.call.Operation, r.sort, l.selected, l.call.Query); err != nil {
		return nil, err
	}
	if err = l.start(); err != nil {
		return nil, err
	}
	l.mapping = r.mapping()
	l.mapping.Keep = l.mask.needs(l.selected.reads()...)
	custom, warnings, err := e.customFields(ctx, res, r, l.mask, l.selected.own)
	if err != nil {
		return nil, err
	}
	l.mapping.Custom, l.warnings = custom, warnings
	ask(source, custom, l.call.Query, res)
	return l, nil
}

// start finds where the list goes on.
func (l *listing) start() error {
	size := l.request.limit
	if l.selected.here() {
		size = l.largest()
	}
	l.at = cursor.Position{Size: min(size, l.largest())}
	if l.request.cursor == "" {
		return nil
	}
	at, err := l.engine.cursors.Open(l.request.cursor, l.binding())
	if err != nil {
		return err
	}
	if at.Count == 0 {
		// Between pages the size is free to change.
		at.Size = l.at.Size
	}
	l.at = at
	return nil
}

// binding is what cursors of the list belong to.
func (l *listing) binding() cursor.Binding {
	version := ""
	if l.selected.here() {
		version = l.resource.Version()
	}
	return l.request.binding(l.resource.Name(), version)
}

// largest is the largest page that the source gives.
func (l *listing) largest() int {
	if most := int(l.call.Operation.GetPaging().GetMaxSize()); most > 0 {
		return min(most, MaxLimit)
	}
	return MaxLimit
}

// here says whether records are dropped or moved by us.
func (sel *selection) here() bool { return len(sel.local) > 0 || sel.order != nil }

// reads are the top-level output fields that the local filters and the order look at.
func (sel *selection) reads() []string {
	var names []string
	for _, c := range sel.local {
		names = append(names, c.Reads()...)
	}
	for _, k := range sel.order {
		names = append(names, k.Reads())
	}
	return names
}

// paged reads page after page until the answer is full, the list ends or the bound is reached.
func (l *listing) paged(ctx context.Context) error {
	pages := 1
	if l.selected.here() {
		pages = MaxPages
	}
	runner := l.resource.Plan.Runner(ctx, l.mapping)
	defer func() { l.warnings += runner.Warnings }()
	for range pages {
		page, err := l.engine.client.List(ctx, l.call, l.at.Size, l.at.Upstream)
		if err != nil {
			return err
		}
		l.total, l.shifted = page.Total, l.shifted || page.Shifted
		full, err := l.take(ctx, runner, page)
		if err != nil || full || l.at.Upstream == "" {
			return err
		}
	}
	return nil
}

// take maps the rows of a page that were not looked at yet. It is full when the answer is, with the position on the next row.
func (l *listing) take(ctx context.Context, runner *plan.Runner, page upstream.Page) (full bool, err error) {
	rows, err := split(page.Rows)
	if err != nil {
		return false, err
	}
	from, err := l.resume(ctx, rows)
	if err != nil {
		return false, err
	}
	next := cursor.Position{Upstream: page.Next, Size: l.at.Size}
	for i := from; i < len(rows); i++ {
		m, err := l.engine.one(runner, l.resource, rows[i])
		if err != nil {
			return false, err
		}
		ok, err := l.passes(ctx, m)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		l.records = append(l.records, m)
		if len(l.records) == l.request.limit && i+1 < len(rows) {
			l.at.After, l.at.Count = idOf(m), i+1
			return true, nil
		}
	}
	l.at = next
	return len(l.records) >= l.request.limit, nil
}

// resume finds the row to go on with in a page that was partly looked at: the one after the last id, or by position when that is gone.
func (l *listing) resume(ctx context.Context, rows [][]byte) (int, error) {
	if l.at.Count == 0 {
		return 0, nil
	}
	ids := l.resource.Plan.Runner(ctx, plan.Call{Parameters: l.mapping.Parameters, Facts: l.mapping.Facts, Keep: map[string]bool{}})
	same := func(row []byte) (bool, error) {
		m, err := l.engine.one(ids, l.resource, row)
		return err == nil && idOf(m) == l.at.After, err
	}
	if last := l.at.Count - 1; last < len(rows) {
		if ok, err := same(rows[last]); ok || err != nil {
			return l.at.Count, err
		}
	}
	l.shifted = true
	for i, row := range rows {
		if ok, err := same(row); ok || err != nil {
			return i + 1, err
		}
	}
	return min(l.at.Count, len(rows)), nil
}

// passes applies the local filters.
func (l *listing) passes(ctx context.Context, m proto.Message) (bool, error) {
	for _, c := range l.selected.local {
		ok, err := c.Holds(ctx, m)
		if err != nil {
			return false, rpcerr.Invalid(c.Spec.GetName(), err.Error())
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

// sortable refuses an order by a field that an override fills with lists or objects, which only the records tell.
func (l *listing) sortable() error {
	for _, k := range l.selected.order {
		if i := slices.IndexFunc(l.records, func(m proto.Message) bool { return !k.Single(m) }); i >= 0 {
			return rpcerr.Newf(access.CodeUnsupportedFilter, "%s cannot be sorted by %s: the record with the id %q shows several values", l.resource.Name(), k.Name, idOf(l.records[i])).
				WithFix("Sort by another field, or have an override make one value of it.")
		}
	}
	return nil
}

// sorted reads a source that comes whole, sorts it and cuts the page out.
func (l *listing) sorted(ctx context.Context) error {
	limit, after, count := l.request.limit, l.at.After, l.at.Count
	l.at = cursor.Position{Size: l.largest()}
	l.request.limit = MaxPages*MaxLimit + 1
	if err := l.paged(ctx); err != nil {
		return err
	}
	l.request.limit = limit
	if l.at.Upstream != "" {
		return rpcerr.Newf(access.CodeScanLimit, "sorting this would read more than %d pages of the provider", MaxPages).
			WithFix("Narrow the list by a filter that the provider applies, or remove sort.")
	}
	if err := l.sortable(); err != nil {
		return err
	}
	slices.SortStableFunc(l.records, func(a, b proto.Message) int { return compare(l.selected.order, a, b) })
	from := min(count, len(l.records))
	// The position holds as long as the last record is there; equal ids elsewhere do not lead back.
	if from > 0 && idOf(l.records[from-1]) != after {
		l.shifted = true
		if i := slices.IndexFunc(l.records, func(m proto.Message) bool { return idOf(m) == after }); i >= 0 {
			from = i + 1
		}
	}
	to := min(from+limit, len(l.records))
	if to < len(l.records) {
		l.at.After, l.at.Count = idOf(l.records[to-1]), to
	}
	l.records = l.records[from:to]
	return nil
}
