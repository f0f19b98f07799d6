package rpc

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"

	"connectrpc.com/connect/v2"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/wire"

	"github.com/sando-dev/sando/services/unified/internal/engine"
	"github.com/sando-dev/sando/services/unified/internal/layer"
	"github.com/sando-dev/sando/services/unified/internal/resource"
	"github.com/sando-dev/sando/services/unified/internal/store"
)

// HeaderAgent names the client on whose behalf an agent changes a mapping; the version then bears `agent:<client>` as its author.
const HeaderAgent = "Sando-Agent"

// Mapping is MappingService.
type Mapping struct {
	Mappings *layer.Mappings
	Engine   *engine.Engine
	Accounts Accounts
	Store    store.Store
	Pages    Pages
	Audit    Audit
	JSON     wire.JSON
	Now      func() time.Time
}

// place is where a call works: a resource, and the caller's environment and account.
type place struct {
	name                 resource.Name
	environment, account string
	caller               *access.Caller
}

// at finds the place of a call and makes sure that there is such a resource and that the caller reaches the account.
func (s Mapping) at(ctx context.Context, model, name, account string) (place, error) {
	p := place{name: resource.Name{Model: model, Resource: name}, account: account}
	var ok bool
	if p.caller, ok = access.FromContext(ctx); !ok {
		return p, rpcerr.New(rpcerr.Unauthenticated, "")
	}
	p.environment = p.caller.Grant.EnvironmentID
	if account != "" && !p.caller.Grant.MayAccount(account) {
		return p, rpcerr.New(access.CodeAccountNotFound, "")
	}
	if _, err := s.Mappings.Base(p.name); err != nil {
		return p, err
	}
	if account == "" {
		return p, nil
	}
	return p, s.Accounts.require(ctx, account)
}

// change finds the place of a call that changes a layer.
func (s Mapping) change(ctx context.Context, model, name, layer, account string) (place, store.Scope, error) {
	switch {
	case layer == resource.LayerAccount && account == "":
		return place{}, store.Scope{}, rpcerr.New(access.CodeAccountRequired, "")
	case layer == resource.LayerEnvironment && account != "":
		return place{}, store.Scope{}, rpcerr.Invalid("integrated_account_id", "goes with the account layer only")
	}
	p, err := s.at(ctx, model, name, account)
	if err != nil {
		return p, store.Scope{}, err
	}
	if account == "" && p.caller.Grant.Accounts != nil {
		return p, store.Scope{}, rpcerr.New(rpcerr.PermissionDenied, "this token reaches single accounts, not the whole environment")
	}
	return p, store.Scope{Environment: p.environment, Account: account, Model: model, Resource: name}, nil
}

// author says who makes a version.
func (p place) author(ctx context.Context) (string, error) {
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		if agent := info.RequestHeader().Get(HeaderAgent); agent != "" {
			if len(agent) > 100 || strings.ContainsFunc(agent, func(r rune) bool { return !unicode.IsPrint(r) }) {
				return "", rpcerr.Invalid(HeaderAgent, "is a name of at most 100 printable characters")
			}
			return "agent:" + agent, nil
		}
	}
	return "token:" + p.caller.Grant.TokenID, nil
}

