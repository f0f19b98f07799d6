package edge_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
)

// fixture is a running edge in front of a test service.
type fixture struct {
	errs *rpcerr.Table
	log  *kittest.Log
	mux  *edge.Mux
	srv  *edge.Server
	base string
}

// service does what the payload of a request says.
type service struct{ errs *rpcerr.Table }

func (s service) unary(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
	var req pb.SimpleRequest
	if err := stream.Receive(&req); err != nil {
		return err
	}
	info, _ := connect.CallInfoForServerContext(ctx)
	info.ResponseHeader().Set("Ratelimit-Limit", "60")
	do := string(req.GetPayload().GetBody())
	switch do {
	case "violation":
		return rpcerr.Invalid("payload.body", "is bad").WithFix("make it good").WithDetail("big", 9007199254740993)
	case "limited":
		e := rpcerr.New(rpcerr.RateLimited, "slow down").WithRetryAfter(12 * time.Second)
		e.Origin, e.Raw = "upstream", []byte(`{"error":"<b>"}`)
		return e
	case "missing":
		return rpcerr.New(rpcerr.NotFound, "")
	case "plain":
		return errors.New("password is hunter2")
	case "panic":
		panic("hunter2")
	case "relay":
		other := s.errs.Connect(rpcerr.New(rpcerr.Conflict, "said another service"), "x")
		return rpcerr.Relay(other.WithRemote())
	case "leak":
		other := s.errs.Connect(rpcerr.New(rpcerr.Conflict, "said another service"), "x")
		return other.WithRemote()
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	}
	return stream.Send(&pb.SimpleResponse{
		Username:   info.RequestHeader().Get("Authorization"),
		OauthScope: info.RequestHeader().Get("Idempotency-Key") + "|" + info.RequestHeader().Get("Sando-Max-Wait") + "|" + interceptor.RequestIDFrom(ctx),
		ServerId:   do,
	})
}

func (s service) serverStream(ctx context.Context, _ connect.Spec, stream connect.ServerStream) error {
	var req pb.StreamingOutputCallRequest
	if err := stream.Receive(&req); err != nil {
		return err
	}
	for range req.GetResponseParameters() {
		if err := stream.Send(&pb.StreamingOutputCallResponse{Payload: &pb.Payload{Body: []byte("part")}}); err != nil {
			return err
		}
	}
	switch string(req.GetPayload().GetBody()) {
	case "limited":
		return rpcerr.New(rpcerr.RateLimited, "slow down").WithRetryAfter(12 * time.Second)
	case "wait":
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func methods() []connect.Spec {
	schema := pb.File_grpc_testing_test_proto.Services().ByName("TestService").Methods()
	return []connect.Spec{
		{Procedure: pb.TestService_UnaryCall_FullMethodName, Schema: schema.ByName("UnaryCall")},
		{Procedure: pb.TestService_StreamingOutputCall_FullMethodName, Schema: schema.ByName("StreamingOutputCall"), StreamType: connect.StreamTypeServer},
	}
}

// chain is a whole chain whose callers must say "Bearer good".
func chain(t testing.TB, errs *rpcerr.Table, log *kittest.Log) []connect.ServerInterceptor {
	t.Helper()
	links, err := interceptor.Chain(
		interceptor.Recover(log.Logger),
		interceptor.RequestID(),
		interceptor.Telemetry(telemetry.Off()),
		interceptor.Log(log.Logger),
		interceptor.Deadline(5*time.Second, 10*time.Millisecond),
		interceptor.Named{Name: "authenticate", Server: func(next connect.ServerFunc) connect.ServerFunc {
			return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
				info, _ := connect.CallInfoForServerContext(ctx)
				if info.RequestHeader().Get("Authorization") != "Bearer good" {
					return rpcerr.New(rpcerr.Unauthenticated, "").WithCause(errors.New("hunter2 is not a token"))
				}
				return next(ctx, spec, stream)
			}
		}},
		interceptor.Named{Name: "authorise", Server: func(next connect.ServerFunc) connect.ServerFunc { return next }},
		interceptor.Validate(),
		interceptor.Errors(errs, log.Logger),
	)
	if err != nil {
		t.Fatal(err)
	}
	return links
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{errs: kittest.Errors(t), log: kittest.Logger(t)}
	f.mux = edge.NewMux(edge.MuxOptions{Errors: f.errs, Log: f.log.Logger, MaxBody: 1 << 16})
	links := chain(t, f.errs, f.log)
	srv := connect.NewServer(links...)
	s := service{f.errs}
	specs := methods()
	srv.Register(
		connect.Method{Spec: specs[0], Handler: s.unary},
		connect.Method{Spec: specs[1], Handler: s.serverStream},
	)
	f.mux.RPC(srv)
	if err := f.mux.REST(srv, gateway.Routes(pb.NewTestServiceClient, registerREST)); err != nil {
		t.Fatal(err)
	}
	streams := gateway.NewStreams(f.errs, links)
	f.mount(t, streams)
	f.mux.Handle("GET /page", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") }))
	f.mux.Handle("GET /page/panic", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("hunter2") }))
	f.mux.Handle("GET /page/half", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("hunter2")
	}))
	f.mux.Handle("POST /upload", edge.MaxBody(1<<20, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			f.errs.WriteHTTP(w, interceptor.RequestIDFrom(r.Context()), err)
		}
	})))
	return f
}

