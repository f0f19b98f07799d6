package edge_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"github.com/google/go-cmp/cmp"
	pb "google.golang.org/grpc/interop/grpc_testing"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// rest makes the same unary call over REST.
func (f *fixture) rest(t testing.TB, do, token string) (int, http.Header, []byte) {
	t.Helper()
	body := `{"payload":{"body":"` + base64.StdEncoding.EncodeToString([]byte(do)) + `"}}`
	return f.do(t, "POST", "/v1/call", body, "Authorization", token, "X-Request-Id", "req-1", "Content-Type", "application/json")
}

func (f *fixture) do(t testing.TB, method, path, body string, headers ...string) (int, http.Header, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := httpClient(t, false).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, b
}

// TestOneErrorShape makes the same faulty calls over every transport: the
// object of REST and the one rebuilt from RPC details must be the same bytes.
func TestOneErrorShape(t *testing.T) {
	f := start(t)
	callers := f.callers(t)
	tests := []struct {
		do, token string
		status    int
		want      string
	}{
		{
			"violation", "Bearer good", 400,
			`{"statusCode":400,"error":"Bad Request","message":"payload.body: is bad","code":"VALIDATION_FAILED","origin":"sando","retryable":false,` +
				`"suggested_fix":"make it good","request_id":"req-1","details":{"big":9007199254740993,"violations":[{"field":"payload.body","description":"is bad"}]}}`,
		},
		{
			"limited", "Bearer good", 429,
			`{"statusCode":429,"error":"Too Many Requests","message":"slow down","code":"RATE_LIMITED","origin":"upstream","retryable":true,"retry_after":12,` +
				`"suggested_fix":"Wait.","request_id":"req-1","raw_response":{"error":"<b>"}}`,
		},
		{
			"missing", "Bearer good", 404,
			`{"statusCode":404,"error":"Not Found","message":"There is no such thing.","code":"NOT_FOUND","origin":"sando","retryable":false,"request_id":"req-1"}`,
		},
		{
			"plain", "Bearer good", 500,
			`{"statusCode":500,"error":"Internal Server Error","message":"Something went wrong on our side.","code":"INTERNAL","origin":"sando","retryable":true,"request_id":"req-1"}`,
		},
		{
			"panic", "Bearer good", 500,
			`{"statusCode":500,"error":"Internal Server Error","message":"Something went wrong on our side.","code":"INTERNAL","origin":"sando","retryable":true,"request_id":"req-1"}`,
		},
		{
			"relay", "Bearer good", 409,
			`{"statusCode":409,"error":"Conflict","message":"said another service","code":"CONFLICT","origin":"sando","retryable":false,"request_id":"req-1"}`,
		},
		{
			"leak", "Bearer good", 500,
			`{"statusCode":500,"error":"Internal Server Error","message":"Something went wrong on our side.","code":"INTERNAL","origin":"sando","retryable":true,"request_id":"req-1"}`,
		},
		{
			"ok", "Bearer hunter2", 401,
			`{"statusCode":401,"error":"Unauthorized","message":"The token is not valid.","code":"UNAUTHENTICATED","origin":"sando","retryable":false,` +
				`"suggested_fix":"Send a valid token.","request_id":"req-1"}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.do+" "+tt.token, func(t *testing.T) {
			status, header, body := f.rest(t, tt.do, tt.token)
			if diff := cmp.Diff(tt.want, string(body)); diff != "" || status != tt.status {
				t.Errorf("REST: status %d (-want +got):\n%s", status, diff)
			}
			if got := header.Values("Sando-Request-Id"); len(got) != 1 || got[0] != "req-1" {
				t.Errorf("REST: request id %q", got)
			}
			if want := map[int]string{429: "12"}[tt.status]; header.Get("Retry-After") != want {
				t.Errorf("REST: Retry-After %q, want %q", header.Get("Retry-After"), want)
			}
			for name, call := range callers {
				_, header, err := call(t.Context(), tt.do, tt.token)
				if err == nil {
					t.Errorf("%s: no error", name)
					continue
				}
				if diff := cmp.Diff(tt.want, string(f.errs.Object(rpcerr.Relay(err), "req-1"))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
				if got := header.Values("Sando-Request-Id"); len(got) != 1 || got[0] != "req-1" {
					t.Errorf("%s: request id %q", name, got)
				}
			}
		})
	}
	if lines := f.log.Lines("Bearer"); len(lines) > 0 {
		t.Errorf("headers in the log: %v", lines)
	}
	if len(f.log.Lines(`"cause":"password is hunter2"`)) == 0 {
		t.Error("the private cause is not in the log")
	}
	if len(f.log.Lines(`"msg":"panic"`)) != len(callers)+1 {
		t.Errorf("panics in the log: %d", len(f.log.Lines(`"msg":"panic"`)))
	}
}

func TestSuccessOverEveryTransport(t *testing.T) {
	f := start(t)
	status, header, body := f.rest(t, "ok", "Bearer good")
	var got struct {
		Username   string `json:"username"`
		OAuthScope string `json:"oauth_scope"`
		ServerID   string `json:"server_id"`
	}
	if err := json.Unmarshal(body, &got); err != nil || status != 200 {
		t.Fatalf("REST: %d %s", status, body)
	}
	if got.Username != "Bearer good" || got.OAuthScope != "||req-1" || got.ServerID != "ok" {
		t.Errorf("REST: %+v", got)
	}
	check := func(name string, header http.Header) {
		t.Helper()
		if header.Get("Ratelimit-Limit") != "60" {
			t.Errorf("%s: the handler's header is missing: %v", name, header)
		}
		if ids := header.Values("Sando-Request-Id"); len(ids) != 1 || ids[0] != "req-1" {
			t.Errorf("%s: request id %q", name, ids)
		}
	}
	check("REST", header)
	for name, call := range f.callers(t) {
		res, header, err := call(t.Context(), "ok", "Bearer good")
		if err != nil || res.GetUsername() != "Bearer good" || res.GetOauthScope() != "||req-1" {
			t.Errorf("%s: %v, %v", name, res, err)
		}
		check(name, header)
	}
}

func TestServerStreams(t *testing.T) {
	f := start(t)
	req := &pb.StreamingOutputCallRequest{
		ResponseParameters: make([]*pb.ResponseParameters, 3),
		Payload:            &pb.Payload{Body: []byte("limited")},
	}
	for i := range req.ResponseParameters {
		req.ResponseParameters[i] = &pb.ResponseParameters{Size: 4}
	}
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer good")
	stream, err := f.connectClient(t, false).CallServerStream(ctx, methods()[1], req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	n := 0
	for {
		var res pb.StreamingOutputCallResponse
		if err = stream.Receive(&res); err != nil {
			break
		}
		n++
	}
	if n != 3 || rpcerr.CodeOf(err) != rpcerr.RateLimited {
		t.Errorf("%d messages, then %v", n, err)
	}
	if got := f.errs.From(err); got.RetryAfter != 12*time.Second || got.Message != "slow down" {
		t.Errorf("error %+v", got)
	}
}

// TestDeadlineReachesTheHandler: the callee answers before its caller stops
// listening, so that it can say why.
func TestDeadlineReachesTheHandler(t *testing.T) {
	f := start(t)
	var all sync.WaitGroup
	for name, call := range f.callers(t) {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, _, err := call(ctx, "wait", "Bearer good")
			if got := f.errs.From(err); ctx.Err() != nil || got.Code != rpcerr.DeadlineExceeded || got.Message != "The time was not enough." {
				t.Errorf("%s: %v, and the caller's context: %v", name, err, ctx.Err())
			}
		})
	}
	all.Wait()
}

// TestUnknownProcedures: nothing a caller makes up passes the interceptors,
// and gRPC and Connect callers are answered in their own dialect.
func TestUnknownProcedures(t *testing.T) {
	f := start(t)
	for _, procedure := range []string{"/grpc.testing.TestService/Nope", "/no.such.Service/Nope"} {
		spec := connect.Spec{Procedure: procedure}
		want := "There is no procedure " + procedure + "."
		err := f.grpcClient(t).Invoke(t.Context(), procedure, &pb.Empty{}, &pb.Empty{})
		if got := f.errs.From(err); got.Code != rpcerr.Unimplemented || got.Message != want {
			t.Errorf("gRPC %s: %v", procedure, err)
		}
		for _, opt := range []connecthttp.Option{connecthttp.WithGRPC(), connecthttp.WithGRPCWeb()} {
			err := f.connectClient(t, true, opt).CallUnary(t.Context(), spec, &pb.Empty{}, &pb.Empty{})
			if got := f.errs.From(err); got.Code != rpcerr.Unimplemented || got.Message != want {
				t.Errorf("%s: %v", procedure, err)
			}
		}
		err = f.connectClient(t, false).CallUnary(t.Context(), spec, &pb.Empty{}, &pb.Empty{})
		if connect.CodeOf(err) != connect.CodeUnimplemented {
			t.Errorf("Connect %s: %v", procedure, err)
		}
	}
	if lines := f.log.Lines("Nope"); len(lines) != 0 {
		t.Errorf("made-up names in the log: %v", lines)
	}
}
