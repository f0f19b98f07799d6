package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"

	// Linked in so that the messages of the cases are known.
	_ "github.com/sando-dev/sando/gen/sando/auth/v1"
	_ "github.com/sando-dev/sando/gen/sando/mcp/v1"
	_ "github.com/sando-dev/sando/gen/sando/proxy/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// A transport makes one call of a case.
type transport interface {
	call(t *testing.T, c testCase, token string) answer
}

// transports are all the ways to call a stack.
func transports(t *testing.T, s stack) map[string]transport {
	t.Helper()
	conn, err := grpc.NewClient(s.address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	table, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{}
	t.Cleanup(client.CloseIdleConnections)
	over := func(o ...connecthttp.Option) transport {
		return rpcOver{client: connect.NewClient(connecthttp.NewTransport(client, s.baseURL, o...)), errors: table}
	}
	return map[string]transport{
		"rest":         restOver{client: client, base: s.baseURL},
		"grpc":         grpcOver{conn: conn},
		"connect":      over(),
		"connect-json": over(connecthttp.WithCodecs(access.JSON().Codec())),
		"grpc-web":     over(connecthttp.WithGRPCWeb()),
	}
}

// messages makes an empty response and the request of a case.
func messages(t *testing.T, c testCase) (request, response proto.Message) {
	t.Helper()
	name := protoreflect.FullName(strings.ReplaceAll(c.RPC, "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		t.Fatalf("%s: %v", c.RPC, err)
	}
	method := d.(protoreflect.MethodDescriptor)
	make := func(md protoreflect.MessageDescriptor) proto.Message {
		mt, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
		if err != nil {
			t.Fatal(err)
		}
		return mt.New().Interface()
	}
	request, response = make(method.Input()), make(method.Output())
	text, err := json.Marshal(c.Request)
	if err != nil {
		t.Fatal(err)
	}
	if c.Request != nil {
		if err := access.JSON().Unmarshal(text, request); err != nil {
			t.Fatalf("request of %q: %v", c.Name, err)
		}
	}
	return request, response
}

func success(t *testing.T, response proto.Message) answer {
	t.Helper()
	text, err := access.JSON().Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	return answer{body: decode(t, text)}
}

// grpcOver speaks gRPC with the client that most callers have.
type grpcOver struct{ conn *grpc.ClientConn }

func (g grpcOver) call(t *testing.T, c testCase, token string) answer {
	request, response := messages(t, c)
	ctx := t.Context()
	for k, v := range c.Header {
		ctx = metadata.AppendToOutgoingContext(ctx, k, v)
	}
	if token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	if err := g.conn.Invoke(ctx, "/"+c.RPC, request, response); err != nil {
		return answer{err: grpcFailure(t, err)}
	}
	return success(t, response)
}

func grpcFailure(t *testing.T, err error) *failure {
	t.Helper()
	s := status.Convert(err)
	if s.Code() == codes.Unknown && len(s.Details()) == 0 {
		t.Fatalf("an error without details: %v", err)
	}
	f := &failure{Message: s.Message()}
	for _, d := range s.Details() {
		if info, ok := d.(interface {
			GetReason() string
			GetMetadata() map[string]string
		}); ok {
			f.Code, f.Fix = info.GetReason(), info.GetMetadata()["suggested_fix"]
		}
	}
	return f
}

// rpcOver speaks Connect or gRPC-Web.
type rpcOver struct {
	client *connect.Client
	errors *rpcerr.Table
}

func (o rpcOver) call(t *testing.T, c testCase, token string) answer {
	request, response := messages(t, c)
	ctx, info := connect.NewClientContext(t.Context())
	for k, v := range c.Header {
		info.RequestHeader().Set(k, v)
	}
	if token != "" {
		info.RequestHeader().Set("Authorization", "Bearer "+token)
	}
	spec := connect.Spec{Procedure: "/" + c.RPC, StreamType: connect.StreamTypeUnary}
	if err := o.client.CallUnary(ctx, spec, request, response); err != nil {
		e := o.errors.From(err)
		fix := e.Fix
		if entry, ok := o.errors.Entry(e.Code); ok && fix == "" {
			fix = entry.Fix
		}
		return answer{err: &failure{Code: string(e.Code), Message: e.Message, Fix: fix}}
	}
	return success(t, response)
}

// restOver speaks plain HTTP.
type restOver struct {
	client *http.Client
	base   string
}

func (o restOver) call(t *testing.T, c testCase, token string) answer {
	method, target, ok := strings.Cut(c.REST, " ")
	if !ok {
		t.Fatalf("rest of %q is not METHOD PATH: %q", c.Name, c.REST)
	}
	code, text := o.do(t, method, target, token, c.Header, restBody(t, c))
	if code >= 400 {
		return answer{status: code, err: restFailure(t, code, text)}
	}
	body := decode(t, text)
	if c.Wrapped != "" {
		body = map[string]any{c.Wrapped: body}
	}
	return answer{status: code, body: body}
}

func restBody(t *testing.T, c testCase) []byte {
	t.Helper()
	if c.BodyField == "" {
		return nil
	}
	var v any = c.Request
	if c.BodyField != "*" {
		v = c.Request[c.BodyField]
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (o restOver) do(t *testing.T, method, target, token string, header map[string]string, body []byte) (int, []byte) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, o.base+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := o.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, text
}

func restFailure(t *testing.T, code int, text []byte) *failure {
	t.Helper()
	var e struct {
		StatusCode int    `json:"statusCode"`
		Error      string `json:"error"`
		Message    string `json:"message"`
		Code       string `json:"code"`
		Origin     string `json:"origin"`
		Fix        string `json:"suggested_fix"`
		RequestID  string `json:"request_id"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		t.Fatalf("status %d with a body that is not the error object: %.300s", code, text)
	}
	if e.StatusCode != code || e.Error == "" || e.Origin == "" || e.RequestID == "" {
		t.Errorf("status %d with an incomplete error object: %s", code, text)
	}
	return &failure{Code: e.Code, Message: e.Message, Fix: e.Fix}
}

func (f failure) String() string { return fmt.Sprintf("%s: %s", f.Code, f.Message) }
