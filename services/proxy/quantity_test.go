package proxy

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/sando-dev/sando/emulator"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
)

// TestS12Quantities: a wait, a page size and a time limit are taken as they are written, or refused by name; none wraps around, is cut or has a sign.
func TestS12Quantities(t *testing.T) {
	b := newBench(t, emulator.Options{Users: 1})
	transports := map[string][]connecthttp.Option{"Connect": nil, "gRPC": {connecthttp.WithGRPC()}, "gRPC-Web": {connecthttp.WithGRPCWeb()}}
	for _, wait := range []string{"0", "5", "60", "5s", "1.5s", "500ms", "1m"} {
		b.ok(b.do(request{path: "/proxy/me", header: map[string]string{"Sando-Max-Wait": wait}}))
	}
	for _, wait := range []string{
		"18446744074", "18446744073709551616", "9223372036854775807", "9223372036854775808", "9223372037", "-9223372036", "1e9s", "1e9", "-1s", "-1", "-0", "1.5", "+5", "+5s",
		"5 s", "0x10", "NaN", "Inf", "null", "undefined", "", "05", "00", "5,5s", "5s, 5s", "61", "61s", "2562047h47m16.854775807s", "2562048h", "1_0", "\u0665", "5d", ".5s", "PT5S",
	} {
		header := map[string]string{"Sando-Max-Wait": wait}
		if e := b.refused(b.do(request{path: "/proxy/me", header: header}), http.StatusBadRequest, "VALIDATION_FAILED"); !strings.Contains(e.Message, "Sando-Max-Wait: must be ") {
			t.Errorf("%q is refused with %q", wait, e.Message)
		}
		for name, options := range transports {
			// A client leaves out what is empty, and gRPC what is not ASCII.
			if wait == "" || wait == "\u0665" {
				continue
			}
			_, err := b.over(header, options...).Get(t.Context(), &proxyv1.GetRequest{Resource: "users", Id: "1"})
			if code := b.rpcCode(err); code != "VALIDATION_FAILED" {
				t.Errorf("%s: %q: %q", name, wait, code)
			}
		}
	}
	for _, limit := range []string{
		"0", "-1", "+5", "05", "00", " 5", "5 ", "5.0", "1e2", "0x10", "1_0", "\u0665", "\uff15", "NaN", "null", "", "4294967297", "9223372036854775808", "18446744073709551617", "true",
	} {
		for _, path := range []string{"/proxy/users", "/proxy/roles"} {
			e := b.refused(b.get(path+"?limit="+url.QueryEscape(limit)), http.StatusBadRequest, "VALIDATION_FAILED")
			if !strings.Contains(e.Message, "limit: must be ") {
				t.Errorf("%s: limit %q is refused with %q", path, limit, e.Message)
			}
		}
	}
	for name, values := range map[string][]string{
		"Connect-Timeout-Ms": {"-1", "99999999999", "9223372036854775808", "1.5", "0x10", "1e3", "5s", "NaN"},
		"Grpc-Timeout":       {"-1S", "999999999S", "9223372036854775808S", "1.5S", "0x1S", "5", "5s", "NaN", "S"},
	} {
		for _, value := range values {
			media, body, says := "application/proto", "", `"code":"invalid_argument"`
			if name == "Grpc-Timeout" {
				media, body, says = "application/grpc-web+proto", "\x00\x00\x00\x00\x00", "grpc-status: 3"
			}
			a := b.do(request{
				method: http.MethodPost, path: proxyv1connect.ProxyServiceGetProcedure, body: body, header: map[string]string{name: value, "Content-Type": media},
			})
			if told := string(a.body) + " grpc-status: " + a.header.Get("Grpc-Status"); !strings.Contains(told, says) {
				t.Errorf("%s: %q: %d %q", name, value, a.status, told)
			}
		}
	}
}
