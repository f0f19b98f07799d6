// Package gateway carries REST onto an RPC server without leaving the process.
//
// [Conn] is the bridge under grpc-gateway's generated handlers, [NewMux] makes
// their mux with strict parsing and the one error shape, and [Streams] runs
// plain HTTP handlers under the same interceptors, for routes whose bodies must
// not pass through messages.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Conn lets gRPC clients call srv in process. Metadata passes both ways, for
// streams too, and error details arrive as google.rpc.Status. Register every
// method on srv first.
//
// Messages change hands without a deep copy: neither side may change one after
// it was sent.
func Conn(srv *connect.Server) grpc.ClientConnInterface {
	specs := make(map[string]connect.Spec)
	for s := range srv.Specs() {
		specs[s.Procedure] = s
	}
	transport := connectinprocess.New(srv, connectinprocess.WithCopyFunc(handOver))
	return &conn{client: connect.NewClient(transport), specs: specs}
}

type conn struct {
	client *connect.Client
	specs  map[string]connect.Spec
}

// handOver moves the fields of one message to another of the same type; values
// are shared.
func handOver(dst, src any) error {
	if pending, ok := src.(*call); ok {
		var err error
		if src, err = pending.complete(); err != nil {
			return err
		}
	}
	to, ok := dst.(proto.Message)
	if !ok {
		return fmt.Errorf("gateway: %T is not a protobuf message", dst)
	}
	from, ok := src.(proto.Message)
	if !ok {
		return fmt.Errorf("gateway: %T is not a protobuf message", src)
	}
	proto.Reset(to)
	if to.ProtoReflect().Type() != from.ProtoReflect().Type() {
		proto.Merge(to, from)
		return nil
	}
	m := to.ProtoReflect()
	from.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		m.Set(fd, v)
		return true
	})
	m.SetUnknown(from.ProtoReflect().GetUnknown())
	return nil
}

// Invoke runs a unary call.
func (c *conn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	spec, err := c.spec(method)
	if err != nil {
		return err
	}
	request, err := outgoingRequest(ctx, args)
	if err != nil {
		return faultStatus(err)
	}
	pass(ctx)
	ctx, info := outgoing(ctx)
	err = c.client.CallUnary(ctx, spec, request, reply)
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = toMD(info.ResponseHeader())
		case grpc.TrailerCallOption:
			*o.TrailerAddr = toMD(info.ResponseTrailer())
		}
	}
	return toStatus(err)
}

func (c *conn) spec(method string) (connect.Spec, error) {
	spec, ok := c.specs[method]
	if !ok {
		return spec, status.Errorf(codes.Unimplemented, "procedure %s is not registered", method)
	}
	return spec, nil
}

// NewStream opens a streaming call.
func (c *conn) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	spec, err := c.spec(method)
	if err != nil {
		return nil, err
	}
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		if err := c.unusedQuery(); err != nil {
			return nil, faultStatus(err)
		}
	}
	pass(ctx)
	ctx, info := outgoing(ctx)
	s, err := c.client.CallClientStream(ctx, spec)
	if err != nil {
		return nil, toStatus(err)
	}
	return &stream{ctx: ctx, info: info, stream: s}, nil
}

// stream is a connect stream as a gRPC client sees it.
type stream struct {
	ctx    context.Context //nolint:containedctx // grpc.ClientStream hands it out
	info   *connect.CallInfo
	stream connect.ClientStream
}

func (s *stream) Header() (metadata.MD, error) { return toMD(s.info.ResponseHeader()), nil }
func (s *stream) Trailer() metadata.MD         { return toMD(s.info.ResponseTrailer()) }
func (s *stream) Context() context.Context     { return s.ctx }
func (s *stream) CloseSend() error             { return toStatus(s.stream.CloseSend()) }
func (s *stream) RecvMsg(m any) error          { return toStatus(s.stream.Receive(m)) }

// SendMsg reads the body now, where there is one: a stream has no message that
// waits to be asked for.
func (s *stream) SendMsg(m any) error {
	if c, ok := s.ctx.Value(callKey{}).(*call); ok && c.body.from != nil {
		if err := c.body.read(m); err != nil {
			return faultStatus(err)
		}
		c.body = pendingBody{}
	}
	return toStatus(s.stream.Send(m))
}

// faultStatus is an error of a request as the gateway passes it on.
func faultStatus(err error) error {
	if e, ok := errors.AsType[*rpcerr.Error](err); ok {
		return status.Error(codes.InvalidArgument, packed{e}.Error())
	}
	return status.FromContextError(err).Err()
}

// outgoing copies gRPC metadata into the call's headers.
func outgoing(ctx context.Context) (context.Context, *connect.CallInfo) {
	ctx, info := connect.NewClientContext(ctx)
	md, _ := metadata.FromOutgoingContext(ctx)
	for k, values := range md {
		for _, v := range values {
			if strings.HasSuffix(k, "-bin") {
				v = connect.EncodeBinaryHeader([]byte(v))
			}
			info.RequestHeader().Add(k, v)
		}
	}
	return ctx, info
}

func toMD(h *connect.Header) metadata.MD {
	md := make(metadata.MD, h.Len())
	for k, values := range h.All() {
		for _, v := range values {
			if strings.HasSuffix(strings.ToLower(k), "-bin") {
				if b, err := connect.DecodeBinaryHeader(v); err == nil {
					v = string(b)
				}
			}
			md.Append(k, v)
		}
	}
	return md
}

// toStatus turns a connect error into a gRPC status with the same details.
func toStatus(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	ce, ok := errors.AsType[*connect.Error](err)
	if !ok {
		return status.FromContextError(err).Err()
	}
	s := &spb.Status{Code: int32(ce.Code()), Message: ce.Message()}
	for _, d := range ce.Details() {
		s.Details = append(s.Details, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type, Value: d.Value})
	}
	return status.FromProto(s).Err()
}