// GetMapping returns the effective mapping with the layer of each field.
func (s Mapping) GetMapping(ctx context.Context, req *mappingv1.GetMappingRequest) (*mappingv1.GetMappingResponse, error) {
	p, err := s.at(ctx, req.Model, req.Resource, req.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	r, err := s.Mappings.Effective(p.name, p.environment, p.account)
	if err != nil {
		return nil, err
	}
	filters, err := filtersOf(r)
	if err != nil {
		return nil, err
	}
	env, acct := layer.Scopes(p.name, p.environment, p.account)
	res := &mappingv1.GetMappingResponse{
		Model: req.Model, Resource: req.Resource, Filters: filters,
		EnvironmentVersion: s.Mappings.Current(env).Number, AccountVersion: s.Mappings.Current(acct).Number,
	}
	for _, f := range r.Fields {
		row, err := resource.Row(f.Mapping)
		if err != nil {
			return nil, err
		}
		name := f.Mapping.GetName()
		res.Fields = append(res.Fields, &mappingv1.EffectiveField{
			Name: name, Layer: f.Layer, Mapping: &rpcv1.RawJson{Json: row}, Type: r.TypeOf(name), Required: f.Mapping.GetRequired(),
		})
	}
	return res, nil
}

func filtersOf(r *resource.Resource) ([]*mappingv1.EffectiveFilter, error) {
	var list []*mappingv1.EffectiveFilter
	for _, f := range r.Filters {
		row, err := resource.Row(f.Spec)
		if err != nil {
			return nil, err
		}
		compiled := r.Named(f)
		one := &mappingv1.EffectiveFilter{Name: f.Spec.GetName(), Layer: f.Layer, Runs: compiled.Runs, Mapping: &rpcv1.RawJson{Json: row}}
		if compiled.Why != "" {
			one.Why = &compiled.Why
		}
		list = append(list, one)
	}
	return list, nil
}

// PutOverride replaces the override of one layer by a new version.
func (s Mapping) PutOverride(ctx context.Context, req *mappingv1.PutOverrideRequest) (*mappingv1.PutOverrideResponse, error) {
	p, scope, err := s.change(ctx, req.Model, req.Resource, req.Layer, req.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	v, err := s.add(ctx, p, "mapping.put_override", req.Layer, req.Reason, store.Version{Scope: scope, Body: body(req.Override)}, req.ExpectedVersion)
	if err != nil {
		return nil, err
	}
	return &mappingv1.PutOverrideResponse{Version: v}, nil
}

// body is an override as it is stored: a removal is empty.
func body(raw *rpcv1.RawJson) string {
	text := string(raw.GetJson())
	if strings.TrimSpace(text) == "null" {
		return ""
	}
	return text
}

// Rollback makes an earlier version current again, as a new version.
func (s Mapping) Rollback(ctx context.Context, req *mappingv1.RollbackRequest) (*mappingv1.RollbackResponse, error) {
	p, scope, err := s.change(ctx, req.Model, req.Resource, req.Layer, req.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	v := store.Version{Scope: scope}
	if req.Number != 0 {
		old, err := s.Store.Version(ctx, scope, req.Number)
		if errors.Is(err, store.ErrNotFound) {
			return nil, rpcerr.Newf(rpcerr.NotFound, "the %s layer has no version %d", req.Layer, req.Number)
		}
		if err != nil {
			return nil, err
		}
		v.Body = old.Body
	}
	version, err := s.add(ctx, p, "mapping.rollback", req.Layer, req.Reason, v, nil)
	if err != nil {
		return nil, err
	}
	return &mappingv1.RollbackResponse{Version: version}, nil
}

// add checks a version, records it and puts it in force, here at once and on other replicas within a second.
func (s Mapping) add(ctx context.Context, p place, action, layer, reason string, v store.Version, expected *int32) (*mappingv1.Version, error) {
	if err := s.Mappings.Refresh(ctx); err != nil {
		return nil, err
	}
	if err := s.Mappings.Check(p.name, p.environment, p.account, layer, v.Body); err != nil {
		return nil, err
	}
	var err error
	if v.Author, err = p.author(ctx); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	v.ID, v.Reason, v.CreatedAt = id.String(), reason, s.Now()
	err = s.Audit.change(ctx, p, action, v, func() error {
		v, err = s.Store.Append(ctx, v, expected)
		if errors.Is(err, store.ErrConflict) {
			return rpcerr.Newf(rpcerr.Conflict, "the current version of the %s layer is %d", layer, s.Mappings.Current(v.Scope).Number).
				WithFix("Read the mapping again and apply the change to that.")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.Mappings.Refresh(ctx); err != nil {
		// It is stored; the next look finds it.
		return version(v), nil
	}
	return version(v), nil
}

func version(v store.Version) *mappingv1.Version {
	out := &mappingv1.Version{
		Id: v.ID, Layer: resource.LayerEnvironment, Number: v.Number, Override: &rpcv1.RawJson{Json: []byte("null")},
		Author: v.Author, Reason: v.Reason, CreatedAt: timestamppb.New(v.CreatedAt),
	}
	if v.Account != "" {
		out.Layer, out.IntegratedAccountId = resource.LayerAccount, &v.Account
	}
	if v.Body != "" {
		out.Override.Json = []byte(v.Body)
	}
	return out
}

// ListVersions lists the versions of the overrides, newest first.
func (s Mapping) ListVersions(ctx context.Context, req *mappingv1.ListVersionsRequest) (*mappingv1.ListVersionsResponse, error) {
	p, err := s.at(ctx, req.Model, req.Resource, req.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	limit := 50
	if req.Limit != nil {
		limit = int(req.GetLimit())
	}
	before, err := s.Pages.open(req.GetNextCursor(), p)
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Versions(ctx, store.Query{
		Environment: p.environment, Account: p.account, Model: req.Model, Resource: req.Resource, Before: before, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	res := &mappingv1.ListVersionsResponse{Limit: int32(limit)}
	if len(found) > limit {
		found = found[:limit]
		next, err := s.Pages.seal(found[limit-1].Revision, p)
		if err != nil {
			return nil, err
		}
		res.NextCursor = &next
	}
	for _, v := range found {
		res.Result = append(res.Result, version(v))
	}
	return res, nil
}
