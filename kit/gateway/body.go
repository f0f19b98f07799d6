package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// pendingBody holds the body of a REST call back until the call asks for its
// message. Generated code decodes before it calls, and so ahead of the chain: a
// caller without a token would have its body waited for, and what is wrong with
// a body would be in no log.
type pendingBody struct {
	from io.ReadCloser
	// foreign says that the body does not call itself JSON.
	foreign bool
	// into is where the generated code wants the body, the request or a field of
	// it; nil where the route takes none.
	into    any
	decoder runtime.Marshaler
}

// Read is for generated code that throws a body away.
func (*pendingBody) Read([]byte) (int, error) { return 0, io.EOF }

// Close implements io.Closer; net/http closes what is below.
func (*pendingBody) Close() error { return nil }

// read decodes the body into the request, under what path and query say.
func (b *pendingBody) read(args any) error {
	switch {
	case b.into == nil:
		return b.none()
	case b.foreign:
		return b.refuse()
	}
	whole, isMessage := b.into.(proto.Message)
	if !isMessage {
		return b.decode(b.into)
	}
	request, ok := args.(proto.Message)
	if !ok || request != whole {
		return rpcerr.New(rpcerr.Internal, "")
	}
	if proto.Size(request) == 0 {
		return b.decode(request)
	}
	fromPath := proto.Clone(request)
	if err := b.decode(request); err != nil {
		return err
	}
	proto.Merge(request, fromPath)
	return nil
}

func (b *pendingBody) decode(into any) error {
	err := packError(b.decoder.NewDecoder(b.from).Decode(into))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return unpacked(err)
}

// none refuses a body on a route that takes none, but for the empty object that
// some clients always send.
func (b *pendingBody) none() error {
	const enough = 64
	text, err := io.ReadAll(io.LimitReader(b.from, enough))
	if err != nil {
		return unpacked(packError(err))
	}
	if text = bytes.TrimSpace(text); len(text) == 0 || string(text) == "{}" {
		return nil
	}
	return rpcerr.New(rpcerr.ValidationFailed, "This route takes no body.").WithFix("Leave out the body.")
}

// refuse refuses a body that is not JSON, unless there is nothing in it.
func (b *pendingBody) refuse() error {
	switch _, err := io.ReadFull(b.from, make([]byte, 1)); {
	case err == io.EOF:
		return nil
	case err != nil:
		return unpacked(packError(err))
	}
	return rpcerr.New(rpcerr.UnsupportedMediaType, "The body must be JSON.").
		WithFix("Send Content-Type: application/json.")
}

// complete reads what is pending of a call's request and gives the request.
func (c *call) complete() (any, error) {
	if err := c.body.read(c.args); err != nil {
		return nil, err
	}
	return c.args, c.restOfQuery(c.args)
}

// outgoingRequest is what a call sends: the request, or the call for one whose
// body is pending. The rest of a query is read now or with the body, whose
// fields go before it.
func outgoingRequest(ctx context.Context, args any) (any, error) {
	c, ok := ctx.Value(callKey{}).(*call)
	switch {
	case !ok:
		return args, nil
	case c.body.from != nil:
		c.args = args
		return c, nil
	default:
		return args, c.restOfQuery(args)
	}
}
