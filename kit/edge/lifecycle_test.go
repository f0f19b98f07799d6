package edge_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/mtls"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHealth(t *testing.T) {
	f := start(t)
	client := grpc_health_v1.NewHealthClient(f.grpcClient(t))
	check := func(service string) grpc_health_v1.HealthCheckResponse_ServingStatus {
		t.Helper()
		res, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service}, grpc.WaitForReady(true))
		if err != nil {
			t.Fatal(err)
		}
		return res.GetStatus()
	}
	for _, service := range []string{"", "grpc.testing.TestService"} {
		if got := check(service); got != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("%q is %v", service, got)
		}
	}
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "no.such"}); f.errs.From(err).Code != "NOT_FOUND" {
		t.Errorf("unknown service: %v", err)
	}
	list, err := client.List(t.Context(), &grpc_health_v1.HealthListRequest{})
	if err != nil || len(list.GetStatuses()) != 2 {
		t.Errorf("list: %v, %v", list, err)
	}
	watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := watch.Recv(); err != nil || res.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("watch: %v, %v", res, err)
	}
	if status, _, _ := f.do(t, "GET", "/readyz", ""); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	f.srv.Drain()
	if res, err := watch.Recv(); err != nil || res.GetStatus() != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("watch: %v, %v", res, err)
	}
	if got := check(""); got != grpc_health_v1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("draining is %v", got)
	}
	if status, _, _ := f.do(t, "GET", "/readyz", ""); status != 503 {
		t.Errorf("readyz while draining: %d", status)
	}
	if status, _, _ := f.do(t, "GET", "/healthz", ""); status != 200 {
		t.Errorf("healthz while draining: %d", status)
	}
}

func TestReflectionShowsThisMuxOnly(t *testing.T) {
	f := start(t)
	client := grpcreflect.NewClient(f.connectClient(t, true, connecthttp.WithGRPC()))
	stream := client.NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range names {
		got = append(got, string(n))
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"grpc.testing.TestService"}) {
		t.Errorf("services %v", got)
	}
	files, err := stream.FileContainingSymbol("grpc.testing.TestService")
	if err != nil || len(files) == 0 {
		t.Errorf("files %v, %v", files, err)
	}
	// The binary holds this schema too, but nobody mounted a service of it.
	for _, symbol := range []string{"grpc.reflection.v1.ServerReflection", "google.rpc.ErrorInfo"} {
		if _, err := stream.FileContainingSymbol(protoreflect.FullName(symbol)); err == nil {
			t.Errorf("%s is described", symbol)
		}
	}
}

func TestCloseFinishesCalls(t *testing.T) {
	f := newFixture(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	f.mux.Handle("GET /slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = w.Write([]byte("done"))
	}))
	srv, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), f.mux.Handler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(context.Background()) }()
	answer := make(chan string, 1)
	go func() {
		res, err := httpClient(t, false).Get("http://" + srv.Addr() + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		var b bytes.Buffer
		_, _ = b.ReadFrom(res.Body)
		answer <- b.String()
	}()
	<-entered
	closed := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		closed <- srv.Close(ctx)
	}()
	if err := <-ran; err != nil {
		t.Errorf("run: %v", err)
	}
	if c, err := net.Dial("tcp", srv.Addr()); err == nil {
		_ = c.Close()
		t.Error("a closing server takes connections")
	}
	close(leave)
	if got := <-answer; got != "done" {
		t.Errorf("the call in flight got %q", got)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestCloseCancelsWhatNeverEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	entered := make(chan struct{})
	f.mux.Handle("GET /forever", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	srv, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), f.mux.Handler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(context.Background()) }()
	go func() {
		if res, err := httpClient(t, false).Get("http://" + srv.Addr() + "/forever"); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond)
	defer cancel()
	if err := srv.Close(ctx); err != nil {
		t.Errorf("a call whose context was cancelled in time was cut: %v", err)
	}
	if err := <-ran; err != nil {
		t.Error(err)
	}
}

