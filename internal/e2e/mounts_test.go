package e2e

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/grpcreflect/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"

	_ "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	_ "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
)

// Reflection lists the public services and no other.
func TestReflectionListsPublicServicesOnly(t *testing.T) {
	_, s := startDev(t)
	client := h2cClient(t)
	reflection := grpcreflect.NewClient(connect.NewClient(connecthttp.NewTransport(client, s.baseURL, connecthttp.WithGRPC())))
	stream := reflection.NewStream(t.Context())
	defer stream.Close()
	names, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	listed := make(map[protoreflect.FullName]bool)
	for _, name := range names {
		listed[name] = true
		if strings.Contains(string(name), ".internal.") {
			t.Errorf("reflection lists %s", name)
		}
	}
	for _, service := range services() {
		if !internal(service) && !listed[service.FullName()] {
			t.Errorf("reflection does not list %s", service.FullName())
		}
	}
	if _, err := stream.FileContainingSymbol("sando.proxy.v1.ProxyService"); err != nil {
		t.Errorf("reflection does not describe the proxy: %v", err)
	}
}

func h2cClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// No internal procedure answers on the public port, and no public one answers a stranger, whatever the protocol.
func TestNothingAnswersAStranger(t *testing.T) {
	_, s := startDev(t)
	conn, err := grpc.NewClient(s.address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stranger := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+s.apiToken+"x")
	known := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+s.apiToken)
	for _, service := range services() {
		for i := range service.Methods().Len() {
			procedure := "/" + string(service.FullName()) + "/" + string(service.Methods().Get(i).Name())
			ctx, want := stranger, codes.Unauthenticated
			if internal(service) {
				ctx, want = known, codes.Unimplemented
			}
			if got := status.Code(conn.Invoke(ctx, procedure, &emptypb.Empty{}, &emptypb.Empty{})); got != want {
				t.Errorf("gRPC %s answers %s, want %s", procedure, got, want)
			}
			if internal(service) {
				rest := restOver{client: http.DefaultClient, base: s.baseURL}
				if code, _ := rest.do(t, "POST", procedure, s.apiToken, nil, []byte("{}")); code != http.StatusNotFound && code != http.StatusNotImplemented {
					t.Errorf("Connect %s answers %d", procedure, code)
				}
			}
		}
	}
}

// services are all services of ours.
func services() []protoreflect.ServiceDescriptor {
	var all []protoreflect.ServiceDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			if s := fd.Services().Get(i); strings.HasPrefix(string(s.FullName()), "sando.") {
				all = append(all, s)
			}
		}
		return true
	})
	return all
}

func internal(s protoreflect.ServiceDescriptor) bool {
	return strings.HasPrefix(string(s.FullName()), "sando.internal.")
}
