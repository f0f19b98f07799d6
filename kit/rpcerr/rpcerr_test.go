package rpcerr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// samples are errors with every public field in use somewhere.
func samples() map[string]*rpcerr.Error {
	no := false
	violated := rpcerr.New(rpcerr.ValidationFailed, "name: too long")
	violated.Violations = []rpcerr.Violation{{Field: "name", Description: "too long"}, {Field: "a.b[1]", Description: "is given twice"}}
	upstream := rpcerr.New(rpcerr.RateLimited, "slow down").WithRetryAfter(1500 * time.Millisecond)
	upstream.Origin, upstream.Status, upstream.Raw = "upstream", 420, json.RawMessage(`{"big":9007199254740993}`)
	return map[string]*rpcerr.Error{
		"bare":          rpcerr.New(rpcerr.NotFound, ""),
		"text":          rpcerr.Newf(rpcerr.NotFound, "no %q & <co>", "ünïcode"),
		"fix":           rpcerr.New(rpcerr.Conflict, "x").WithFix("do y"),
		"details":       rpcerr.New(rpcerr.Conflict, "x").WithDetail("n", 9007199254740993).WithDetail("l", []string{"a"}),
		"violations":    violated,
		"upstream":      upstream,
		"not retryable": {Code: rpcerr.Unavailable, Retryable: &no},
		"unknown code":  {Code: "FROM_THE_FUTURE", Message: "new", Status: 418},
		"cause":         rpcerr.New(rpcerr.Internal, "").WithCause(errors.New("hunter2")),
	}
}

func TestObjectSurvivesEveryTransport(t *testing.T) {
	here, there := kittest.Errors(t), kittest.Errors(t)
	for name, e := range samples() {
		t.Run(name, func(t *testing.T) {
			want := string(here.Object(e, "req-1"))
			if strings.Contains(want, "hunter2") {
				t.Fatalf("the private cause shows: %s", want)
			}
			sent := here.Connect(e, "req-1")
			if strings.Contains(fmt.Sprint(sent.Details()), "hunter2") {
				t.Fatalf("the private cause shows: %v", sent.Details())
			}
			for transport, received := range map[string]error{
				"connect": connectCopy(sent),
				"grpc":    grpcCopy(t, sent),
			} {
				got := string(there.Object(rpcerr.Relay(received), "req-1"))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-sent +received):\n%s", transport, diff)
				}
				again := there.Connect(rpcerr.Relay(received), "req-1")
				if diff := cmp.Diff(want, string(here.Object(rpcerr.Relay(connectCopy(again)), "req-1"))); diff != "" {
					t.Errorf("%s, second hop (-sent +received):\n%s", transport, diff)
				}
			}
		})
	}
}

// connectCopy is what a client gets over the wire: public parts only.
func connectCopy(e *connect.Error) error {
	c := connect.NewError(e.Code(), e.Message())
	for _, d := range e.Details() {
		c = c.WithDetail(d)
	}
	return fmt.Errorf("call: %w", c.WithRemote())
}

func grpcCopy(t *testing.T, e *connect.Error) error {
	t.Helper()
	s := &spb.Status{Code: int32(e.Code()), Message: e.Message()}
	for _, d := range e.Details() {
		s.Details = append(s.Details, &anypb.Any{TypeUrl: "type.googleapis.com/" + d.Type, Value: d.Value})
	}
	return fmt.Errorf("call: %w", status.FromProto(s).Err())
}

func TestConnectDetails(t *testing.T) {
	e := samples()["violations"].WithRetryAfter(90 * time.Second)
	got := kittest.Errors(t).Connect(e, "req-1")
	if got.Code() != connect.CodeInvalidArgument || got.Message() != "name: too long" {
		t.Errorf("got %v", got)
	}
	s, _ := status.FromError(errors.Unwrap(grpcCopy(t, got)))
	var info *errdetails.ErrorInfo
	var retry *errdetails.RetryInfo
	var bad *errdetails.BadRequest
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RetryInfo:
			retry = d
		case *errdetails.BadRequest:
			bad = d
		}
	}
	if info.GetReason() != "VALIDATION_FAILED" || info.GetDomain() != "sando" {
		t.Errorf("ErrorInfo = %v", info)
	}
	want := map[string]string{
		"origin": "sando", "retryable": "false", "http_status": "400", "request_id": "req-1",
		"retry_after": "90", "suggested_fix": "Read details.violations.",
	}
	if diff := cmp.Diff(want, info.GetMetadata()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if retry.GetRetryDelay().AsDuration() != 90*time.Second {
		t.Errorf("RetryInfo = %v", retry)
	}
	if v := bad.GetFieldViolations(); len(v) != 2 || v[1].GetField() != "a.b[1]" {
		t.Errorf("BadRequest = %v", bad)
	}
}

