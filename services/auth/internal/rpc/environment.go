package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// Environments serves sando.auth.v1.EnvironmentService.
type Environments struct {
	Store store.Store
	Hub   *watch.Hub
	Now   func() time.Time
}

// ListEnvironments answers the one environment of the token.
func (h Environments) ListEnvironments(ctx context.Context, r *authv1.ListEnvironmentsRequest) (*authv1.ListEnvironmentsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if r.GetNextCursor() != "" {
		return nil, rpcerr.New(access.CodeCursorInvalid, "")
	}
	e, err := h.find(ctx, h.Store, caller, caller.Grant.EnvironmentID)
	if err != nil {
		return nil, err
	}
	return &authv1.ListEnvironmentsResponse{Result: []*authv1.Environment{environment(e)}, Limit: limitOf(r)}, nil
}

// GetEnvironment answers the token's environment; any other is not found.
func (h Environments) GetEnvironment(ctx context.Context, r *authv1.GetEnvironmentRequest) (*authv1.GetEnvironmentResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	e, err := h.find(ctx, h.Store, caller, r.GetId())
	if err != nil {
		return nil, err
	}
	return &authv1.GetEnvironmentResponse{Environment: environment(e)}, nil
}

// UpdateEnvironment changes the fields that are set. A token that is narrowed to accounts may not.
func (h Environments) UpdateEnvironment(ctx context.Context, r *authv1.UpdateEnvironmentRequest) (*authv1.UpdateEnvironmentResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	if caller.Grant.Accounts != nil {
		return nil, rpcerr.New(rpcerr.PermissionDenied, "a token that is narrowed to accounts cannot change the environment")
	}
	var e store.Environment
	err = h.Store.Update(ctx, func(w store.Writer) error {
		if e, err = h.find(ctx, w, caller, r.GetId()); err != nil {
			return err
		}
		before := e.MCPOrigins
		if err := apply(&e, r); err != nil {
			return err
		}
		e.UpdatedAt = h.Now().UTC().Truncate(time.Microsecond)
		if err := w.UpdateEnvironment(ctx, e); err != nil {
			return err
		}
		if !slices.Equal(before, e.MCPOrigins) {
			if err := h.forgetServers(ctx, w, e.ID); err != nil {
				return err
			}
		}
		return audit.Record(ctx, w, h.Now(), audit.Act(ctx, "admin", "environment.update"))
	})
	if err != nil {
		return nil, err
	}
	// The change is durable. If the events cannot be read now, the hub's own round hands them on.
	_ = h.Hub.Sync(context.WithoutCancel(ctx))
	return &authv1.UpdateEnvironmentResponse{Environment: environment(e)}, nil
}

// forgetServers makes replicas ask again about every MCP server: what they know holds the origins that may call it.
func (h Environments) forgetServers(ctx context.Context, w store.Writer, environmentID string) error {
	ids, err := bearer.ServerIDs(ctx, w, environmentID, func(store.Token) bool { return true })
	if err != nil || len(ids) == 0 {
		return err
	}
	return w.Publish(ctx, store.Event{TokenIDs: ids, At: h.Now().UTC()})
}

func (h Environments) find(ctx context.Context, r store.Reader, caller *access.Caller, id string) (store.Environment, error) {
	if id != caller.Grant.EnvironmentID {
		return store.Environment{}, rpcerr.New(rpcerr.NotFound, "no environment with this id")
	}
	e, err := r.Environment(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return e, rpcerr.New(rpcerr.NotFound, "no environment with this id")
	}
	return e, err
}

func apply(e *store.Environment, r *authv1.UpdateEnvironmentRequest) error {
	if r.Name != nil {
		e.Name = r.GetName()
	}
	lists := []struct {
		field string
		given *structpb.ListValue
		check func(string) error
		to    *[]string
	}{
		{"allowed_frame_origins", r.GetAllowedFrameOrigins(), checkOrigin, &e.FrameOrigins},
		{"allowed_redirect_uris", r.GetAllowedRedirectUris(), checkRedirect, &e.RedirectURIs},
		{"allowed_mcp_origins", r.GetAllowedMcpOrigins(), checkOrigin, &e.MCPOrigins},
	}
	for _, l := range lists {
		if l.given == nil {
			continue
		}
		list, err := stringsOf(l.given, l.check)
		if err != nil {
			return rpcerr.Invalid(l.field, err.Error())
		}
		*l.to = list
	}
	if d := r.GetLogRetention(); d != nil {
		if err := d.CheckValid(); err != nil || d.AsDuration() < 0 || d.AsDuration() > 0 && d.AsDuration() < time.Hour {
			return rpcerr.Invalid("log_retention", "must be an hour at least, or zero to keep for ever")
		}
		e.LogRetention = d.AsDuration()
	}
	return nil
}

// maxList bounds each list of an environment.
const maxList = 100

// stringsOf reads a list of strings, each of which check takes; an empty list is not nil.
func stringsOf(given *structpb.ListValue, check func(string) error) ([]string, error) {
	if n := len(given.GetValues()); n > maxList {
		return nil, fmt.Errorf("must hold at most %d entries, not %d", maxList, n)
	}
	list := []string{}
	for _, v := range given.GetValues() {
		if _, ok := v.GetKind().(*structpb.Value_StringValue); !ok {
			return nil, errors.New("must be an array of strings")
		}
		if err := check(v.GetStringValue()); err != nil {
			return nil, err
		}
		list = append(list, v.GetStringValue())
	}
	return list, nil
}

// checkOrigin takes what a browser sends as Origin: scheme, host and port, nothing else. It ends up in a header, so it is strict.
func checkOrigin(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Scheme+"://"+u.Host != s || !secureScheme(u) || strings.ContainsAny(s, " ;,'\"*\r\n\t") {
		return errors.New("must be origins such as https://app.example.com: https, or http on localhost, without a path")
	}
	return nil
}

func checkRedirect(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Fragment != "" || u.User != nil || !secureScheme(u) {
		return errors.New("must be absolute URIs such as https://app.example.com/linked: https, or http on localhost, without a fragment")
	}
	return nil
}

func secureScheme(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return u.Hostname() != ""
	case "http":
		return u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	default:
		return false
	}
}

func environment(e store.Environment) *authv1.Environment {
	m := &authv1.Environment{
		Id: e.ID, Name: e.Name, AllowedFrameOrigins: e.FrameOrigins, AllowedRedirectUris: e.RedirectURIs, AllowedMcpOrigins: e.MCPOrigins,
		CreatedAt: timestamppb.New(e.CreatedAt), UpdatedAt: timestamppb.New(e.UpdatedAt),
	}
	if e.LogRetention != 0 {
		m.LogRetention = durationpb.New(e.LogRetention)
	}
	return m
}
