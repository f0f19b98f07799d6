package engine

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// Target is whose records are inspected, and with which filters.
type Target struct {
	Environment, Account string
	// Query holds further parameters, e.g. app_id, as URL-encoded pairs.
	Query string
}

func (t Target) request(limit int) (*request, error) {
	r := &request{scope: scope{environment: t.Environment, account: t.Account}, limit: limit, values: make(map[string]string)}
	if err := r.readFilters(t.Query); err != nil {
		return nil, rpcerr.Invalid("query", "is not a list of different URL-encoded name=value pairs")
	}
	return r, nil
}

// Samples are source records that can be mapped in several ways.
type Samples struct {
	engine *Engine
	rows   [][]byte
	call   plan.Call
}

// Sample reads the first records of a list, with all that any of the mappings reads.
func (e *Engine) Sample(ctx context.Context, t Target, n int, mappings ...*resource.Resource) (*Samples, error) {
	r, err := t.request(n)
	if err != nil {
		return nil, err
	}
	l, err := e.listing(ctx, mappings[0], r)
	if err != nil {
		return nil, err
	}
	if len(l.selected.local) > 0 {
		return nil, rpcerr.Invalid("query", l.selected.local[0].Spec.GetName()+" runs in sando and cannot choose samples")
	}
	ask(l.source, l.mapping.Custom, l.call.Query, mappings...)
	page, err := e.client.List(ctx, l.call, n, "")
	if err != nil {
		return nil, err
	}
	rows, err := split(page.Rows)
	if err != nil {
		return nil, err
	}
	return &Samples{engine: e, rows: rows[:min(n, len(rows))], call: l.mapping}, nil
}

// Len is how many records there are.
func (s *Samples) Len() int { return len(s.rows) }

// Map maps the samples.
func (s *Samples) Map(ctx context.Context, res *resource.Resource) ([]proto.Message, error) {
	runner := res.Plan.Runner(ctx, s.call)
	var records []proto.Message
	for _, row := range s.rows {
		m, err := s.engine.one(runner, res, row)
		if err != nil {
			return nil, err
		}
		records = append(records, m)
	}
	return records, nil
}

// Explain reads one record and says how each of its output fields was made.
func (e *Engine) Explain(ctx context.Context, t Target, id string, res *resource.Resource) ([]plan.Step, error) {
	r, err := t.request(1)
	if err != nil {
		return nil, err
	}
	if err := refuseEmpty(res, r); err != nil {
		return nil, err
	}
	r.id = id
	source, ok := res.Source("get", r.given)
	if !ok {
		return nil, rpcerr.New(rpcerr.Unimplemented, "")
	}
	call := r.mapping()
	if call.Custom, _, err = e.customFields(ctx, res, r, &mask{}, nil); err != nil {
		return nil, err
	}
	raw, _, err := e.fetch(ctx, res, source, r, call.Custom)
	if err != nil {
		return nil, err
	}
	steps, err := res.Plan.Runner(ctx, call).Explain(raw)
	return steps, failure(err, id)
}
