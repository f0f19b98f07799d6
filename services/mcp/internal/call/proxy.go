package call

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/mcp/internal/argument"
)

const (
	headerIdempotencyKey = "Idempotency-Key"
	// uploadChunk is the size of the pieces of an upload.
	uploadChunk = 256 << 10
)

// Proxy carries out the calls of catalog operations.
type Proxy struct {
	lister
	proxy proxyv1connect.ProxyServiceClient
}

// NewProxy makes a backend over the proxy service. The client must pass the caller's grant on, see [access.BearerOut].
func NewProxy(client *connect.Client, errs *rpcerr.Table) *Proxy {
	return &Proxy{proxy: proxyv1connect.NewProxyServiceClient(client), lister: lister{errs: errs}}
}

// Call implements [Backend].
func (p *Proxy) Call(ctx context.Context, in Input) ([]byte, error) {
	ctx, info := connect.NewClientContext(ctx)
	defer in.answered(info)
	if in.Key != "" {
		info.RequestHeader().Set(headerIdempotencyKey, in.Key)
	}
	op := in.Tool.Operation
	if catalog.Pages(op) {
		return p.list(ctx, in)
	}
	data, err := p.one(ctx, op, in.Arguments)
	if err != nil {
		return nil, err
	}
	data = unicodeOnly(data)
	return fitWhole(in, envelope(data), data)
}

// one makes a call whose answer is a whole.
func (p *Proxy) one(ctx context.Context, op *catalogv1.Operation, v *argument.Values) (json.RawMessage, error) {
	_, resource, method := catalog.SplitID(op.GetId())
	account, query := accountOf(ctx), optional(v.Query())
	body := rawBody(v)
	switch op.GetKind() {
	case catalogv1.Kind_KIND_LIST:
		return result(p.proxy.List(ctx, &proxyv1.ListRequest{Resource: resource, IntegratedAccountId: account, Query: query}))
	case catalogv1.Kind_KIND_GET:
		return result(p.proxy.Get(ctx, &proxyv1.GetRequest{Resource: resource, Id: v.ID(), IntegratedAccountId: account, Query: query}))
	case catalogv1.Kind_KIND_CREATE:
		return result(p.proxy.Create(ctx, &proxyv1.CreateRequest{Resource: resource, IntegratedAccountId: account, Query: query, Body: body}))
	case catalogv1.Kind_KIND_UPDATE:
		return result(p.proxy.Update(ctx, &proxyv1.UpdateRequest{
			Resource: resource, Id: v.ID(), IntegratedAccountId: account, Query: query, Body: body,
		}))
	case catalogv1.Kind_KIND_DELETE:
		return result(p.proxy.Delete(ctx, &proxyv1.DeleteRequest{Resource: resource, Id: v.ID(), IntegratedAccountId: account, Query: query}))
	}
	switch {
	case op.GetRequest().GetBody().GetUpload() != nil:
		return p.upload(ctx, v)
	case op.GetBinary():
		return p.download(ctx, v)
	}
	return result(p.proxy.Invoke(ctx, &proxyv1.InvokeRequest{
		Resource: resource, Method: method, Id: optional(v.ID()), IntegratedAccountId: account, Query: query, Body: body,
	}))
}

// upload sends a file in pieces.
func (p *Proxy) upload(ctx context.Context, v *argument.Values) (json.RawMessage, error) {
	file, err := v.File()
	if err != nil {
		return nil, err
	}
	stream, err := p.proxy.Upload(ctx)
	if err != nil {
		return nil, err
	}
	first := &proxyv1.UploadRequest{Part: &proxyv1.UploadRequest_Description{Description: &proxyv1.UploadDescription{
		IntegratedAccountId: accountOf(ctx), FileName: file.Name, Type: v.Text("type"), ContentType: optional(file.ContentType),
	}}}
	// A stream that the server has ended takes no more: its answer says why.
	if err := stream.Send(first); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for rest := file.Bytes; len(rest) > 0; {
		n := min(len(rest), uploadChunk)
		err := stream.Send(&proxyv1.UploadRequest{Part: &proxyv1.UploadRequest_Chunk{Chunk: rest[:n]}})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
	}
	return result(stream.CloseAndReceive())
}

// maxDownload is the largest file that is returned in a tool's answer, before base64.
const maxDownload = 2 << 20

// download reads a file whole: an agent gets it as base64.
func (p *Proxy) download(ctx context.Context, v *argument.Values) (json.RawMessage, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := p.proxy.Download(ctx, &proxyv1.DownloadRequest{IntegratedAccountId: accountOf(ctx), Id: v.ID(), Query: optional(v.Query())})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var kind, name string
	var bytes []byte
	for {
		piece, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if piece.ContentType != nil {
			kind = piece.GetContentType()
		}
		if piece.FileName != nil {
			name = piece.GetFileName()
		}
		if bytes = append(bytes, piece.GetChunk()...); len(bytes) > maxDownload {
			return nil, rpcerr.New(rpcerr.ResultTooLarge, "the file is too large for a tool's answer").
				WithFix("Download it over REST: GET /proxy/files/{id}/download.")
		}
	}
	return json.Marshal(map[string]any{
		"file_name": name, "content_type": kind, "size": len(bytes), "content_base64": base64.StdEncoding.EncodeToString(bytes),
	})
}

// result takes the data out of an answer.
func result[M interface{ GetResult() *rpcv1.RawJson }](m M, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	if data := m.GetResult().GetJson(); len(data) > 0 {
		return data, nil
	}
	return json.RawMessage("null"), nil
}

// accountOf is the one account that an MCP grant is for.
func accountOf(ctx context.Context) *string {
	if caller, ok := access.FromContext(ctx); ok && len(caller.Grant.Accounts) == 1 {
		return &caller.Grant.Accounts[0]
	}
	return nil
}

func rawBody(v *argument.Values) *rpcv1.RawJson {
	if body := v.Body(); body != nil {
		return &rpcv1.RawJson{Json: body}
	}
	return nil
}
