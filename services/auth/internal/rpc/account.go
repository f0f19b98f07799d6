package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/account"
	"github.com/sando-dev/sando/services/auth/internal/bearer"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Accounts serves sando.auth.v1.IntegratedAccountService.
type Accounts struct {
	Store    store.Reader
	Accounts *account.Service
	Bearers  *bearer.Service
	Catalog  *catalog.Catalog
	Cursors  *sealed.Ring
}

// ListIntegratedAccounts lists the accounts within the caller's reach, newest first.
func (h Accounts) ListIntegratedAccounts(ctx context.Context, r *authv1.ListIntegratedAccountsRequest) (*authv1.ListIntegratedAccountsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	p := pager{h.Cursors}
	after, err := p.after(caller, r)
	if err != nil {
		return nil, err
	}
	rows, err := h.Store.Accounts(ctx, store.AccountFilter{
		EnvironmentID: caller.Grant.EnvironmentID, IDs: caller.Grant.Accounts, TenantID: r.GetTenantId(), Status: r.GetStatus(),
		Integration: r.GetIntegration(), CreatedAfter: moment(r.GetCreatedAtGt()), CreatedBefore: moment(r.GetCreatedAtLt()),
	}, store.Page{After: after, Limit: int(limitOf(r)) + 1})
	if err != nil {
		return nil, err
	}
	rows, next, err := cut(p, caller, r, rows, func(a store.Account) string { return a.ID })
	if err != nil {
		return nil, err
	}
	answer := &authv1.ListIntegratedAccountsResponse{NextCursor: next, Limit: limitOf(r)}
	for _, a := range rows {
		m, err := h.message(a)
		if err != nil {
			return nil, err
		}
		answer.Result = append(answer.Result, m)
	}
	return answer, nil
}

// CreateIntegratedAccount links an account with known credentials.
func (h Accounts) CreateIntegratedAccount(ctx context.Context, r *authv1.CreateIntegratedAccountRequest) (*authv1.CreateIntegratedAccountResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if caller.Grant.Accounts != nil {
		return nil, rpcerr.New(rpcerr.PermissionDenied, "a token that is narrowed to accounts cannot link others")
	}
	a, err := h.Accounts.Create(ctx, account.Request{
		EnvironmentID: caller.Grant.EnvironmentID, TenantID: r.GetTenantId(), Integration: r.GetIntegration(), Method: r.GetAuthenticationMethod(),
		Context: r.GetContext().GetJson(), LogType: "admin",
	})
	m, err := h.answer(a, err)
	if err != nil {
		return nil, err
	}
	return &authv1.CreateIntegratedAccountResponse{IntegratedAccount: m}, nil
}

