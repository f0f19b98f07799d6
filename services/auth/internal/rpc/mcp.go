package rpc

import (
	"context"
	"time"

	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
	"github.com/sando-dev/sando/services/auth/internal/grants"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/watch"
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

// maxUses is the most servers of one report.
const maxUses = 1000

// TouchMcpServerRecords notes which servers were used.
func (h Servers) TouchMcpServerRecords(ctx context.Context, r *iv1.TouchMcpServerRecordsRequest) (*iv1.TouchMcpServerRecordsResponse, error) {
	if len(r.GetUses()) > maxUses {
		return nil, rpcerr.Invalid("uses", "are too many for one report")
	}
	uses := make([]bearer.Use, len(r.GetUses()))
	for n, u := range r.GetUses() {
		uses[n] = bearer.Use{EnvironmentID: u.GetEnvironmentId(), ServerID: u.GetId(), Client: u.GetClient(), At: moment(u.GetUsedAt())}
	}
	if err := h.Bearers.TouchServers(ctx, uses); err != nil {
		return nil, err
	}
	return &iv1.TouchMcpServerRecordsResponse{}, nil
}

// Answers serves sando.internal.auth.v1.McpAnswerService.
type Answers struct {
	Hub   *watch.Hub
	Store store.Store
	Now   func() time.Time
}

// maxAnswer is the longest answer that is relayed.
const maxAnswer = 1000

// RelayMcpAnswer hands an answer to everyone who watches, at this replica and at the others.
func (h Answers) RelayMcpAnswer(ctx context.Context, r *iv1.RelayMcpAnswerRequest) (*iv1.RelayMcpAnswerResponse, error) {
	if n := len(r.GetAnswer()); n == 0 || n > maxAnswer {
		return nil, rpcerr.Invalid("answer", "must have 1 to 1000 characters")
	}
	err := h.Store.Update(ctx, func(w store.Writer) error {
		return w.Publish(ctx, store.Event{Answers: []string{r.GetAnswer()}, At: h.Now().UTC()})
	})
	if err != nil {
		return nil, err
	}
	// If the events cannot be read now, the hub's own round hands them on.
	_ = h.Hub.Sync(context.WithoutCancel(ctx))
	return &iv1.RelayMcpAnswerResponse{}, nil
}
