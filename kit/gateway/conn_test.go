package gateway_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// echo answers every kind of call with what it got.
func echo(t *testing.T) pb.TestServiceClient {
	errs := kittest.Errors(t)
	meta := func(ctx context.Context) string {
		info, _ := connect.CallInfoForServerContext(ctx)
		info.ResponseHeader().Set("X-Header", "h")
		info.ResponseHeader().Set("X-Raw-Bin", connect.EncodeBinaryHeader([]byte{0, 255}))
		info.ResponseTrailer().Set("X-Trailer", "t")
		raw, _ := connect.DecodeBinaryHeader(info.RequestHeader().Get("Asked-Bin"))
		return info.RequestHeader().Get("Asked") + string(raw)
	}
	srv := connect.NewServer()
	srv.Register(
		connect.Method{Spec: connect.Spec{Procedure: pb.TestService_UnaryCall_FullMethodName}, Handler: func(ctx context.Context, _ connect.Spec, s connect.ServerStream) error {
			var req pb.SimpleRequest
			if err := s.Receive(&req); err != nil {
				return err
			}
			asked := meta(ctx)
			if req.GetFillUsername() {
				return errs.Connect(rpcerr.New(rpcerr.Conflict, "no").WithDetail("a", 1), "r")
			}
			return s.Send(&pb.SimpleResponse{Payload: req.GetPayload(), Username: asked})
		}},
		connect.Method{Spec: connect.Spec{Procedure: pb.TestService_FullDuplexCall_FullMethodName, StreamType: connect.StreamTypeBidi}, Handler: func(ctx context.Context, _ connect.Spec, s connect.ServerStream) error {
			asked := meta(ctx)
			for {
				var req pb.StreamingOutputCallRequest
				if err := s.Receive(&req); errors.Is(err, io.EOF) {
					return errs.Connect(rpcerr.New(rpcerr.Conflict, "end"), "r")
				} else if err != nil {
					return err
				}
				if err := s.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: append(req.GetPayload().GetBody(), asked...)}}); err != nil {
					return err
				}
			}
		}},
	)
	return pb.NewTestServiceClient(gateway.Conn(srv))
}

func TestConnUnary(t *testing.T) {
	client := echo(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "asked", "a", "asked-bin", "\x01\xff")
	var header, trailer metadata.MD
	res, err := client.UnaryCall(ctx, &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte("body")}}, grpc.Header(&header), grpc.Trailer(&trailer))
	if err != nil {
		t.Fatal(err)
	}
	if string(res.GetPayload().GetBody()) != "body" || res.GetUsername() != "a\x01\xff" {
		t.Errorf("answer %v", res)
	}
	if header.Get("x-header")[0] != "h" || header.Get("x-raw-bin")[0] != "\x00\xff" || trailer.Get("x-trailer")[0] != "t" {
		t.Errorf("metadata %v, %v", header, trailer)
	}
	header = nil
	_, err = client.UnaryCall(ctx, &pb.SimpleRequest{FillUsername: true}, grpc.Header(&header))
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.Aborted || s.Message() != "no" || len(s.Details()) != 1 {
		t.Errorf("error %v with %v", err, s.Details())
	}
	if len(header.Get("x-header")) != 1 {
		t.Errorf("an error lost its headers: %v", header)
	}
	if _, err := client.EmptyCall(ctx, &pb.Empty{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a procedure that is not registered: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	stream, err := client.FullDuplexCall(gone)
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.Canceled {
		t.Errorf("a cancelled call: %v", err)
	}
}

func TestConnStream(t *testing.T) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "asked", "!")
	stream, err := echo(t).FullDuplexCall(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"a", "b"} {
		if err := stream.Send(&pb.StreamingOutputCallRequest{Payload: &pb.Payload{Body: []byte(text)}}); err != nil {
			t.Fatal(err)
		}
		res, err := stream.Recv()
		if err != nil || string(res.GetPayload().GetBody()) != text+"!" {
			t.Errorf("answer %v, %v", res, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	if s, _ := status.FromError(err); s.Code() != codes.Aborted || len(s.Details()) != 1 {
		t.Errorf("end %v", err)
	}
	header, err := stream.Header()
	if err != nil || len(header.Get("x-header")) != 1 || len(stream.Trailer().Get("x-trailer")) != 1 {
		t.Errorf("metadata %v, %v, %v", header, stream.Trailer(), err)
	}
}