func TestWhatStaysPrivate(t *testing.T) {
	table := kittest.Errors(t)
	remote := table.Connect(rpcerr.New(rpcerr.NotFound, "account 42 of somebody else"), "r")
	tests := map[string]struct {
		err  error
		want rpcerr.Code
	}{
		"plain":             {errors.New("password is hunter2"), rpcerr.Internal},
		"wrapped plain":     {fmt.Errorf("store: %w", errors.New("hunter2")), rpcerr.Internal},
		"connect, by hand":  {connect.NewError(connect.CodeNotFound, "hunter2"), rpcerr.NotFound},
		"remote":            {connectCopy(remote), rpcerr.Internal},
		"remote, grpc":      {grpcCopy(t, remote), rpcerr.Internal},
		"remote in process": {remote.WithRemote(), rpcerr.Internal},
		"joined remote":     {errors.Join(errors.New("hunter2"), remote.WithRemote()), rpcerr.Internal},
		"cancelled":         {fmt.Errorf("hunter2: %w", context.Canceled), rpcerr.Cancelled},
		"deadline":          {fmt.Errorf("hunter2: %w", context.DeadlineExceeded), rpcerr.DeadlineExceeded},
		"body too large":    {fmt.Errorf("hunter2: %w", &http.MaxBytesError{Limit: 5}), rpcerr.RequestTooLarge},
		"cause is remote":   {rpcerr.New(rpcerr.Unavailable, "").WithCause(remote.WithRemote()), rpcerr.Unavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := string(table.Object(tt.err, "r"))
			if strings.Contains(got, "hunter2") || strings.Contains(got, "somebody else") {
				t.Errorf("private text shows: %s", got)
			}
			if sent := table.Connect(tt.err, "r"); strings.Contains(sent.Error()+fmt.Sprint(sent.Details()), "hunter2") {
				t.Errorf("private text shows: %v %v", sent, sent.Details())
			}
			var o struct{ Code rpcerr.Code }
			if err := json.Unmarshal([]byte(got), &o); err != nil || o.Code != tt.want {
				t.Errorf("code = %s (%v), want %s", o.Code, err, tt.want)
			}
		})
	}
}

func TestFromReadsWithoutRelay(t *testing.T) {
	table := kittest.Errors(t)
	remote := connectCopy(table.Connect(samples()["upstream"], "r"))
	got := table.From(remote)
	if got.Code != rpcerr.RateLimited || got.Message != "slow down" || got.Origin != "upstream" ||
		got.Status != 420 || got.RetryAfter != 1500*time.Millisecond || !errors.Is(got, remote.(interface{ Unwrap() error }).Unwrap()) {
		t.Errorf("From = %+v", got)
	}
	if table.From(nil) != nil {
		t.Error("From(nil) is an error")
	}
	if table.Connect(nil, "r") != nil {
		t.Error("Connect(nil) is an error")
	}
	if rpcerr.Relay(nil) != nil {
		t.Error("Relay(nil) is an error")
	}
}

