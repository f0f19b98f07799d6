// Package servers is McpServerService and ToolService: it makes and manages MCP servers, whose records auth keeps, and gives their tools as JSON.
package servers

import (
	"context"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	mcpv1 "github.com/sando-dev/sando/gen/sando/mcp/v1"
	"github.com/sando-dev/sando/gen/sando/mcp/v1/mcpv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/scope"
	"github.com/sando-dev/sando/services/mcp/internal/tool"
)

const (
	// minLife is the shortest life of a server with an end.
	minLife = time.Minute
	// defaultLimit is the page size of a list.
	defaultLimit = 50
	// defaultName names a server that was made without one.
	defaultName = "MCP server"
	// maxName is the most characters of a name.
	maxName = 200
)

// Options are what a [Service] needs.
type Options struct {
	// Auth is auth's internal mount; the client must pass the caller's grant on, see [access.BearerOut].
	Auth *connect.Client
	// Tools are all tools there are.
	Tools []*tool.Tool
	// PublicBaseURL is where clients reach the service, e.g. `https://sando.example.com`; empty takes it from the request.
	PublicBaseURL string
	// Now is the clock.
	Now func() time.Time
}

// A Service manages MCP servers.
type Service struct {
	records internalauthv1connect.McpServerRecordServiceClient
	tools   []*tool.Tool
	baseURL string
	now     func() time.Time
}

var (
	_ mcpv1connect.McpServerServiceHandler = (*Service)(nil)
	_ mcpv1connect.ToolServiceHandler      = (*Service)(nil)
)

// New makes a service.
func New(o Options) *Service {
	return &Service{
		records: internalauthv1connect.NewMcpServerRecordServiceClient(o.Auth),
		tools:   o.Tools,
		baseURL: o.PublicBaseURL,
		now:     o.Now,
	}
}

// Rules say who may call the procedures.
func Rules() map[string]access.Rule {
	read := access.Rule{Service: "mcp", Kinds: []string{access.KindAPI}}
	write := read
	write.Write = true
	return map[string]access.Rule{
		mcpv1connect.McpServerServiceListMcpServersProcedure:  read,
		mcpv1connect.McpServerServiceGetMcpServerProcedure:    read,
		mcpv1connect.McpServerServiceCreateMcpServerProcedure: write,
		mcpv1connect.McpServerServiceUpdateMcpServerProcedure: write,
		mcpv1connect.McpServerServiceRotateMcpServerProcedure: write,
		mcpv1connect.McpServerServiceDeleteMcpServerProcedure: write,
		mcpv1connect.ToolServiceListToolsProcedure:            read,
	}
}