// TestStallCutsWhoDoesNotRead: a client that asks for a lot and reads nothing
// does not hold a handler for ever.
func TestStallCutsWhoDoesNotRead(t *testing.T) {
	f := newFixture(t)
	failed := make(chan error, 1)
	f.mux.Handle("GET /flood", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		page := make([]byte, 1<<20)
		for {
			if _, err := w.Write(page); err != nil {
				failed <- err
				return
			}
		}
	}))
	f.mux.Handle("POST /slowly", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		failed <- err
	}))
	cfg := edge.DefaultConfig("127.0.0.1:0")
	cfg.Stall = 200 * time.Millisecond
	srv, err := edge.Listen(cfg, f.mux.Handler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(context.Background()) }()
	for _, request := range []string{
		"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /slowly HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
	} {
		c, err := net.Dial("tcp", srv.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q ended with %v", request, err)
		}
		_ = c.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(srv.Close(ctx), <-ran); err != nil {
		t.Error(err)
	}
}

func TestListenRefuses(t *testing.T) {
	f := newFixture(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := edge.Listen(edge.DefaultConfig(l.Addr().String()), f.mux.Handler(), nil); err == nil {
		t.Error("a port in use was bound")
	}
	cfg := edge.DefaultConfig("127.0.0.1:0")
	cfg.CertFile = "does-not-exist.pem"
	if _, err := edge.Listen(cfg, f.mux.Handler(), nil); err == nil || !strings.Contains(err.Error(), "does-not-exist.pem") {
		t.Errorf("missing certificate: %v", err)
	}
	cfg = edge.DefaultConfig("127.0.0.1:0")
	cfg.MaxStreams, cfg.Stall, cfg.DrainDelay = -4, 0, -time.Second
	_, err = edge.Listen(cfg, f.mux.Handler(), nil)
	for _, setting := range []string{"max_streams", "stall", "drain_delay"} {
		if err == nil || !strings.Contains(err.Error(), setting) {
			t.Errorf("a limit that limits nothing: %v, want %s named", err, setting)
		}
	}
}

func TestPublicTLS(t *testing.T) {
	ca := kittest.NewCA(t, "auth")
	f := newFixture(t)
	cfg := edge.DefaultConfig("127.0.0.1:0")
	cfg.CertFile, cfg.KeyFile = ca.Files("auth").Cert, ca.Files("auth").Key
	srv, err := edge.Listen(cfg, f.mux.Handler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(context.Background()) }()
	pem, err := os.ReadFile(ca.Files("auth").CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for proto, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: h2}
		res, err := (&http.Client{Transport: transport}).Get("https://" + srv.Addr() + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		transport.CloseIdleConnections()
		if res.StatusCode != 200 || res.Proto != proto {
			t.Errorf("%s: %d over %s", proto, res.StatusCode, res.Proto)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := errors.Join(srv.Close(ctx), <-ran); err != nil {
		t.Error(err)
	}
}

func TestMutualTLS(t *testing.T) {
	ca := kittest.NewCA(t, "auth", "proxy", "mcp")
	f := newFixture(t)
	server, err := mtls.Server(ca.Files("auth"), "proxy")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), f.mux.Handler(), server)
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- srv.Run(context.Background()) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(srv.Close(ctx), <-ran); err != nil {
			t.Error(err)
		}
	})
	call := func(as, expect string, h2 bool) error {
		client, err := mtls.Client(ca.Files(as), expect)
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: client, ForceAttemptHTTP2: h2}
		defer transport.CloseIdleConnections()
		ctx, info := connect.NewClientContext(t.Context())
		info.RequestHeader().Set("Authorization", "Bearer good")
		c := connect.NewClient(connecthttp.NewTransport(&http.Client{Transport: transport}, "https://"+srv.Addr()))
		return c.CallUnary(ctx, methods()[0], request("ok"), &pb.SimpleResponse{})
	}
	for _, h2 := range []bool{false, true} {
		if err := call("proxy", "auth", h2); err != nil {
			t.Errorf("h2 %t: %v", h2, err)
		}
	}
	if err := call("mcp", "auth", false); err == nil {
		t.Error("a caller that is not allowed got in")
	}
	if err := call("proxy", "mcp", false); err == nil || !strings.Contains(err.Error(), `the peer is "auth"`) {
		t.Errorf("a server with another name: %v", err)
	}
	stranger := kittest.NewCA(t, "proxy")
	client, err := mtls.Client(stranger.Files("proxy"), "auth")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.Dial("tcp", srv.Addr(), client); err == nil {
		t.Error("a server of another authority was trusted")
	}
	// grpc-go takes the same configuration.
	config, err := mtls.Client(ca.Files("proxy"), "auth")
	if err != nil {
		t.Fatal(err)
	}
	cc, err := grpc.NewClient(srv.Addr(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	if _, err := grpc_health_v1.NewHealthClient(cc).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
		t.Errorf("grpc-go: %v", err)
	}
}
