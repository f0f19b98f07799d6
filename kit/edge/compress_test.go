package edge

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/kit/kittest"
)

func TestCompress(t *testing.T) {
	page := strings.Repeat(`{"id":1}`, 1000)
	h, err := compress(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, page)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for accepts, want := range map[string]string{"gzip": "gzip", "": "", "br": ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", accepts)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: Content-Encoding %q, want %q", accepts, got, want)
		}
		if length := w.Header().Get("Content-Length"); want != "" && length != "" && length != strconv.Itoa(w.Body.Len()) {
			t.Errorf("Accept-Encoding %q: Content-Length %s of %d bytes", accepts, length, w.Body.Len())
		}
	}
}

// TestCompressRPC: answers of RPCs are packed where that is switched on;
// requests may be packed either way.
func TestCompressRPC(t *testing.T) {
	method := pb.File_grpc_testing_test_proto.Services().ByName("TestService").Methods().ByName("UnaryCall")
	for on, want := range map[bool]string{true: "gzip", false: ""} {
		srv := connect.NewServer()
		srv.Register(connect.Method{Spec: specOf(method), Handler: func(_ context.Context, _ connect.Spec, stream connect.ServerStream) error {
			var got pb.SimpleRequest
			if err := stream.Receive(&got); err != nil {
				return err
			}
			return stream.Send(&pb.SimpleResponse{Username: strings.Repeat(got.GetResponseStatus().GetMessage(), 1000)})
		}})
		mux := NewMux(MuxOptions{Errors: kittest.Errors(t), Compress: on})
		mux.RPC(srv)
		var packed bytes.Buffer
		zip := gzip.NewWriter(&packed)
		if _, err := io.WriteString(zip, `{"responseStatus":{"message":"hello"}}`); err != nil {
			t.Fatal(err)
		}
		if err := zip.Close(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/grpc.testing.TestService/UnaryCall", &packed)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", "gzip")
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		mux.Handler().ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); w.Code != http.StatusOK || got != want {
			t.Errorf("compress %v: status %d, Content-Encoding %q, want %q", on, w.Code, got, want)
		}
		if answered := w.Body.Len(); on == (answered > 5000) {
			t.Errorf("compress %v: %d bytes", on, answered)
		}
	}
}

func specOf(m protoreflect.MethodDescriptor) connect.Spec {
	return connect.Spec{Procedure: "/" + string(m.Parent().FullName()) + "/" + string(m.Name()), Schema: m, StreamType: connect.StreamTypeUnary}
}
