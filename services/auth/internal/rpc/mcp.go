package rpc

import (
	"context"

	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
	"github.com/sando-dev/sando/services/auth/internal/grants"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Servers serves sando.internal.auth.v1.McpServerRecordService.
type Servers struct {
	Bearers *bearer.Service
	Cursors *sealed.Ring
}

func server(s *iv1.McpServer) bearer.Server {
	return bearer.Server{
		ID: s.GetId(), AccountID: s.GetIntegratedAccountId(), Name: s.GetName(), Config: s.GetConfig(), Operations: s.GetOperations(),
		Read: s.GetRead(), Write: s.GetWrite(), RequireSecond: s.GetRequireApiTokenAuth(), ExpiresAt: moment(s.GetExpiresAt()),
	}
}

// CreateMcpServerRecord stores a server and makes its token.
func (h Servers) CreateMcpServerRecord(ctx context.Context, r *iv1.CreateMcpServerRecordRequest) (*iv1.CreateMcpServerRecordResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	t, secret, err := h.Bearers.CreateServer(ctx, caller, server(r.GetServer()))
	if err != nil {
		return nil, err
	}
	return &iv1.CreateMcpServerRecordResponse{Server: grants.Record(t), Token: secret}, nil
}

// ListMcpServerRecords lists the servers of an account, newest first.
func (h Servers) ListMcpServerRecords(ctx context.Context, r *iv1.ListMcpServerRecordsRequest) (*iv1.ListMcpServerRecordsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if limit := r.GetLimit(); limit < 0 || limit > 1000 {
		return nil, rpcerr.Invalid("limit", "must be between 1 and 1000")
	}
	p := pager{h.Cursors}
	after, err := p.after(caller, r)
	if err != nil {
		return nil, err
	}
	rows, err := h.Bearers.ListServers(ctx, caller, r.GetIntegratedAccountId(), store.Page{After: after, Limit: int(limitOf(r)) + 1})
	if err != nil {
		return nil, err
	}
	rows, next, err := cut(p, caller, r, rows, func(t store.Token) string { return t.ID })
	if err != nil {
		return nil, err
	}
	answer := &iv1.ListMcpServerRecordsResponse{NextCursor: next}
	for _, t := range rows {
		answer.Servers = append(answer.Servers, grants.Record(t))
	}
	return answer, nil
}

// GetMcpServerRecord answers one server.
func (h Servers) GetMcpServerRecord(ctx context.Context, r *iv1.GetMcpServerRecordRequest) (*iv1.GetMcpServerRecordResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	t, err := h.Bearers.FindServer(ctx, caller, r.GetIntegratedAccountId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &iv1.GetMcpServerRecordResponse{Server: grants.Record(t)}, nil
}

// UpdateMcpServerRecord replaces what may change of a server.
func (h Servers) UpdateMcpServerRecord(ctx context.Context, r *iv1.UpdateMcpServerRecordRequest) (*iv1.UpdateMcpServerRecordResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	t, err := h.Bearers.UpdateServer(ctx, caller, server(r.GetServer()))
	if err != nil {
		return nil, err
	}
	return &iv1.UpdateMcpServerRecordResponse{Server: grants.Record(t)}, nil
}

// RotateMcpServerRecord gives a server a new token.
func (h Servers) RotateMcpServerRecord(ctx context.Context, r *iv1.RotateMcpServerRecordRequest) (*iv1.RotateMcpServerRecordResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	t, secret, err := h.Bearers.RotateServer(ctx, caller, r.GetIntegratedAccountId(), r.GetId(), moment(r.GetPreviousExpiresAt()))
	if err != nil {
		return nil, err
	}
	return &iv1.RotateMcpServerRecordResponse{Server: grants.Record(t), Token: secret}, nil
}

// DeleteMcpServerRecord revokes a server.
func (h Servers) DeleteMcpServerRecord(ctx context.Context, r *iv1.DeleteMcpServerRecordRequest) (*iv1.DeleteMcpServerRecordResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := h.Bearers.DeleteServer(ctx, caller, r.GetIntegratedAccountId(), r.GetId()); err != nil {
		return nil, err
	}
	return &iv1.DeleteMcpServerRecordResponse{}, nil
}

// TouchMcpServerRecord notes that a server was used.
func (h Servers) TouchMcpServerRecord(ctx context.Context, r *iv1.TouchMcpServerRecordRequest) (*iv1.TouchMcpServerRecordResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.Bearers.TouchServer(ctx, caller, r.GetId(), r.GetClient()); err != nil {
		return nil, err
	}
	return &iv1.TouchMcpServerRecordResponse{}, nil
}
