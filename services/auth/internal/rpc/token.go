package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Tokens serves sando.auth.v1.ApiTokenService.
type Tokens struct {
	Bearers *bearer.Service
	Cursors *sealed.Ring
}

// ListApiTokens lists the tokens that reach no further than the caller's.
func (h Tokens) ListApiTokens(ctx context.Context, r *authv1.ListApiTokensRequest) (*authv1.ListApiTokensResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	p := pager{h.Cursors}
	after, err := p.after(caller, r)
	if err != nil {
		return nil, err
	}
	rows, err := h.Bearers.ListAPI(ctx, caller, store.Page{After: after, Limit: int(limitOf(r)) + 1})
	if err != nil {
		return nil, err
	}
	rows, next, err := cut(p, caller, r, rows, func(t store.Token) string { return t.ID })
	if err != nil {
		return nil, err
	}
	answer := &authv1.ListApiTokensResponse{NextCursor: next, Limit: limitOf(r)}
	for _, t := range rows {
		answer.Result = append(answer.Result, apiToken(t))
	}
	return answer, nil
}

// CreateApiToken makes a token within the reach of the caller's.
func (h Tokens) CreateApiToken(ctx context.Context, r *authv1.CreateApiTokenRequest) (*authv1.CreateApiTokenResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	spec := bearer.Spec{Name: r.GetName(), Accounts: some(r.GetIntegratedAccountIds()), Services: some(r.GetServices()), ExpiresAt: moment(r.GetExpiresAt())}
	for _, kind := range r.GetAccess() {
		spec.Read = spec.Read || kind == "read"
		spec.Write = spec.Write || kind == "write"
	}
	if len(r.GetAccess()) == 0 {
		spec.Read, spec.Write = caller.Grant.Read, caller.Grant.Write
	}
	t, secret, err := h.Bearers.CreateAPI(ctx, caller, spec)
	if err != nil {
		return nil, err
	}
	m := apiToken(t)
	m.Token = &secret
	return &authv1.CreateApiTokenResponse{ApiToken: m}, nil
}

// DeleteApiToken revokes a token; when it answers, this process refuses it already and the others do within a second.
func (h Tokens) DeleteApiToken(ctx context.Context, r *authv1.DeleteApiTokenRequest) (*authv1.DeleteApiTokenResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := h.Bearers.DeleteAPI(ctx, caller, r.GetId()); err != nil {
		return nil, err
	}
	return &authv1.DeleteApiTokenResponse{Id: r.GetId()}, nil
}

// some is nil for an empty list: on the wire, nothing given means all.
func some(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}

func apiToken(t store.Token) *authv1.ApiToken {
	m := &authv1.ApiToken{
		Id: t.ID, Name: optional(t.Name), EnvironmentId: t.EnvironmentID, IntegratedAccountIds: t.Accounts, Services: t.Services,
		ExpiresAt: timestamp(t.ExpiresAt), LastUsedAt: timestamp(t.LastUsedAt), CreatedAt: timestamppb.New(t.CreatedAt),
	}
	if t.Read {
		m.Access = append(m.Access, "read")
	}
	if t.Write {
		m.Access = append(m.Access, "write")
	}
	return m
}
