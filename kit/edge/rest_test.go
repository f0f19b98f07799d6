package edge_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// object is the error object of an answer.
type object struct {
	StatusCode   int         `json:"statusCode"`
	Code         rpcerr.Code `json:"code"`
	Message      string      `json:"message"`
	SuggestedFix string      `json:"suggested_fix"`
	RequestID    string      `json:"request_id"`
	Details      struct {
		Violations []rpcerr.Violation `json:"violations"`
	} `json:"details"`
}

func TestRESTRefusals(t *testing.T) {
	f := start(t)
	const auth = "Bearer good"
	tests := []struct {
		name, method, path, body, contentType string
		want                                  rpcerr.Code
		status                                int
		says                                  string
	}{
		{"unknown path", "GET", "/nope", "", "", rpcerr.NotFound, 404, "There is nothing at /nope."},
		{"wrong method", "DELETE", "/v1/call", "", "", rpcerr.MethodNotAllowed, 405, "/v1/call does not take DELETE."},
		{"wrong method, page", "POST", "/page", "", "", rpcerr.MethodNotAllowed, 405, "/page does not take POST."},
		{"unknown field", "POST", "/v1/call", `{"respons_size":1}`, "application/json", rpcerr.ValidationFailed, 400, "respons_size: unknown field"},
		{"broken JSON", "POST", "/v1/call", `{"response_size":`, "application/json", rpcerr.ValidationFailed, 400, "response_size: the JSON ends too early"},
		{"two values", "POST", "/v1/call", `{} {}`, "application/json", rpcerr.ValidationFailed, 400, "the body holds more than one JSON value"},
		{"form", "POST", "/v1/call", "a=b", "application/x-www-form-urlencoded", rpcerr.UnsupportedMediaType, 415, "The body must be JSON."},
		{"too large", "POST", "/v1/call", `{"payload":{"body":"` + strings.Repeat("A", 1<<16) + `"}}`, "application/json", rpcerr.RequestTooLarge, 413, ""},
		{"query on a body route", "POST", "/v1/call?limit=1", `{}`, "application/json", rpcerr.ValidationFailed, 400, "limit: unknown query parameter"},
		{"unknown query", "GET", "/v1/call/5?fil_username=true", "", "", rpcerr.ValidationFailed, 400, "fil_username: unknown query parameter"},
		{"path field in query", "GET", "/v1/call/5?response_size=6", "", "", rpcerr.ValidationFailed, 400, "response_size: unknown query parameter"},
		{"bad path", "GET", "/v1/call/x", "", "", rpcerr.ValidationFailed, 400, "type mismatch, parameter: response_size"},
		{"bad escape", "GET", "/v1/call/5?fill_username=%zz", "", "", rpcerr.ValidationFailed, 400, "The query is not validly escaped."},
		{"twice", "GET", "/v1/call/5?fill_username=true&fill_username=true", "", "", rpcerr.ValidationFailed, 400, "fill_username: is given more than once"},
		{"rpc by GET", "GET", "/grpc.testing.TestService/UnaryCall", "", "", rpcerr.MethodNotAllowed, 405, "does not take GET"},
		{"rpc with text", "POST", "/grpc.testing.TestService/UnaryCall", "x", "text/plain", rpcerr.UnsupportedMediaType, 415, ""},
		{"unknown rpc by GET", "GET", "/grpc.testing.TestService/Nope", "", "", rpcerr.NotFound, 404, ""},
		{"page panics", "GET", "/page/panic", "", "", rpcerr.Internal, 500, ""},
		{"upload too large", "POST", "/upload", strings.Repeat("x", 1<<20+1), "", rpcerr.RequestTooLarge, 413, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			headers := []string{"Authorization", auth, "X-Request-Id", "req-9"}
			if tt.contentType != "" {
				headers = append(headers, "Content-Type", tt.contentType)
			}
			status, header, body := f.do(t, tt.method, tt.path, tt.body, headers...)
			var o object
			if err := json.Unmarshal(body, &o); err != nil {
				t.Fatalf("%d, not the one shape: %s", status, body)
			}
			if status != tt.status || o.StatusCode != tt.status || o.Code != tt.want || o.RequestID != "req-9" {
				t.Errorf("got %d %+v", status, o)
			}
			if !strings.Contains(o.Message, tt.says) {
				t.Errorf("message %q, want %q", o.Message, tt.says)
			}
			if header.Get("Content-Type") != "application/json" || header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", header)
			}
			if header.Get("Sando-Request-Id") != "req-9" {
				t.Errorf("request id %q", header.Values("Sando-Request-Id"))
			}
		})
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	f := start(t)
	for path, want := range map[string]string{"/v1/call": "POST", "/stream/x": "GET, POST", "/page": "GET, HEAD"} {
		status, header, _ := f.do(t, "DELETE", path, "")
		if got := header.Get("Allow"); status != 405 || got != want {
			t.Errorf("%s: %d, Allow %q, want %q", path, status, got, want)
		}
	}
}

func TestRESTViolationsNameTheNearestField(t *testing.T) {
	f := start(t)
	tests := map[string]string{
		"/v1/call/5?fil_username=true":        `Did you mean "fill_username"?`,
		"/v1/call/5?payload.bdy=AA":           "",
		"/v1/call/5?quite_something_else=1":   "Known parameters: response_type, ",
		"/v1/call/5?expect_compressed[gt]=no": "",
	}
	for path, fix := range tests {
		_, _, body := f.do(t, "GET", path, "", "Authorization", "Bearer good")
		var o object
		if err := json.Unmarshal(body, &o); err != nil {
			t.Fatal(err)
		}
		if len(o.Details.Violations) != 1 || o.Code != rpcerr.ValidationFailed {
			t.Errorf("%s: %+v", path, o)
		}
		if !strings.Contains(o.SuggestedFix, fix) {
			t.Errorf("%s: fix %q, want %q", path, o.SuggestedFix, fix)
		}
	}
}

