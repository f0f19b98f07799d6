package auth_test

import (
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
)

// TestS10ZeroValues: what a client sends for a time or an id that nobody has set makes no token that never ends, and selects nothing and all by no chance.
func TestS10ZeroValues(t *testing.T) {
	w := start(t)
	for _, expiry := range []string{
		`"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00"`, `"0001-01-01T00:00:00+00:00"`, `"0001-01-01T01:00:00+01:00"`, `"0001-01-01T00:00:00.000Z"`,
		`"9999-12-31T23:59:59.9999999Z"`, `"9999-12-31T23:59:59.9999999"`, `"9999-12-31T00:00:00Z"`, `"1970-01-01T00:00:00Z"`, `"1970-01-01T00:00:00.000Z"`,
		`"-1000000000-01-01T00:00:00Z"`, `"+1000000000-12-31T23:59:59.999999999Z"`, `"Invalid Date"`, `"NaN"`, `"null"`, `""`, `"0"`, `0`, `-62135596800`, `null`, `{}`, `[]`, `false`,
		`"0000-00-00T00:00:00Z"`, `"/Date(-62135596800000)/"`, `"2020-01-01T00:00:00Z"`,
	} {
		a := w.call(w.token, "POST", "/api-token", `{"expires_at":`+expiry+`}`).want(400, "VALIDATION_FAILED")
		if !strings.Contains(a.text("message"), "expires_at") {
			t.Errorf("%s is refused with %s", expiry, a.raw)
		}
	}
	tokens := authv1connect.NewApiTokenServiceClient(connect.NewClient(connectinprocess.New(w.service.PublicServer()), access.BearerOut()))
	caller := access.WithCaller(t.Context(), &access.Caller{Bearer: w.token})
	for _, expiry := range []*timestamppb.Timestamp{
		{}, {Seconds: -62135596800}, {Seconds: 253402300799}, {Seconds: -1}, {Seconds: 1 << 62}, {Seconds: -1 << 62}, {Seconds: 4102444800, Nanos: -1}, {Seconds: 4102444800, Nanos: 1e9},
	} {
		_, err := tokens.CreateApiToken(caller, &authv1.CreateApiTokenRequest{ExpiresAt: expiry})
		w.wantCode(err, "VALIDATION_FAILED")
	}
	if made := w.call(w.token, "GET", "/api-token", "").want(200).list(); len(made) != 1 {
		t.Errorf("%d tokens were made", len(made)-1)
	}
	for _, path := range []string{"/log", "/integrated-account"} {
		for _, filter := range []string{"created_at[gt]", "created_at[lt]"} {
			for _, bad := range []string{"0001-01-01T00:00:00Z", "0001-01-01", "9999-12-31T23:59:59.9999999Z", "Invalid Date", "NaN", "null", "", "0", "-1000000000-01-01T00:00:00Z"} {
				a := w.call(w.token, "GET", path+"?"+url.QueryEscape(filter)+"="+url.QueryEscape(bad), "").want(400, "VALIDATION_FAILED")
				if !strings.Contains(a.text("message"), "created_at") {
					t.Errorf("%s: %s=%s is refused with %s", path, filter, bad, a.raw)
				}
			}
		}
	}
	// The epoch is a time: all came after it, and nothing before.
	all, none := w.call(w.token, "GET", "/log?created_at[gt]=1970-01-01T00:00:00.000Z", "").want(200).list(), w.call(w.token, "GET", "/log?created_at[lt]=1970-01-01T00:00:00Z", "").want(200).list()
	if len(all) == 0 || len(none) != 0 {
		t.Errorf("after the epoch %d, before it %d", len(all), len(none))
	}
	const zeros = "00000000-0000-0000-0000-000000000000"
	for _, call := range [][3]string{
		{"GET", "/log?integrated_account_id=", ""},
		{"GET", "/log?integrated_account_id=" + zeros, ""},
		{"GET", "/log?mcp_server_id=", ""},
		{"GET", "/log?mcp_server_id=" + zeros, ""},
		{"GET", "/integrated-account?tenant_id=", ""},
		{"GET", "/integrated-account/" + zeros, ""},
		{"DELETE", "/api-token/" + zeros, ""},
		{"POST", "/api-token", `{"integrated_account_ids":["` + zeros + `"]}`},
		{"POST", "/api-token", `{"integrated_account_ids":[""]}`},
		{"POST", "/link-token", `{"integrated_account_id":"` + zeros + `"}`},
		{"POST", "/link-token", `{"tenant_id":"` + zeros + `"}`},
		{"POST", "/integrated-account/token", `{"integrated_account_id":"` + zeros + `"}`},
		{"PATCH", "/environment/" + w.environment, `{"log_retention":"-1s"}`},
		{"PATCH", "/environment/" + w.environment, `{"log_retention":"9223372036.854775807s"}`},
		{"PATCH", "/environment/" + w.environment, `{"log_retention":"315576000000s"}`},
		{"PATCH", "/environment/" + w.environment, `{"log_retention":"NaN"}`},
		{"PATCH", "/environment/" + w.environment, `{"log_retention":null}`},
	} {
		w.call(w.token, call[0], call[1], call[2]).want(400, "VALIDATION_FAILED")
	}
}
