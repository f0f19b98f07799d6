package mcptest

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
)

func grantOf(s *internalauthv1.McpServer) grant.Grant {
	g := grant.Grant{
		TokenID: "tok-" + s.GetId(), Kind: access.KindMCP, EnvironmentID: Environment, Accounts: []string{s.GetIntegratedAccountId()},
		Services: []string{"mcp", "proxy", "unified"}, Read: s.GetRead(), Write: s.GetWrite(), Operations: s.GetOperations(), MCPServerID: s.GetId(),
	}
	if s.GetExpiresAt() != nil {
		g.TokenExpiresAt = s.GetExpiresAt().AsTime()
	}
	return g
}

// CreateMcpServerRecord implements McpServerRecordService.
func (a *Auth) CreateMcpServerRecord(
	_ context.Context, r *internalauthv1.CreateMcpServerRecordRequest,
) (*internalauthv1.CreateMcpServerRecordResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := proto.CloneOf(r.GetServer())
	if s.GetIntegratedAccountId() != Account {
		return nil, a.errs.Connect(rpcerr.New(access.CodeAccountNotFound, ""), "")
	}
	s.Id, s.EnvironmentId = uuid.NewString(), Environment
	s.CreatedAt, s.UpdatedAt = timestamppb.Now(), timestamppb.Now()
	key := secret()
	a.tokens[key] = &token{grant: grantOf(s), server: s}
	return &internalauthv1.CreateMcpServerRecordResponse{Server: s, Token: key}, nil
}

func (a *Auth) find(account, id string) (string, *token, error) {
	for key, t := range a.tokens {
		if t.server.GetId() == id && t.server.GetIntegratedAccountId() == account && id != "" {
			return key, t, nil
		}
	}
	return "", nil, a.errs.Connect(rpcerr.New(rpcerr.NotFound, ""), "")
}

// GetMcpServerRecord implements McpServerRecordService.
func (a *Auth) GetMcpServerRecord(_ context.Context, r *internalauthv1.GetMcpServerRecordRequest) (*internalauthv1.GetMcpServerRecordResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, t, err := a.find(r.GetIntegratedAccountId(), r.GetId())
	if err != nil {
		return nil, err
	}
	return &internalauthv1.GetMcpServerRecordResponse{Server: t.server}, nil
}

// ListMcpServerRecords implements McpServerRecordService.
func (a *Auth) ListMcpServerRecords(
	_ context.Context, r *internalauthv1.ListMcpServerRecordsRequest,
) (*internalauthv1.ListMcpServerRecordsResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.GetIntegratedAccountId() != Account {
		return nil, a.errs.Connect(rpcerr.New(access.CodeAccountNotFound, ""), "")
	}
	out := &internalauthv1.ListMcpServerRecordsResponse{}
	for _, t := range a.tokens {
		if t.server != nil && len(out.Servers) < int(r.GetLimit()) {
			out.Servers = append(out.Servers, t.server)
		}
	}
	return out, nil
}

// UpdateMcpServerRecord implements McpServerRecordService.
func (a *Auth) UpdateMcpServerRecord(
	_ context.Context, r *internalauthv1.UpdateMcpServerRecordRequest,
) (*internalauthv1.UpdateMcpServerRecordResponse, error) {
	a.mu.Lock()
	_, t, err := a.find(r.GetServer().GetIntegratedAccountId(), r.GetServer().GetId())
	if err != nil {
		a.mu.Unlock()
		return nil, err
	}
	t.server = proto.CloneOf(r.GetServer())
	t.server.UpdatedAt = timestamppb.Now()
	t.grant = grantOf(t.server)
	a.mu.Unlock()
	a.tell(t.grant.TokenID)
	return &internalauthv1.UpdateMcpServerRecordResponse{Server: t.server}, nil
}

// RotateMcpServerRecord implements McpServerRecordService.
func (a *Auth) RotateMcpServerRecord(
	_ context.Context, r *internalauthv1.RotateMcpServerRecordRequest,
) (*internalauthv1.RotateMcpServerRecordResponse, error) {
	a.mu.Lock()
	old, t, err := a.find(r.GetIntegratedAccountId(), r.GetId())
	if err != nil {
		a.mu.Unlock()
		return nil, err
	}
	key := secret()
	a.tokens[key] = &token{grant: t.grant, server: t.server}
	if r.PreviousExpiresAt != nil {
		t.ends = r.PreviousExpiresAt.AsTime()
	} else {
		delete(a.tokens, old)
	}
	a.mu.Unlock()
	a.tell(t.grant.TokenID)
	return &internalauthv1.RotateMcpServerRecordResponse{Server: t.server, Token: key}, nil
}

// DeleteMcpServerRecord implements McpServerRecordService.
func (a *Auth) DeleteMcpServerRecord(
	_ context.Context, r *internalauthv1.DeleteMcpServerRecordRequest,
) (*internalauthv1.DeleteMcpServerRecordResponse, error) {
	a.mu.Lock()
	key, t, err := a.find(r.GetIntegratedAccountId(), r.GetId())
	if err != nil {
		a.mu.Unlock()
		return nil, err
	}
	delete(a.tokens, key)
	a.mu.Unlock()
	a.tell(t.grant.TokenID)
	return &internalauthv1.DeleteMcpServerRecordResponse{}, nil
}

// TouchMcpServerRecords implements McpServerRecordService.
func (a *Auth) TouchMcpServerRecords(
	_ context.Context, r *internalauthv1.TouchMcpServerRecordsRequest,
) (*internalauthv1.TouchMcpServerRecordsResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, u := range r.GetUses() {
		a.touches[u.GetId()] = u.GetClient()
	}
	return &internalauthv1.TouchMcpServerRecordsResponse{}, nil
}

// RelayMcpAnswer implements McpAnswerService.
func (a *Auth) RelayMcpAnswer(_ context.Context, r *internalauthv1.RelayMcpAnswerRequest) (*internalauthv1.RelayMcpAnswerResponse, error) {
	a.publish(&internalauthv1.WatchRevocationsResponse{McpAnswers: []string{r.GetAnswer()}})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.relayed++
	return &internalauthv1.RelayMcpAnswerResponse{}, nil
}
