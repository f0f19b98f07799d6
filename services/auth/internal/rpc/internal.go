package rpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/account"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/grants"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/watch"
)

// Introspection serves sando.internal.auth.v1.IntrospectionService.
type Introspection struct {
	Minter *grants.Minter
	Hub    *watch.Hub
}

// Introspect answers the grant of a token. It catches up with revocations first: whoever asks because another replica told it of one must not
// get what this replica remembers from before.
func (h Introspection) Introspect(ctx context.Context, r *iv1.IntrospectRequest) (*iv1.IntrospectResponse, error) {
	if err := h.Hub.Sync(ctx); err != nil {
		return nil, store.Away(err)
	}
	caller, err := h.Minter.Authenticate(ctx, r.GetToken(), r.GetSecondToken())
	if err != nil {
		return nil, err
	}
	return &iv1.IntrospectResponse{
		Grant: caller.Bearer, ExpiresAt: timestamppb.New(caller.Grant.ExpiresAt), McpServer: caller.MCP,
		SecondTokenRequired: caller.SecondTokenRequired, AllowedMcpOrigins: caller.AllowedMCPOrigins,
	}, nil
}

// ListSigningKeys answers the public keys of grants.
func (h Introspection) ListSigningKeys(context.Context, *iv1.ListSigningKeysRequest) (*iv1.ListSigningKeysResponse, error) {
	return &iv1.ListSigningKeysResponse{Jwks: h.Minter.JWKS()}, nil
}

// Revocations serves sando.internal.auth.v1.RevocationService.
type Revocations struct{ Hub *watch.Hub }

// heartbeatEvery is how often a stream without events shows that it lives.
const heartbeatEvery = 250 * time.Millisecond

// WatchRevocations streams events from now on. While the store cannot be read there is no heartbeat, since something may be revoked that
// cannot be seen.
func (h Revocations) WatchRevocations(ctx context.Context, _ *iv1.WatchRevocationsRequest, stream internalauthv1connect.RevocationServiceWatchRevocationsServerStream) error {
	s := h.Hub.Subscribe()
	defer h.Hub.Unsubscribe(s)
	last := s.From
	// Whoever hears the first message takes it that revocations are followed again, so it waits for the store as every heartbeat does.
	if h.Hub.Healthy() {
		if err := stream.Send(&iv1.WatchRevocationsResponse{Sequence: last}); err != nil {
			return err
		}
	}
	beat := time.NewTicker(heartbeatEvery)
	defer beat.Stop()
	for {
		var m *iv1.WatchRevocationsResponse
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-edge.Draining(ctx):
			return rpcerr.New(rpcerr.Unavailable, "auth is stopping")
		case <-h.Hub.Closed():
			return rpcerr.New(rpcerr.Unavailable, "auth is stopping")
		case <-beat.C:
			if !h.Hub.Healthy() {
				continue
			}
			m = &iv1.WatchRevocationsResponse{Sequence: last}
		case e, ok := <-s.Events:
			if !ok {
				return rpcerr.New(rpcerr.Unavailable, "this watcher fell behind; connect again")
			}
			last = e.Sequence
			m = &iv1.WatchRevocationsResponse{
				Sequence: e.Sequence, TokenIds: e.TokenIDs, IntegratedAccountIds: e.AccountIDs, SigningKeys: e.SigningKeys,
				McpAnswers: e.Answers, OccurredAt: timestamppb.New(e.At),
			}
		}
		if err := stream.Send(m); err != nil {
			return err
		}
	}
}

// Credentials serves sando.internal.auth.v1.CredentialService and AccountService.
type Credentials struct {
	Accounts *account.Service
	Catalog  *catalog.Catalog
}

// LeaseCredential lends the proxy a credential.
func (h Credentials) LeaseCredential(ctx context.Context, r *iv1.LeaseCredentialRequest) (*iv1.LeaseCredentialResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	l, err := h.Accounts.Lease(ctx, caller, r.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	return &iv1.LeaseCredentialResponse{
		IntegratedAccountId: l.Account.ID, EnvironmentId: l.Account.EnvironmentID, Integration: l.Account.Integration,
		OrganizationId: l.Account.OrganizationID, AuthenticationMethod: l.Account.Method, Values: l.Values, Version: l.Version,
		ExpiresAt: timestamp(l.ExpiresAt),
	}, nil
}

// ReportCredential takes down what the provider thought of a credential.
func (h Credentials) ReportCredential(ctx context.Context, r *iv1.ReportCredentialRequest) (*iv1.ReportCredentialResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	report := account.Report{AccountID: r.GetIntegratedAccountId(), Version: r.GetVersion(), Message: r.GetMessage()}
	switch r.GetVerdict() {
	case iv1.CredentialVerdict_CREDENTIAL_VERDICT_UNAUTHORIZED:
		report.Unauthorized = true
	case iv1.CredentialVerdict_CREDENTIAL_VERDICT_FORBIDDEN:
		report.Forbidden = &store.Forbidden{Resource: r.GetResource(), Method: r.GetMethod(), MissingScopes: r.GetMissingScopes()}
	default:
		return nil, rpcerr.Invalid("verdict", "must be unauthorized or forbidden")
	}
	applied, err := h.Accounts.Report(ctx, caller, report)
	if err != nil {
		return nil, err
	}
	return &iv1.ReportCredentialResponse{Applied: applied}, nil
}

// GetAccount answers an account to another service.
func (h Credentials) GetAccount(ctx context.Context, r *iv1.GetAccountRequest) (*iv1.GetAccountResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	a, err := h.Accounts.Find(ctx, caller, r.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	m, err := AccountMessage(h.Catalog, a)
	if err != nil {
		return nil, err
	}
	return &iv1.GetAccountResponse{Account: m}, nil
}

// Audit serves sando.internal.auth.v1.AuditService.
type Audit struct{ Appender *audit.Appender }

// maxAppend is the most entries of one append.
const maxAppend = 1000

// AppendAudit records entries of another service.
func (h Audit) AppendAudit(ctx context.Context, r *iv1.AppendAuditRequest) (*iv1.AppendAuditResponse, error) {
	if len(r.GetEntries()) > maxAppend {
		return nil, rpcerr.Invalid("entries", "are too many for one append")
	}
	ids, err := h.Appender.Append(ctx, r.GetEntries())
	switch {
	case errors.Is(err, audit.ErrEntry):
		return nil, rpcerr.New(rpcerr.ValidationFailed, "an entry cannot be recorded").WithCause(err)
	case errors.Is(err, store.ErrNotFound):
		return nil, rpcerr.New(rpcerr.ValidationFailed, "an entry names an unknown environment").WithCause(err)
	case err != nil:
		return nil, rpcerr.New(access.CodeAuditUnavailable, "").WithCause(err)
	}
	return &iv1.AppendAuditResponse{Ids: ids}, nil
}
