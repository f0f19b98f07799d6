package rpc

import (
	"bytes"
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// defaultSamples is how many records a dry run reads when nobody says.
const defaultSamples = 5

// DryRun maps live samples with and without a proposed override and returns the difference.
func (s Mapping) DryRun(ctx context.Context, req *mappingv1.DryRunRequest) (*mappingv1.DryRunResponse, error) {
	p, err := s.at(ctx, req.Model, req.Resource, req.IntegratedAccountId)
	if err != nil {
		return nil, err
	}
	now, err := s.Mappings.Effective(p.name, p.environment, p.account)
	if err != nil {
		return nil, err
	}
	then, err := s.Mappings.Try(p.name, p.environment, p.account, req.Layer, body(req.Override))
	if err != nil {
		return nil, err
	}
	n := defaultSamples
	if req.Samples != nil {
		n = int(req.GetSamples())
	}
	samples, err := s.Engine.Sample(ctx, engine.Target{Environment: p.environment, Account: p.account, Query: req.GetQuery()}, n, now, then)
	if err != nil {
		return nil, err
	}
	before, err := samples.Map(ctx, now)
	if err != nil {
		return nil, err
	}
	after, err := samples.Map(ctx, then)
	if err != nil {
		return nil, err
	}
	res := &mappingv1.DryRunResponse{Samples: int32(samples.Len()), Warnings: resource.Moves(now, then)}
	for i := range before {
		differences, err := s.differences(before[i], after[i])
		if err != nil {
			return nil, err
		}
		res.Differences = append(res.Differences, differences...)
	}
	return res, nil
}

// differences compares two records field by field, as callers would see them.
func (s Mapping) differences(before, after proto.Message) ([]*mappingv1.FieldDifference, error) {
	a, names, err := s.members(before, nil)
	if err != nil {
		return nil, err
	}
	b, names, err := s.members(after, names)
	if err != nil {
		return nil, err
	}
	id, err := text(a["id"])
	if err != nil {
		return nil, err
	}
	var all []*mappingv1.FieldDifference
	for _, name := range names {
		if bytes.Equal(a[name], b[name]) {
			continue
		}
		all = append(all, &mappingv1.FieldDifference{Id: id, Field: name, Before: optionalRaw(a[name]), After: optionalRaw(b[name])})
	}
	return all, nil
}

// members encodes a record and cuts it into its fields; the members of added fields are told apart.
func (s Mapping) members(m proto.Message, names []string) (map[string][]byte, []string, error) {
	encoded, err := s.JSON.Marshal(m)
	if err != nil {
		return nil, nil, err
	}
	fields := make(map[string][]byte)
	if err := cut(encoded, "", fields, &names); err != nil {
		return nil, nil, err
	}
	return fields, names, nil
}

func cut(object []byte, prefix string, into map[string][]byte, names *[]string) error {
	walk := records.MembersOf(object)
	for {
		key, v, ok := walk.Next()
		if !ok {
			return walk.Err()
		}
		name := prefix + string(key)
		if name == "custom" && records.KindOf(v) == records.Object {
			if err := cut(v, "custom.", into, names); err != nil {
				return err
			}
			continue
		}
		into[name] = v
		if !slices.Contains(*names, name) {
			*names = append(*names, name)
		}
	}
}

func text(json []byte) (string, error) {
	if records.KindOf(json) != records.String {
		return "", rpcerr.New(rpcerr.Internal, "")
	}
	return string(records.AppendText(nil, json)), nil
}

func optionalRaw(json []byte) *rpcv1.RawJson {
	if json == nil {
		return nil
	}
	return &rpcv1.RawJson{Json: json}
}

// Explain says for each output field of one record how it was made.
func (s Mapping) Explain(ctx context.Context, req *mappingv1.ExplainRequest) (*mappingv1.ExplainResponse, error) {
	p, err := s.at(ctx, req.Model, req.Resource, req.IntegratedAccountId)
	if err != nil {
		return nil, err
	}
	r, err := s.Mappings.Effective(p.name, p.environment, p.account)
	if err != nil {
		return nil, err
	}
	steps, err := s.Engine.Explain(ctx, engine.Target{Environment: p.environment, Account: p.account, Query: req.GetQuery()}, req.Id, r)
	// A record that cannot be mapped is just what one wants explained, as far as it goes.
	if err != nil && (rpcerr.CodeOf(err) != access.CodeMappingFailed || len(steps) == 0) {
		return nil, err
	}
	res := &mappingv1.ExplainResponse{}
	for _, step := range steps {
		f := &mappingv1.FieldExplanation{
			Field: step.Field, Layer: step.Layer, Expression: step.Expression,
			SourceValue: optionalRaw(step.SourceValue), Value: optionalRaw(step.Value),
		}
		if step.SourcePath != "" || step.SourceValue != nil {
			f.SourcePath = &step.SourcePath
		}
		res.Fields = append(res.Fields, f)
	}
	return res, nil
}
