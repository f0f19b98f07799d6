// Package client is what the recipes share: the connection, the account, and walking pages.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
)

// A Client calls sando for one account.
type Client struct {
	// Conn is for typed clients of any service.
	Conn *connect.Client
	// Account is the integrated account that the recipe works on.
	Account string

	proxy proxyv1connect.ProxyServiceClient
}

// FromEnv connects by SANDO_URL, SANDO_TOKEN and SANDO_ACCOUNT.
func FromEnv() (*Client, error) {
	url, token, account := os.Getenv("SANDO_URL"), os.Getenv("SANDO_TOKEN"), os.Getenv("SANDO_ACCOUNT")
	if url == "" || token == "" || account == "" {
		return nil, errors.New("set SANDO_URL, SANDO_TOKEN and SANDO_ACCOUNT; `make run` prints them")
	}
	conn := connect.NewClient(connecthttp.NewTransport(http.DefaultClient, url), bearer(token))
	return &Client{Conn: conn, Account: account, proxy: proxyv1connect.NewProxyServiceClient(conn)}, nil
}

func bearer(token string) connect.ClientInterceptor {
	return func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if info, ok := connect.CallInfoForClientContext(ctx); ok {
				info.RequestHeader().Set("Authorization", "Bearer "+token)
			}
			return next(ctx, spec)
		}
	}
}

// Each calls f with every row of a resource, page by page, decoded into T. The query is URL-encoded, e.g. `fields=id,name`. It stops when f answers
// false or fails.
func Each[T any](ctx context.Context, c *Client, resource, query string, f func(T) (more bool, err error)) error {
	request := &proxyv1.ListRequest{Resource: resource, IntegratedAccountId: &c.Account, Query: &query}
	for {
		page, err := c.proxy.List(ctx, request)
		if err != nil {
			return fmt.Errorf("list %s: %w", resource, err)
		}
		var rows []T
		if err := json.Unmarshal(page.Result.Json, &rows); err != nil {
			return fmt.Errorf("list %s: %w", resource, err)
		}
		for _, row := range rows {
			if more, err := f(row); err != nil || !more {
				return err
			}
		}
		if page.NextCursor == nil {
			return nil
		}
		request.NextCursor = page.NextCursor
	}
}

// Update changes fields of one record.
func (c *Client) Update(ctx context.Context, resource, id string, change any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = c.proxy.Update(ctx, &proxyv1.UpdateRequest{
		Resource: resource, Id: id, IntegratedAccountId: &c.Account, Body: &rpcv1.RawJson{Json: body},
	})
	if err != nil {
		return fmt.Errorf("update %s %s: %w", resource, id, err)
	}
	return nil
}
