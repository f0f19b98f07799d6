package rpc

import (
	"context"
	"errors"
	"io"
	"strings"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/relay"
)

// chunk is the most bytes of a file in one message.
const chunk = 64 << 10

// Upload takes one file: its description, then its bytes.
func (p Proxy) Upload(ctx context.Context, stream proxyv1connect.ProxyServiceUploadServerStream) (*proxyv1.UploadResponse, error) {
	first, err := stream.Receive()
	if err != nil {
		return nil, received(err)
	}
	description := first.GetDescription()
	if description == nil {
		return nil, rpcerr.Invalid("description", "must come in the first message")
	}
	aim := &relay.Aim{Account: description.GetIntegratedAccountId(), Resource: "files", Method: "upload"}
	reply, err := p.Relay.Upload(ctx, aim, func() (*relay.Parcel, error) {
		return &relay.Parcel{
			Name: description.GetFileName(), MediaType: description.GetContentType(),
			Fields: map[string]string{"type": description.GetType()},
			File:   &chunks{stream: stream},
		}, nil
	})
	if err != nil {
		return nil, err
	}
	return &proxyv1.UploadResponse{Result: &rpcv1.RawJson{Json: reply.Data}}, nil
}

// chunks reads the bytes of an upload.
type chunks struct {
	stream proxyv1connect.ProxyServiceUploadServerStream
	rest   []byte
}

func (c *chunks) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		next, err := c.stream.Receive()
		if err != nil {
			return 0, received(err)
		}
		if next.GetDescription() != nil {
			return 0, rpcerr.Invalid("description", "comes once, in the first message")
		}
		c.rest = next.GetChunk()
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// received keeps io.EOF what it is: streams wrap it.
func received(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return err
}

// Download streams a file.
func (p Proxy) Download(ctx context.Context, r *proxyv1.DownloadRequest, stream proxyv1connect.ProxyServiceDownloadServerStream) error {
	aim := &relay.Aim{Account: r.GetIntegratedAccountId(), Resource: "files", Method: "download", ID: r.GetId(), Query: r.GetQuery()}
	return p.Relay.Download(ctx, aim, func(f relay.File) (io.Writer, error) {
		head := &proxyv1.DownloadResponse{ContentType: &f.MediaType}
		if f.Name != "" {
			head.FileName = &f.Name
		}
		return pieces{stream}, stream.Send(head)
	})
}

// pieces sends what is written to it.
type pieces struct {
	stream proxyv1connect.ProxyServiceDownloadServerStream
}

func (p pieces) Write(b []byte) (int, error) {
	n := 0
	for len(b) > n {
		next := b[n:min(len(b), n+chunk)]
		if err := p.stream.Send(&proxyv1.DownloadResponse{Chunk: next}); err != nil {
			return n, err
		}
		n += len(next)
	}
	return n, nil
}

// Custom calls any path below the provider's base URL.
func (p Proxy) Custom(ctx context.Context, r *proxyv1.CustomRequest) (*proxyv1.CustomResponse, error) {
	data := p.message(ctx)
	status, err := p.Relay.Custom(ctx, &relay.Raw{
		Account: r.GetIntegratedAccountId(), HTTPMethod: r.GetHttpMethod(), Path: strings.TrimPrefix(r.GetPath(), "/"),
		Query: r.GetQuery(), Body: r.GetBody().GetJson(),
	}, data)
	if err != nil {
		return nil, err
	}
	return &proxyv1.CustomResponse{Result: data.raw(), UpstreamStatus: int32(status)}, nil
}
