package mcptest

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/gen/sando/unified/mapping/v1/mappingv1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
)

// Unified stands in for unified: a thousand users, and mappings that take whatever comes.
type Unified struct {
	userdirectoryv1connect.UserServiceHandler
	mappingv1connect.MappingServiceHandler

	mu   sync.Mutex
	last proto.Message
}

func (u *Unified) register(server *connect.Server) {
	userdirectoryv1connect.RegisterUserServiceHandler(server, u)
	mappingv1connect.RegisterMappingServiceHandler(server, u)
}

// Last is the last request.
func (u *Unified) Last() proto.Message {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.last
}

func (u *Unified) note(m proto.Message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = proto.Clone(m)
}

// ListUsers implements UserService.
func (u *Unified) ListUsers(_ context.Context, r *userdirectoryv1.ListUsersRequest) (*userdirectoryv1.ListUsersResponse, error) {
	u.note(r)
	const users = 1000
	from, _ := strconv.Atoi(r.GetNextCursor())
	to := min(users, from+int(r.GetLimit()))
	out := &userdirectoryv1.ListUsersResponse{ResultCount: int32(to - from), Limit: r.GetLimit()}
	for n := from; n < to; n++ {
		one := &userdirectoryv1.User{Id: strconv.Itoa(n + 1), Bio: new(strings.Repeat("x", 500))}
		if r.GetRemoteData() {
			one.RemoteData = raw(`{"id":` + Big + `}`)
		}
		out.Result = append(out.Result, one)
	}
	if to < users {
		out.NextCursor = new(strconv.Itoa(to))
	}
	return out, nil
}

// GetUser implements UserService.
func (u *Unified) GetUser(_ context.Context, r *userdirectoryv1.GetUserRequest) (*userdirectoryv1.GetUserResponse, error) {
	u.note(r)
	return &userdirectoryv1.GetUserResponse{Result: &userdirectoryv1.User{Id: r.GetId()}}, nil
}

// UpdateUser implements UserService.
func (u *Unified) UpdateUser(_ context.Context, r *userdirectoryv1.UpdateUserRequest) (*userdirectoryv1.UpdateUserResponse, error) {
	u.note(r)
	return &userdirectoryv1.UpdateUserResponse{Result: &userdirectoryv1.User{Id: r.GetId(), Status: r.Status}}, nil
}

// GetMapping implements MappingService.
func (u *Unified) GetMapping(_ context.Context, r *mappingv1.GetMappingRequest) (*mappingv1.GetMappingResponse, error) {
	u.note(r)
	return &mappingv1.GetMappingResponse{Model: r.GetModel(), Resource: r.GetResource(), AccountVersion: 3}, nil
}

// DryRun implements MappingService.
func (u *Unified) DryRun(_ context.Context, r *mappingv1.DryRunRequest) (*mappingv1.DryRunResponse, error) {
	u.note(r)
	return &mappingv1.DryRunResponse{Samples: r.GetSamples()}, nil
}

// PutOverride implements MappingService.
func (u *Unified) PutOverride(_ context.Context, r *mappingv1.PutOverrideRequest) (*mappingv1.PutOverrideResponse, error) {
	u.note(r)
	return &mappingv1.PutOverrideResponse{Version: &mappingv1.Version{Layer: r.GetLayer(), Number: 4, Override: r.GetOverride()}}, nil
}

// Explain implements MappingService.
func (u *Unified) Explain(_ context.Context, r *mappingv1.ExplainRequest) (*mappingv1.ExplainResponse, error) {
	u.note(r)
	return &mappingv1.ExplainResponse{}, nil
}

// Rollback implements MappingService.
func (u *Unified) Rollback(_ context.Context, r *mappingv1.RollbackRequest) (*mappingv1.RollbackResponse, error) {
	u.note(r)
	return &mappingv1.RollbackResponse{Version: &mappingv1.Version{Layer: r.GetLayer(), Number: r.GetNumber() + 5}}, nil
}

// GetMeta implements MappingService.
func (u *Unified) GetMeta(_ context.Context, r *mappingv1.GetMetaRequest) (*mappingv1.GetMetaResponse, error) {
	u.note(r)
	return &mappingv1.GetMetaResponse{Schema: raw(`{"type":"object"}`), Methods: []string{"list"}}, nil
}