// ListMcpServers implements mcpv1connect.McpServerServiceHandler.
func (s *Service) ListMcpServers(ctx context.Context, req *mcpv1.ListMcpServersRequest) (*mcpv1.ListMcpServersResponse, error) {
	if err := mayAccount(ctx, req.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	limit := int32(defaultLimit)
	if req.Limit != nil {
		limit = req.GetLimit()
	}
	page, err := s.records.ListMcpServerRecords(ctx, &internalauthv1.ListMcpServerRecordsRequest{
		IntegratedAccountId: req.GetIntegratedAccountId(), Limit: limit, NextCursor: req.NextCursor,
	})
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	out := &mcpv1.ListMcpServersResponse{NextCursor: page.NextCursor, Limit: limit}
	for _, record := range page.GetServers() {
		server, err := shown(record)
		if err != nil {
			return nil, err
		}
		out.Result = append(out.Result, server)
	}
	return out, nil
}

// CreateMcpServer implements mcpv1connect.McpServerServiceHandler.
func (s *Service) CreateMcpServer(ctx context.Context, req *mcpv1.CreateMcpServerRequest) (*mcpv1.CreateMcpServerResponse, error) {
	if err := mayAccount(ctx, req.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	record := &internalauthv1.McpServer{IntegratedAccountId: req.GetIntegratedAccountId(), Name: defaultName, ExpiresAt: req.GetExpiresAt()}
	if req.GetName() != "" {
		record.Name = req.GetName()
	}
	if err := s.checkExpiry(record.ExpiresAt); err != nil {
		return nil, err
	}
	if err := s.configure(record, req.GetConfig().GetJson()); err != nil {
		return nil, err
	}
	made, err := s.records.CreateMcpServerRecord(ctx, &internalauthv1.CreateMcpServerRecordRequest{Server: record})
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	server, err := s.withToken(ctx, made.GetServer(), made.GetToken())
	return &mcpv1.CreateMcpServerResponse{McpServer: server}, err
}

// GetMcpServer implements mcpv1connect.McpServerServiceHandler.
func (s *Service) GetMcpServer(ctx context.Context, req *mcpv1.GetMcpServerRequest) (*mcpv1.GetMcpServerResponse, error) {
	record, err := s.record(ctx, req.GetIntegratedAccountId(), req.GetId())
	if err != nil {
		return nil, err
	}
	server, err := shown(record)
	return &mcpv1.GetMcpServerResponse{McpServer: server}, err
}

// UpdateMcpServer implements mcpv1connect.McpServerServiceHandler.
func (s *Service) UpdateMcpServer(ctx context.Context, req *mcpv1.UpdateMcpServerRequest) (*mcpv1.UpdateMcpServerResponse, error) {
	change, err := readChange(req.GetChange().GetJson())
	if err != nil {
		return nil, err
	}
	record, err := s.record(ctx, req.GetIntegratedAccountId(), req.GetId())
	if err != nil {
		return nil, err
	}
	before := proto.CloneOf(record)
	if err := s.apply(record, change); err != nil {
		return nil, err
	}
	if proto.Equal(before, record) {
		server, err := shown(record)
		return &mcpv1.UpdateMcpServerResponse{McpServer: server}, err
	}
	changed, err := s.records.UpdateMcpServerRecord(ctx, &internalauthv1.UpdateMcpServerRecordRequest{Server: record})
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	server, err := shown(changed.GetServer())
	return &mcpv1.UpdateMcpServerResponse{McpServer: server}, err
}

// RotateMcpServer implements mcpv1connect.McpServerServiceHandler.
func (s *Service) RotateMcpServer(ctx context.Context, req *mcpv1.RotateMcpServerRequest) (*mcpv1.RotateMcpServerResponse, error) {
	if err := mayAccount(ctx, req.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	ask := &internalauthv1.RotateMcpServerRecordRequest{IntegratedAccountId: req.GetIntegratedAccountId(), Id: req.GetId()}
	if overlap := req.GetOverlapSeconds(); overlap > 0 {
		ask.PreviousExpiresAt = timestamppb.New(s.now().Add(time.Duration(overlap) * time.Second))
	}
	rotated, err := s.records.RotateMcpServerRecord(ctx, ask)
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	server, err := s.withToken(ctx, rotated.GetServer(), rotated.GetToken())
	return &mcpv1.RotateMcpServerResponse{McpServer: server}, err
}

// DeleteMcpServer implements mcpv1connect.McpServerServiceHandler.
func (s *Service) DeleteMcpServer(ctx context.Context, req *mcpv1.DeleteMcpServerRequest) (*mcpv1.DeleteMcpServerResponse, error) {
	if err := mayAccount(ctx, req.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	_, err := s.records.DeleteMcpServerRecord(ctx, &internalauthv1.DeleteMcpServerRecordRequest{
		IntegratedAccountId: req.GetIntegratedAccountId(), Id: req.GetId(),
	})
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	return &mcpv1.DeleteMcpServerResponse{Id: req.GetId()}, nil
}

func (s *Service) record(ctx context.Context, account, id string) (*internalauthv1.McpServer, error) {
	if err := mayAccount(ctx, account); err != nil {
		return nil, err
	}
	got, err := s.records.GetMcpServerRecord(ctx, &internalauthv1.GetMcpServerRecordRequest{IntegratedAccountId: account, Id: id})
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	return got.GetServer(), nil
}

// configure checks a configuration and resolves what its grant must allow.
func (s *Service) configure(record *internalauthv1.McpServer, raw []byte) error {
	config, err := scope.Parse(raw)
	if err != nil {
		return err
	}
	selected, err := scope.Select(config, s.tools)
	if err != nil {
		return err
	}
	if record.Config, err = scope.Merge(nil, raw); err != nil {
		return err
	}
	reach := scope.ReachOf(selected)
	record.Operations, record.Read, record.Write = reach.Operations, reach.Read, reach.Write
	record.RequireApiTokenAuth = config.RequireAPITokenAuth
	return nil
}

func (s *Service) checkExpiry(at *timestamppb.Timestamp) error {
	if at == nil {
		return nil
	}
	if !at.IsValid() || at.AsTime().Before(s.now().Add(minLife)) {
		return rpcerr.Invalid("expires_at", "must be at least 60 seconds from now")
	}
	return nil
}

// mayAccount answers for an account out of reach as for one that does not exist.
func mayAccount(ctx context.Context, id string) error {
	if caller, ok := access.FromContext(ctx); !ok || !caller.Grant.MayAccount(id) {
		return rpcerr.New(access.CodeAccountNotFound, "")
	}
	return nil
}

// shown is a record as its owner sees it, and may send it back.
func shown(r *internalauthv1.McpServer) (*mcpv1.McpServer, error) {
	config, err := scope.Merge(r.GetConfig(), nil)
	if err != nil {
		return nil, err
	}
	return &mcpv1.McpServer{
		Id:                  r.GetId(),
		IntegratedAccountId: r.GetIntegratedAccountId(),
		Name:                r.GetName(),
		Config:              &rpcv1.RawJson{Json: config},
		ExpiresAt:           r.GetExpiresAt(),
		LastUsedAt:          r.GetLastUsedAt(),
		LastClient:          r.LastClient,
		CreatedAt:           r.GetCreatedAt(),
		UpdatedAt:           r.GetUpdatedAt(),
	}, nil
}
