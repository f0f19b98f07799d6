package rpc

import (
	"context"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// Accounts asks auth which accounts there are. Reads of records need no such question, as the proxy asks it; mappings are read and changed
// without the proxy. Nothing is remembered, since few calls are about mappings and a deleted account must be gone at once.
type Accounts struct {
	auth   internalauthv1connect.AccountServiceClient
	errors *rpcerr.Table
}

// NewAccounts makes a client over auth's internal mount. The connect client must pass the caller's grant on.
func NewAccounts(auth *connect.Client, errs *rpcerr.Table) Accounts {
	return Accounts{auth: internalauthv1connect.NewAccountServiceClient(auth), errors: errs}
}

// require answers ACCOUNT_NOT_FOUND for an account that the caller does not reach or that does not exist.
func (a Accounts) require(ctx context.Context, account string) error {
	_, err := a.auth.GetAccount(ctx, &internalauthv1.GetAccountRequest{IntegratedAccountId: account})
	switch {
	case err == nil:
		return nil
	case a.errors.From(err).Code == access.CodeAccountNotFound:
		return rpcerr.New(access.CodeAccountNotFound, "")
	default:
		return rpcerr.New(rpcerr.Unavailable, "").WithCause(err)
	}
}