// mount adds streaming handlers.
func (f *fixture) mount(t testing.TB, streams *gateway.Streams) {
	t.Helper()
	h := streams.Handler(connect.Spec{Procedure: "/t.Streams/Do"}, func(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		info.ResponseHeader().Set("Ratelimit-Limit", "60")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"result":"`)
		switch r.PathValue("do") {
		case "early":
			return rpcerr.New(rpcerr.RateLimited, "slow down").WithRetryAfter(12 * time.Second)
		case "late":
			_, _ = io.WriteString(w, strings.Repeat("x", 70_000))
			return rpcerr.New(rpcerr.RateLimited, "slow down")
		case "flushed":
			_ = http.NewResponseController(w).Flush()
			return errors.New("hunter2")
		case "panic":
			panic("hunter2")
		case "read":
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return err
			}
		case "large":
			_, _ = io.WriteString(w, strings.Repeat("x", 200_000))
		}
		_, err := io.WriteString(w, `"}`)
		return err
	})
	for _, method := range []string{"GET", "POST"} {
		if err := f.mux.Stream(method, "/stream/{do}", h); err != nil {
			t.Fatal(err)
		}
	}
}

func start(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	srv, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), f.mux.Handler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.srv, f.base = srv, "http://"+srv.Addr()
	done := make(chan error, 1)
	go func() { done <- srv.Run(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := srv.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return f
}

// registerREST does what grpc-gateway generates for
//
//	post: "/v1/call" body: "*" and get: "/v1/call/{response_size}"
func registerREST(_ context.Context, mux *runtime.ServeMux, client pb.TestServiceClient) error {
	serve := func(pattern string, read func(runtime.Marshaler, *http.Request, map[string]string, *pb.SimpleRequest) error) runtime.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request, params map[string]string) {
			ctx, cancel := context.WithCancel(req.Context())
			defer cancel()
			in, out := runtime.MarshalerForRequest(mux, req)
			annotated, err := runtime.AnnotateContext(ctx, mux, req, pb.TestService_UnaryCall_FullMethodName, runtime.WithHTTPPathPattern(pattern))
			if err != nil {
				runtime.HTTPError(ctx, mux, out, w, req, err)
				return
			}
			var msg pb.SimpleRequest
			var md runtime.ServerMetadata
			var resp *pb.SimpleResponse
			if err = read(in, req, params, &msg); err == nil {
				resp, err = client.UnaryCall(annotated, &msg, grpc.Header(&md.HeaderMD), grpc.Trailer(&md.TrailerMD))
			}
			annotated = runtime.NewServerMetadataContext(annotated, md)
			if err != nil {
				runtime.HTTPError(annotated, mux, out, w, req, err)
				return
			}
			runtime.ForwardResponseMessage(annotated, mux, out, w, req, resp)
		}
	}
	if err := mux.HandlePath("POST", "/v1/call", serve("/v1/call", func(in runtime.Marshaler, req *http.Request, _ map[string]string, msg *pb.SimpleRequest) error {
		if err := in.NewDecoder(req.Body).Decode(msg); err != nil && !errors.Is(err, io.EOF) {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
		return nil
	})); err != nil {
		return err
	}
	filter := &utilities.DoubleArray{Encoding: map[string]int{"response_size": 0}, Base: []int{1, 1, 0}, Check: []int{0, 1, 2}}
	return mux.HandlePath("GET", "/v1/call/{response_size}", serve("/v1/call/{response_size}", func(_ runtime.Marshaler, req *http.Request, params map[string]string, msg *pb.SimpleRequest) error {
		size, err := runtime.Int32(params["response_size"])
		if err != nil {
			return status.Errorf(codes.InvalidArgument, "type mismatch, parameter: %s, error: %v", "response_size", err)
		}
		msg.ResponseSize = size
		if err := req.ParseForm(); err != nil {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
		if err := runtime.PopulateQueryParameters(msg, req.Form, filter); err != nil {
			return status.Errorf(codes.InvalidArgument, "%v", err)
		}
		return nil
	}))
}

// grpcClient is a real grpc-go client.
func (f *fixture) grpcClient(t testing.TB) *grpc.ClientConn {
	t.Helper()
	cc, err := grpc.NewClient(strings.TrimPrefix(f.base, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return cc
}

// httpClient closes its connections when the test ends.
func httpClient(t testing.TB, h2 bool) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(!h2)
	p.SetUnencryptedHTTP2(h2)
	transport := &http.Transport{Protocols: p}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

func (f *fixture) connectClient(t testing.TB, h2 bool, opts ...connecthttp.Option) *connect.Client {
	t.Helper()
	return connect.NewClient(connecthttp.NewTransport(httpClient(t, h2), f.base, opts...))
}

// caller makes one unary call over one transport.
type caller func(ctx context.Context, do, token string) (*pb.SimpleResponse, http.Header, error)

// callers are all RPC transports, with real clients.
func (f *fixture) callers(t testing.TB) map[string]caller {
	t.Helper()
	viaConnect := func(c *connect.Client) caller {
		return func(ctx context.Context, do, token string) (*pb.SimpleResponse, http.Header, error) {
			ctx, info := connect.NewClientContext(ctx)
			info.RequestHeader().Set("Authorization", token)
			info.RequestHeader().Set("X-Request-Id", "req-1")
			res := &pb.SimpleResponse{}
			err := c.CallUnary(ctx, methods()[0], request(do), res)
			header := http.Header{}
			for k, v := range info.ResponseHeader().All() {
				header[k] = v
			}
			return res, header, err
		}
	}
	cc := pb.NewTestServiceClient(f.grpcClient(t))
	return map[string]caller{
		"connect proto": viaConnect(f.connectClient(t, false)),
		"connect json":  viaConnect(f.connectClient(t, false, connecthttp.WithCodecs(connectproto.NewJSONCodec()))),
		"connect h2":    viaConnect(f.connectClient(t, true)),
		"grpc-web":      viaConnect(f.connectClient(t, false, connecthttp.WithGRPCWeb())),
		"connect grpc":  viaConnect(f.connectClient(t, true, connecthttp.WithGRPC())),
		"grpc-go": func(ctx context.Context, do, token string) (*pb.SimpleResponse, http.Header, error) {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", token, "x-request-id", "req-1")
			var md metadata.MD
			res, err := cc.UnaryCall(ctx, request(do), grpc.Header(&md))
			header := http.Header{}
			for k, v := range md {
				header[http.CanonicalHeaderKey(k)] = v
			}
			return res, header, err
		},
	}
}

func request(do string) *pb.SimpleRequest {
	return &pb.SimpleRequest{Payload: &pb.Payload{Body: []byte(do)}}
}