func TestCodeOf(t *testing.T) {
	table := kittest.Errors(t)
	local := table.Connect(rpcerr.New(rpcerr.Conflict, ""), "r")
	tests := map[string]struct {
		err  error
		want rpcerr.Code
	}{
		"nil":               {nil, ""},
		"plain":             {errors.New("x"), ""},
		"own":               {fmt.Errorf("a: %w", rpcerr.New(rpcerr.NotFound, "")), rpcerr.NotFound},
		"shaped":            {local, rpcerr.Conflict},
		"remote":            {connectCopy(local), rpcerr.Conflict},
		"remote in process": {local.WithRemote(), rpcerr.Conflict},
		"joined remote":     {errors.Join(local.WithRemote()), rpcerr.Conflict},
		"remote, foreign":   {connect.NewError(connect.CodeNotFound, "").WithRemote(), ""},
	}
	for name, tt := range tests {
		if got := rpcerr.CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestConnectIsIdempotent(t *testing.T) {
	table := kittest.Errors(t)
	once := table.Connect(errors.New("x"), "req-1")
	if twice := table.Connect(once, "req-1"); twice != once {
		t.Error("an error in its final form was made anew")
	}
	late := table.Connect(table.Connect(errors.New("x"), ""), "req-2")
	if got := string(late.Details()[0].Value); !strings.Contains(got, "req-2") {
		t.Errorf("the id is not added to an error shaped without one: %q", got)
	}
}

func TestWithLeavesTheOriginalAlone(t *testing.T) {
	shared := rpcerr.New(rpcerr.NotFound, "x").WithDetail("a", 1)
	before := *shared
	changed := shared.WithCause(errors.New("c")).WithFix("f").WithDetail("b", 2).WithRetryAfter(time.Second)
	if diff := cmp.Diff(before.Details, shared.Details); diff != "" || shared.Fix != "" || errors.Unwrap(shared) != nil {
		t.Errorf("the original changed: %+v", shared)
	}
	if len(changed.Details) != 2 || changed.Fix != "f" || changed.RetryAfter != time.Second || errors.Unwrap(changed) == nil {
		t.Errorf("the copy lacks something: %+v", changed)
	}
}

func TestWriteHTTP(t *testing.T) {
	table := kittest.Errors(t)
	w := httptest.NewRecorder()
	w.Header().Set("Content-Encoding", "gzip")
	table.WriteHTTP(w, "req-1", samples()["upstream"])
	if w.Code != 420 || w.Header().Get("Retry-After") != "2" || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("status %d, headers %v", w.Code, w.Header())
	}
	want := `{"statusCode":420,"error":"","message":"slow down","code":"RATE_LIMITED","origin":"upstream",` +
		`"retryable":true,"retry_after":2,"suggested_fix":"Wait.","request_id":"req-1","raw_response":{"big":9007199254740993}}`
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
	w = httptest.NewRecorder()
	table.WriteHTTP(w, "req-1", rpcerr.New(rpcerr.Unauthenticated, ""))
	if got := w.Header().Get("WWW-Authenticate"); got != `Bearer realm="sando"` {
		t.Errorf("WWW-Authenticate = %q", got)
	}
}

func TestRawIsBoundedAndJSON(t *testing.T) {
	table := kittest.Errors(t)
	for name, raw := range map[string]string{
		"json":      `{"a":1}`,
		"html":      `<html>"bad gateway"</html>`,
		"long json": `"` + strings.Repeat("é", 9000) + `"`,
		"long text": strings.Repeat("x", 90000),
		"binary":    "\xff\xfe\x00",
	} {
		e := rpcerr.New(rpcerr.Unavailable, "")
		e.Raw = json.RawMessage(raw)
		object := table.Object(e, "r")
		if !json.Valid(object) || len(object) > 9<<10 {
			t.Errorf("%s: %d bytes, valid %t", name, len(object), json.Valid(object))
		}
	}
}

func TestDetailsThatDoNotEncode(t *testing.T) {
	table := kittest.Errors(t)
	e := rpcerr.New(rpcerr.Conflict, "x").WithDetail("f", func() {})
	if got := table.Object(e, "r"); !json.Valid(got) || !strings.Contains(string(got), "CONFLICT") {
		t.Errorf("got %s", got)
	}
	bad := rpcerr.New(rpcerr.Conflict, "\xff").WithFix("\xff")
	if got := rpcerr.CodeOf(connectCopy(table.Connect(bad, "r"))); got != rpcerr.Conflict {
		t.Errorf("text that is not UTF-8 lost the code: %q", got)
	}
}
