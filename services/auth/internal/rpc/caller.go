package rpc

import (
	"context"
	"encoding/json"

	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/audit"
)

// callerOf returns the caller that the chain has let through.
func callerOf(ctx context.Context) (*access.Caller, error) {
	caller, ok := access.FromContext(ctx)
	if !ok {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "")
	}
	return caller, nil
}

// acting is callerOf for a request that is written down: entries made of the context it returns carry the digest of the request. Requests with
// a credential are digested where it has been taken out.
func acting(ctx context.Context, r proto.Message) (context.Context, *access.Caller, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return ctx, nil, err
	}
	arguments, err := access.JSON().Marshal(r)
	if err != nil {
		return ctx, nil, err
	}
	ctx, err = audit.WithArguments(ctx, json.RawMessage(arguments))
	return ctx, caller, err
}
