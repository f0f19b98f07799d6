// Package rpc serves ProxyService and ProbeService over every RPC protocol.
package rpc

import (
	"context"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/services/proxy/internal/relay"
)

// Proxy serves ProxyService.
type Proxy struct {
	Relay *relay.Service
	// MaxMessage is the most bytes of data that one message may carry.
	MaxMessage int
}

var _ proxyv1connect.ProxyServiceHandler = Proxy{}

// List returns one page of a resource.
func (p Proxy) List(ctx context.Context, r *proxyv1.ListRequest) (*proxyv1.ListResponse, error) {
	data := p.message(ctx)
	result, err := p.Relay.Read(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: "list",
		Query: r.GetQuery(), Limit: r.Limit, Cursor: r.GetNextCursor(),
	}, data)
	if err != nil {
		return nil, err
	}
	return listResponse(data.bytes, result), nil
}

func listResponse(data []byte, result relay.Result) *proxyv1.ListResponse {
	res := &proxyv1.ListResponse{Result: &rpcv1.RawJson{Json: data}}
	if !result.List {
		res.ResultCount = 1
		return res
	}
	res.ResultCount, res.Limit = int32(result.Count), int32(result.Limit)
	if result.NextCursor != "" {
		res.NextCursor = &result.NextCursor
	}
	res.Total, res.Meta = totalOf(result), metaOf(result)
	if result.Aggregations != "" {
		res.Aggregations = &rpcv1.RawJson{Json: []byte(result.Aggregations)}
	}
	return res
}

func totalOf(result relay.Result) *int32 {
	if result.Total < 0 {
		return nil
	}
	total := int32(result.Total)
	return &total
}

func metaOf(result relay.Result) *proxyv1.ListMeta {
	if !result.Shifted {
		return nil
	}
	return &proxyv1.ListMeta{Shifted: true}
}

// ListAll streams every page of a resource.
func (p Proxy) ListAll(ctx context.Context, r *proxyv1.ListAllRequest, stream proxyv1connect.ProxyServiceListAllServerStream) error {
	data := p.message(ctx)
	sum, err := p.Relay.Stream(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: "list",
		Query: r.GetQuery(), Limit: r.Limit, Cursor: r.GetNextCursor(),
	}, false, data, func(result relay.Result) error {
		page := listResponse(data.bytes, result)
		data.renew()
		return stream.Send(&proxyv1.ListAllResponse{Part: &proxyv1.ListAllResponse_Page{Page: page}})
	})
	if err != nil {
		return err
	}
	return stream.Send(&proxyv1.ListAllResponse{Part: &proxyv1.ListAllResponse_Summary{
		Summary: &proxyv1.ListAllSummary{ResultCount: sum.Rows, Pages: int32(sum.Pages)},
	}})
}

// Get returns one record.
func (p Proxy) Get(ctx context.Context, r *proxyv1.GetRequest) (*proxyv1.GetResponse, error) {
	data := p.message(ctx)
	_, err := p.Relay.Read(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: "get", ID: r.GetId(), Query: r.GetQuery(),
	}, data)
	if err != nil {
		return nil, err
	}
	return &proxyv1.GetResponse{Result: data.raw()}, nil
}

// Create makes a record.
func (p Proxy) Create(ctx context.Context, r *proxyv1.CreateRequest) (*proxyv1.CreateResponse, error) {
	reply, err := p.Relay.Write(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: "create", Query: r.GetQuery(), Body: r.GetBody().GetJson(),
	})
	if err != nil {
		return nil, err
	}
	return &proxyv1.CreateResponse{Result: &rpcv1.RawJson{Json: reply.Data}}, nil
}

// Update changes the fields that the body names.
func (p Proxy) Update(ctx context.Context, r *proxyv1.UpdateRequest) (*proxyv1.UpdateResponse, error) {
	reply, err := p.Relay.Write(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: "update", ID: r.GetId(), Query: r.GetQuery(), Body: r.GetBody().GetJson(),
	})
	if err != nil {
		return nil, err
	}
	return &proxyv1.UpdateResponse{Result: &rpcv1.RawJson{Json: reply.Data}}, nil
}

// Delete removes a record.
func (p Proxy) Delete(ctx context.Context, r *proxyv1.DeleteRequest) (*proxyv1.DeleteResponse, error) {
	reply, err := p.Relay.Write(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: "delete", ID: r.GetId(), Query: r.GetQuery(),
	})
	if err != nil {
		return nil, err
	}
	return &proxyv1.DeleteResponse{Result: &rpcv1.RawJson{Json: reply.Data}}, nil
}

// Invoke calls a custom method of a resource or of one record.
func (p Proxy) Invoke(ctx context.Context, r *proxyv1.InvokeRequest) (*proxyv1.InvokeResponse, error) {
	data := p.message(ctx)
	result, err := p.Relay.Do(ctx, &relay.Aim{
		Account: r.GetIntegratedAccountId(), Resource: r.GetResource(), Method: r.GetMethod(), ID: r.GetId(),
		Query: r.GetQuery(), Body: r.GetBody().GetJson(), Limit: r.Limit, Cursor: r.GetNextCursor(),
	}, data)
	if err != nil {
		return nil, err
	}
	res := &proxyv1.InvokeResponse{Result: data.raw()}
	if !result.List {
		return res, nil
	}
	count, limit := int32(result.Count), int32(result.Limit)
	res.ResultCount, res.Limit, res.Total, res.Meta = &count, &limit, totalOf(result), metaOf(result)
	if result.NextCursor != "" {
		res.NextCursor = &result.NextCursor
	}
	return res, nil
}
