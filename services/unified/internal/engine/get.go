package engine

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// Get answers a get request.
func (e *Engine) Get(ctx context.Context, name resource.Name, req, res proto.Message) error {
	r, err := read(req)
	if err != nil {
		return err
	}
	mapping, err := e.prepare(ctx, name, r)
	if err != nil {
		return err
	}
	if err := refuseEmpty(mapping, r); err != nil {
		return err
	}
	m, warnings, err := e.record(ctx, mapping, r)
	if err != nil {
		return err
	}
	single(res, m, r, warnings)
	return nil
}

// record reads the record of a request by its id.
func (e *Engine) record(ctx context.Context, mapping *resource.Resource, r *request) (_ proto.Message, warnings int, err error) {
	source, ok := mapping.Source("get", r.given)
	if !ok {
		return nil, 0, rpcerr.New(rpcerr.Unimplemented, "")
	}
	mask, err := r.mask(mapping)
	if err != nil {
		return nil, 0, err
	}
	call := r.mapping()
	call.Keep = mask.needs()
	if call.Custom, warnings, err = e.customFields(ctx, mapping, r, mask, nil); err != nil {
		return nil, 0, err
	}
	raw, missing, err := e.fetch(ctx, mapping, source, r, call.Custom)
	if err != nil {
		return nil, 0, err
	}
	runner := mapping.Plan.Runner(ctx, call)
	m, err := e.one(runner, mapping, raw)
	if err != nil {
		return nil, 0, err
	}
	mask.cut(m)
	return m, warnings + missing + runner.Warnings, nil
}

// fetch reads the source record of a get. When fields are wanted that the plain get does not carry, the source made for that is tried
// first. Where that does not have the record by the id as it was given, the provider may know it all the same, as 01000 for 1000; then the id
// that the record shows is tried. A record that is nowhere but in the plain get comes with a warning, since fields are missing.
func (e *Engine) fetch(ctx context.Context, res *resource.Resource, s *catalogv1.Source, r *request, custom []plan.CustomField) (raw []byte, warnings int, err error) {
	fuller := res.Spec.GetCustomFields().GetGet()
	if fuller == nil || len(custom) == 0 && len(res.Missing(fuller)) == 0 {
		raw, err = e.fetchFrom(ctx, res, s, r, custom)
		return raw, 0, err
	}
	raw, err = e.fetchFrom(ctx, res, fuller, r, custom)
	if err == nil || !e.absent(err) {
		return raw, 0, err
	}
	if raw, err = e.fetchFrom(ctx, res, s, r, custom); err != nil {
		return nil, 0, err
	}
	m, err := e.one(res.Plan.Runner(ctx, plan.Call{Parameters: r.values, Keep: map[string]bool{}}), res, raw)
	if err != nil {
		return nil, 0, err
	}
	same := *r
	if same.id = idOf(m); same.id != r.id {
		full, err := e.fetchFrom(ctx, res, fuller, &same, custom)
		if err == nil || !e.absent(err) {
			return full, 0, err
		}
	}
	return raw, 1, nil
}

// absent says whether a source has no record by an id.
func (e *Engine) absent(err error) bool {
	code := e.errors.From(err).Code
	return code == access.CodeUpstreamNotFound || code == access.CodeUpstreamRejected
}

func (e *Engine) fetchFrom(ctx context.Context, res *resource.Resource, s *catalogv1.Source, r *request, custom []plan.CustomField) ([]byte, error) {
	call, err := e.call(res, s, r)
	if err != nil {
		return nil, err
	}
	ask(s, custom, call.Query, res)
	if !s.GetScan() {
		return e.client.Get(ctx, call)
	}
	ids := res.Plan.Runner(ctx, plan.Call{Parameters: r.values, Keep: map[string]bool{}})
	cursor := ""
	for range MaxPages {
		page, err := e.client.List(ctx, call, MaxLimit, cursor)
		if err != nil {
			return nil, err
		}
		rows, err := split(page.Rows)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			m, err := e.one(ids, res, row)
			if err != nil {
				return nil, err
			}
			if idOf(m) == r.id {
				return row, nil
			}
		}
		if cursor = page.Next; cursor == "" {
			return nil, rpcerr.Newf(access.CodeUpstreamNotFound, "%s has no record with the id %q", res.Name(), r.id)
		}
	}
	return nil, rpcerr.New(access.CodeScanLimit, "the record is not among the first pages, and finding it would read too many").
		WithFix("List the records and pick it from there.")
}