// GetIntegratedAccount answers one account.
func (h Accounts) GetIntegratedAccount(ctx context.Context, r *authv1.GetIntegratedAccountRequest) (*authv1.GetIntegratedAccountResponse, error) {
	m, err := h.get(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return &authv1.GetIntegratedAccountResponse{IntegratedAccount: m}, nil
}

// GetMyIntegratedAccount answers the account of an account token.
func (h Accounts) GetMyIntegratedAccount(ctx context.Context, _ *authv1.GetMyIntegratedAccountRequest) (*authv1.GetMyIntegratedAccountResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if len(caller.Grant.Accounts) != 1 {
		return nil, rpcerr.New(rpcerr.PermissionDenied, "this token does not name one account")
	}
	m, err := h.get(ctx, caller.Grant.Accounts[0])
	if err != nil {
		return nil, err
	}
	return &authv1.GetMyIntegratedAccountResponse{IntegratedAccount: m}, nil
}

func (h Accounts) get(ctx context.Context, id string) (*authv1.IntegratedAccount, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return h.answer(h.Accounts.Find(ctx, caller, id))
}

// UpdateIntegratedAccount changes the tenant or the open values.
func (h Accounts) UpdateIntegratedAccount(ctx context.Context, r *authv1.UpdateIntegratedAccountRequest) (*authv1.UpdateIntegratedAccountResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	m, err := h.answer(h.Accounts.Update(ctx, caller, r.GetId(), account.Update{TenantID: r.TenantId, Context: r.GetContext().GetJson()}))
	if err != nil {
		return nil, err
	}
	return &authv1.UpdateIntegratedAccountResponse{IntegratedAccount: m}, nil
}

// DeleteIntegratedAccount unlinks an account.
func (h Accounts) DeleteIntegratedAccount(ctx context.Context, r *authv1.DeleteIntegratedAccountRequest) (*authv1.DeleteIntegratedAccountResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := h.Accounts.Delete(ctx, caller, r.GetId()); err != nil {
		return nil, err
	}
	return &authv1.DeleteIntegratedAccountResponse{Id: r.GetId()}, nil
}

// ReplaceCredentials tries a new credential and puts it in place of the old one.
func (h Accounts) ReplaceCredentials(ctx context.Context, r *authv1.ReplaceCredentialsRequest) (*authv1.ReplaceCredentialsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	m, err := h.answer(h.Accounts.Replace(ctx, caller, r.GetId(), account.Replacement{Context: r.GetContext().GetJson(), LogType: "admin"}))
	if err != nil {
		return nil, err
	}
	return &authv1.ReplaceCredentialsResponse{IntegratedAccount: m}, nil
}

// ValidateIntegratedAccount tries the stored credential now.
func (h Accounts) ValidateIntegratedAccount(ctx context.Context, r *authv1.ValidateIntegratedAccountRequest) (*authv1.ValidateIntegratedAccountResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	m, err := h.answer(h.Accounts.Validate(ctx, caller, r.GetId()))
	if err != nil {
		return nil, err
	}
	return &authv1.ValidateIntegratedAccountResponse{IntegratedAccount: m}, nil
}

// RefreshCredentials renews the access token of an account of an OAuth kind now.
func (h Accounts) RefreshCredentials(ctx context.Context, r *authv1.RefreshCredentialsRequest) (*authv1.RefreshCredentialsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	m, err := h.answer(h.Accounts.Refresh(ctx, caller, r.GetId()))
	if err != nil {
		return nil, err
	}
	return &authv1.RefreshCredentialsResponse{IntegratedAccount: m}, nil
}

// CreateAccountToken makes a 15-minute token for one account.
func (h Accounts) CreateAccountToken(ctx context.Context, r *authv1.CreateAccountTokenRequest) (*authv1.CreateAccountTokenResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	if _, err := h.Accounts.Find(ctx, caller, r.GetIntegratedAccountId()); err != nil {
		return nil, err
	}
	t, secret, err := h.Bearers.CreateForAccount(ctx, caller, r.GetIntegratedAccountId())
	if err != nil {
		return nil, err
	}
	return &authv1.CreateAccountTokenResponse{IntegratedAccountToken: secret, ExpiresAt: timestamppb.New(t.ExpiresAt)}, nil
}

func (h Accounts) answer(a store.Account, err error) (*authv1.IntegratedAccount, error) {
	if err != nil {
		return nil, err
	}
	return h.message(a)
}

func (h Accounts) message(a store.Account) (*authv1.IntegratedAccount, error) {
	return AccountMessage(h.Catalog, a)
}

// AccountMessage is an account as callers see it: without its credential.
func AccountMessage(c *catalog.Catalog, a store.Account) (*authv1.IntegratedAccount, error) {
	open, err := account.Context(a)
	if err != nil {
		return nil, err
	}
	m := &authv1.IntegratedAccount{
		Id: a.ID, TenantId: a.TenantID, EnvironmentId: a.EnvironmentID, Integration: &authv1.Integration{Name: a.Integration},
		Status: a.Status, AuthenticationMethod: a.Method, Context: &rpcv1.RawJson{Json: open}, LastError: optional(a.LastError),
		CreatedAt: timestamppb.New(a.CreatedAt), UpdatedAt: timestamppb.New(a.UpdatedAt),
	}
	// An account outlives its integration's place in the catalog; then only the name is left.
	if in, ok := c.Integration(a.Integration); ok {
		m.Integration.Label, m.Integration.Category = in.GetLabel(), in.GetCategory()
	}
	if f := a.Forbidden; f != nil {
		m.LastForbiddenError = &authv1.ForbiddenError{
			Resource: f.Resource, Method: f.Method, MissingScopes: f.MissingScopes, OccurredAt: timestamppb.New(f.OccurredAt),
		}
	}
	return m, nil
}

// grantedTo says whether the caller may call an operation at all.
func grantedTo(caller *access.Caller, operation string, write bool) bool {
	return caller.Grant.MayService("proxy") && caller.Grant.MayOperation(operation, write)
}