func TestRESTReads(t *testing.T) {
	f := start(t)
	for _, tt := range []struct{ method, path, body, contentType string }{
		{"GET", "/v1/call/5?payload.body=b2s&fill_username=true", "", ""},
		{"GET", "/v1/call/5?payload.body=b2s=&response_type=COMPRESSABLE", "", "text/plain"},
		{"POST", "/v1/call", `{"payload":{"body":"b2s="}}`, "application/json; charset=utf-8"},
		{"POST", "/v1/call", `{"payload":{"body":"b2s="}}`, ""},
	} {
		var headers []string
		if tt.contentType != "" {
			headers = []string{"Content-Type", tt.contentType}
		}
		status, _, body := f.do(t, tt.method, tt.path, tt.body, append(headers,
			"Authorization", "Bearer good", "Idempotency-Key", "k1", "Sando-Max-Wait", "5s", "X-Request-Id", "bad id!")...)
		var got struct {
			ServerID   string `json:"server_id"`
			OAuthScope string `json:"oauth_scope"`
		}
		if err := json.Unmarshal(body, &got); err != nil || status != 200 {
			t.Fatalf("%s %s: %d %s", tt.method, tt.path, status, body)
		}
		if got.ServerID != "ok" || !strings.HasPrefix(got.OAuthScope, "k1|5s|") {
			t.Errorf("%s %s: %+v", tt.method, tt.path, got)
		}
		if id := strings.TrimPrefix(got.OAuthScope, "k1|5s|"); len(id) != 26 {
			t.Errorf("an invalid request id was not replaced: %q", id)
		}
	}
	// No body is an empty message.
	if status, _, body := f.do(t, "POST", "/v1/call", "", "Authorization", "Bearer good"); status != 200 {
		t.Errorf("empty body: %d %s", status, body)
	}
	if status, _, body := f.do(t, "GET", "/page", ""); status != 200 || string(body) != "page" {
		t.Errorf("page: %d %s", status, body)
	}
	if status, _, body := f.do(t, "POST", "/upload", strings.Repeat("x", 1<<20)); status != 200 {
		t.Errorf("upload under its own limit: %d %s", status, body)
	}
}

func TestTraceparentIsEchoed(t *testing.T) {
	f := start(t)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for _, path := range []string{"/v1/call/5", "/stream/ok", "/v1/call/5?payload.body=bGltaXRlZA"} {
		_, header, _ := f.do(t, "GET", path, "", "Authorization", "Bearer good", "Traceparent", trace)
		if got := header.Values("Traceparent"); len(got) != 1 || got[0] != trace {
			t.Errorf("%s: traceparent %q", path, got)
		}
	}
}

func TestStreamingHandlers(t *testing.T) {
	f := start(t)
	status, header, body := f.do(t, "GET", "/stream/ok", "", "Authorization", "Bearer good")
	if status != 200 || string(body) != `{"result":""}` || header.Get("Content-Length") != "13" || header.Get("Ratelimit-Limit") != "60" {
		t.Errorf("ok: %d %s %v", status, body, header)
	}
	status, _, body = f.do(t, "GET", "/stream/large", "", "Authorization", "Bearer good")
	if status != 200 || len(body) != 200_013 {
		t.Errorf("large: %d, %d bytes", status, len(body))
	}
	for _, tt := range []struct {
		path, token string
		status      int
		code        rpcerr.Code
	}{
		{"/stream/early", "Bearer good", 429, rpcerr.RateLimited},
		{"/stream/panic", "Bearer good", 500, rpcerr.Internal},
		{"/stream/ok", "Bearer bad", 401, rpcerr.Unauthenticated},
	} {
		status, header, body := f.do(t, "GET", tt.path, "", "Authorization", tt.token, "X-Request-Id", "req-1")
		var o object
		if err := json.Unmarshal(body, &o); err != nil {
			t.Fatalf("%s: %d %s", tt.path, status, body)
		}
		if status != tt.status || o.Code != tt.code || o.RequestID != "req-1" {
			t.Errorf("%s: %d %+v", tt.path, status, o)
		}
		if tt.code == rpcerr.RateLimited && (header.Get("Retry-After") != "12" || header.Get("Ratelimit-Limit") != "60") {
			t.Errorf("%s: headers %v", tt.path, header)
		}
	}
	if len(f.log.Lines(`"procedure":"/t.Streams/Do","code":"RATE_LIMITED"`)) != 1 {
		t.Error("the call is not in the log")
	}
}

// TestBrokenAnswerNeverLooksWhole: an error after the answer has begun ends
// the connection, under HTTP/1.1 and HTTP/2.
func TestBrokenAnswerNeverLooksWhole(t *testing.T) {
	f := start(t)
	for _, h2 := range []bool{false, true} {
		for _, path := range []string{"/stream/late", "/stream/flushed", "/page/half"} {
			req, err := http.NewRequestWithContext(t.Context(), "GET", f.base+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer good")
			res, err := httpClient(t, h2).Do(req)
			if err != nil {
				continue // nothing had left the server yet
			}
			b, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if err == nil {
				t.Errorf("h2 %t, %s: the answer ends cleanly after %d bytes", h2, path, len(b))
			}
		}
	}
}
