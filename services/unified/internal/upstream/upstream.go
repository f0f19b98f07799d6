// Package upstream calls operations of the catalog through the proxy, on behalf of the caller and with raw JSON in and out.
package upstream

import (
	"context"
	"net/url"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// Client calls the proxy.
type Client struct {
	proxy proxyv1connect.ProxyServiceClient
}

// New makes a client over the proxy's public services. The connect client must pass the caller's grant on.
func New(proxy *connect.Client) *Client {
	return &Client{proxy: proxyv1connect.NewProxyServiceClient(proxy)}
}

// Call names what is called: an operation, for an account, with its path parameters and query.
type Call struct {
	Operation *catalogv1.Operation
	Account   string
	// Parameters are the operation's path and query parameters by their names in the catalog.
	Parameters map[string]string
	// Query is further query for the provider.
	Query url.Values
}

// Page is one page of rows.
type Page struct {
	// Rows is a JSON array; a single object for an operation that answers one.
	Rows []byte
	// Next continues the list; empty at its end.
	Next string
	// Total counts all rows that match, where the provider says so.
	Total *int32
	// Shifted says that rows came or went since the page before.
	Shifted bool
}

// List reads one page.
func (c *Client) List(ctx context.Context, call Call, limit int, cursor string) (Page, error) {
	_, resource, _ := catalog.SplitID(call.Operation.GetId())
	query, _ := call.query()
	request := &proxyv1.ListRequest{Resource: resource, IntegratedAccountId: &call.Account, Query: &query}
	if cursor != "" {
		request.NextCursor = &cursor
	}
	if limit > 0 && call.Operation.GetResponse().GetShape() == catalog.ShapeArray {
		n := int32(limit)
		request.Limit = &n
	}
	ctx, finish := forward(ctx)
	answer, err := c.proxy.List(ctx, request)
	finish()
	if err != nil {
		return Page{}, rpcerr.Relay(err)
	}
	return Page{
		Rows: records.ValidText(answer.GetResult().GetJson()), Next: answer.GetNextCursor(), Total: answer.Total,
		Shifted: answer.GetMeta().GetShifted(),
	}, nil
}

// Get reads one record.
func (c *Client) Get(ctx context.Context, call Call) ([]byte, error) {
	_, resource, _ := catalog.SplitID(call.Operation.GetId())
	query, id := call.query()
	ctx, finish := forward(ctx)
	answer, err := c.proxy.Get(ctx, &proxyv1.GetRequest{Resource: resource, Id: id, IntegratedAccountId: &call.Account, Query: &query})
	finish()
	if err != nil {
		return nil, rpcerr.Relay(err)
	}
	return records.ValidText(answer.GetResult().GetJson()), nil
}

// Update changes one record. What the provider answers to that is not looked at: it may be less than the record, or from before. Replayed says
// that nothing was sent now, because the change was made before under the same Idempotency-Key.
func (c *Client) Update(ctx context.Context, call Call, body []byte) (replayed bool, err error) {
	_, resource, _ := catalog.SplitID(call.Operation.GetId())
	query, id := call.query()
	ctx, finish := forward(ctx)
	_, err = c.proxy.Update(ctx, &proxyv1.UpdateRequest{
		Resource: resource, Id: id, IntegratedAccountId: &call.Account, Query: &query, Body: &rpcv1.RawJson{Json: body},
	})
	finish()
	if err != nil {
		return false, rpcerr.Relay(err)
	}
	info, ok := connect.CallInfoForClientContext(ctx)
	return ok && info.ResponseHeader().Get(headerReplayed) != "", nil
}

// query joins query and parameters, except the record's own id, which the proxy takes by itself.
func (c Call) query() (query, id string) {
	values := make(url.Values, len(c.Query)+len(c.Parameters))
	for name, v := range c.Query {
		values[name] = v
	}
	for name, v := range c.Parameters {
		if name == "id" && c.Operation.GetKind() != catalogv1.Kind_KIND_LIST {
			id = v
			continue
		}
		values.Set(name, v)
	}
	return values.Encode(), id
}
