package proxy

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
)

const record = `{"contract":{"id":7,"name":"x"},"user":{"id":7},"file":{"id":7}}`

// keyed adds an Idempotency-Key.
func keyed(r request, key string) request {
	header := map[string]string{"Idempotency-Key": key}
	maps.Copy(header, r.header)
	r.header = header
	return r
}

// with adds a header.
func with(r request, name, value string) request {
	header := map[string]string{name: value}
	maps.Copy(header, r.header)
	r.header = header
	return r
}

// TestS2WriteIdentity: a key that was used for one request is refused for any
// other, and answered for the same one.
func TestS2WriteIdentity(t *testing.T) {
	b, provider := newScripted(t, replies(200, "application/json", record))
	custom := request{method: "PUT", path: "/custom/users/1", body: `{"a":1}`}
	create := request{method: "POST", path: "/proxy/contracts", body: `{"name":"x","idApp":1,"status":"active"}`}
	update := request{method: "PATCH", path: "/proxy/users/1", body: `{"lifecycleStatus":"active"}`}
	upload := formOf(t, "a.csv", "a,b\n", map[string]string{"type": "attachment"})
	attachment := map[string]string{"type": "attachment"}
	at := func(r request, method, path string) request {
		r.method, r.path = method, path
		return r
	}
	saying := func(r request, body string) request {
		r.body = body
		return r
	}
	raw := func(r request) request { return with(r, "Sando-Raw", "true") }
	typed := func(r request, mediaType string) request { return with(r, "Content-Type", mediaType) }
	for name, pair := range map[string][2]request{
		"custom: path":               {custom, at(custom, "PUT", "/custom/users/2")},
		"custom: path, escaped":      {custom, at(custom, "PUT", "/custom/users/%31")},
		"custom: path, DELETE":       {{method: "DELETE", path: "/custom/users/1"}, {method: "DELETE", path: "/custom/users/2"}},
		"custom: verb":               {custom, at(custom, "PATCH", "/custom/users/1")},
		"custom: verb, no body":      {{method: "POST", path: "/custom/x"}, {method: "DELETE", path: "/custom/x"}},
		"custom: query":              {custom, at(custom, "PUT", "/custom/users/1?force=true")},
		"custom: query order":        {at(custom, "PUT", "/custom/users/1?a=1&b=2"), at(custom, "PUT", "/custom/users/1?b=2&a=1")},
		"custom: query escapes":      {at(custom, "PUT", "/custom/users/1?a=b"), at(custom, "PUT", "/custom/users/1?a=%62")},
		"custom: path and query":     {at(custom, "PUT", "/custom/users/1?a=b"), at(custom, "PUT", "/custom/users/1%3Fa=b")},
		"custom: body":               {custom, saying(custom, `{"a":2}`)},
		"custom: whitespace":         {custom, saying(custom, `{"a": 1}`)},
		"custom: content type":       {custom, typed(custom, "text/plain")},
		"custom: content parameter":  {custom, typed(custom, "application/json; charset=utf-8")},
		"custom: no body":            {custom, saying(custom, "")},
		"custom: raw":                {custom, raw(custom)},
		"custom and proxy":           {at(create, "POST", "/custom/contracts"), create},
		"custom and proxy, raw":      {raw(at(create, "POST", "/custom/contracts")), raw(create)},
		"proxy: raw":                 {raw(create), create},
		"proxy: body":                {create, saying(create, `{"name":"y","idApp":1,"status":"active"}`)},
		"proxy: content type":        {create, typed(create, "application/merge-patch+json")},
		"proxy: query":               {create, at(create, "POST", "/proxy/contracts?x=1")},
		"proxy: record":              {update, at(update, "PATCH", "/proxy/users/2")},
		"proxy: verb":                {update, at(update, "PUT", "/proxy/users/1")},
		"proxy: record, DELETE":      {{method: "DELETE", path: "/proxy/contracts/1"}, {method: "DELETE", path: "/proxy/contracts/2"}},
		"proxy: operation":           {update, {method: "DELETE", path: "/proxy/contracts/1"}},
		"upload: file name":          {upload, formOf(t, "b.csv", "a,b\n", attachment)},
		"upload: extension":          {upload, formOf(t, "a.xlsx", "a,b\n", attachment)},
		"upload: bytes":              {upload, formOf(t, "a.csv", "a,c\n", attachment)},
		"upload: type":               {upload, formOf(t, "a.csv", "a,b\n", map[string]string{"type": "contract"})},
		"upload: raw":                {upload, raw(formOf(t, "a.csv", "a,b\n", attachment))},
		"upload: query":              {upload, at(upload, "POST", "/proxy/files/upload?x=1")},
		"upload and another request": {upload, create},
	} {
		t.Run(name, func(t *testing.T) {
			b.t = t
			for key, two := range map[string][2]request{name: pair, name + ", reversed": {pair[1], pair[0]}} {
				provider.script(replies(200, "application/json", record))
				first := b.do(keyed(two[0], key))
				if first.status != http.StatusOK {
					t.Fatalf("first: %d %s", first.status, first.body)
				}
				b.refused(b.do(keyed(two[1], key)), 409, "IDEMPOTENCY_KEY_REUSED")
				again := b.do(keyed(two[0], key))
				if !bytes.Equal(again.body, first.body) || again.header.Get("Sando-Idempotent-Replay") != "true" {
					t.Errorf("again: %d %v %s, first %s", again.status, again.header, again.body, first.body)
				}
				if n := provider.times(""); n != 1 {
					t.Errorf("%d calls reached the provider, want 1", n)
				}
			}
		})
	}
	t.Run("account", func(t *testing.T) {
		b.t = t
		provider.script(replies(200, "application/json", record))
		for _, of := range []string{account, accountOther} {
			r := keyed(at(custom, "PUT", "/custom/users/1?integrated_account_id="+of), "account")
			r.token = tokenAll
			if a := b.do(r); a.status != http.StatusOK || a.header.Get("Sando-Idempotent-Replay") != "" {
				t.Errorf("%s: %d %v %s", of, a.status, a.header, a.body)
			}
		}
		if n := provider.times(""); n != 2 {
			t.Errorf("%d calls reached the provider, want one of each account", n)
		}
	})
}

// writesOverRPC are the ways to a client that sends a key.
func writesOverRPC() map[string][]connecthttp.Option {
	return map[string][]connecthttp.Option{
		"Connect":      {connecthttp.WithSendCodec(connect.CodecNameProto)},
		"Connect JSON": {jsonCodec(), connecthttp.WithSendCodec(connect.CodecNameJSON)},
		"gRPC":         {connecthttp.WithGRPC()},
		"gRPC-Web":     {connecthttp.WithGRPCWeb()},
	}
}

// TestS2WriteIdentityOverRPC: the same over every RPC transport, and a call of
// REST is the same write as its RPC.
func TestS2WriteIdentityOverRPC(t *testing.T) {
	b, provider := newScripted(t, replies(200, "application/json", record))
	custom := func(verb, path, query, body string) func(proxyv1connect.ProxyServiceClient) error {
		return func(c proxyv1connect.ProxyServiceClient) error {
			_, err := c.Custom(t.Context(), &proxyv1.CustomRequest{HttpMethod: &verb, Path: path, Query: &query, Body: rawJSON(body)})
			return err
		}
	}
	update := func(id, body string) func(proxyv1connect.ProxyServiceClient) error {
		return func(c proxyv1connect.ProxyServiceClient) error {
			_, err := c.Update(t.Context(), &proxyv1.UpdateRequest{Resource: "users", Id: id, Body: rawJSON(body)})
			return err
		}
	}
	remove := func(id string) func(proxyv1connect.ProxyServiceClient) error {
		return func(c proxyv1connect.ProxyServiceClient) error {
			_, err := c.Delete(t.Context(), &proxyv1.DeleteRequest{Resource: "contracts", Id: id})
			return err
		}
	}
	first := custom("PUT", "users/1", "a=1", `{"a":1}`)
	body := `{"lifecycleStatus":"active"}`
	for way, options := range writesOverRPC() {
		for name, pair := range map[string][2]func(proxyv1connect.ProxyServiceClient) error{
			"Custom: path":       {first, custom("PUT", "users/2", "a=1", `{"a":1}`)},
			"Custom: verb":       {first, custom("PATCH", "users/1", "a=1", `{"a":1}`)},
			"Custom: query":      {first, custom("PUT", "users/1", "a=2", `{"a":1}`)},
			"Custom: body":       {first, custom("PUT", "users/1", "a=1", `{"a":2}`)},
			"Update: record":     {update("1", body), update("2", body)},
			"Update: body":       {update("1", body), update("1", `{"lifecycleStatus":"offboarding"}`)},
			"Delete: record":     {remove("1"), remove("2")},
			"Custom and Update":  {custom("PUT", "users/1", "", body), update("1", body)},
			"Delete and another": {remove("1"), update("1", body)},
		} {
			t.Run(way+", "+name, func(t *testing.T) {
				b.t = t
				provider.script(replies(200, "application/json", record))
				client := b.over(map[string]string{"Idempotency-Key": way + name}, options...)
				if err := pair[0](client); err != nil {
					t.Fatal(err)
				}
				if code := b.rpcCode(pair[1](client)); code != "IDEMPOTENCY_KEY_REUSED" {
					t.Errorf("another request: %q", code)
				}
				if err := pair[0](client); err != nil {
					t.Errorf("the same request: %v", err)
				}
				if n := provider.times(""); n != 1 {
					t.Errorf("%d calls reached the provider, want 1", n)
				}
			})
		}
		t.Run(way+" and REST", func(t *testing.T) {
			b.t = t
			provider.script(replies(200, "application/json", record))
			client := b.over(map[string]string{"Idempotency-Key": "REST and " + way}, options...)
			a := b.do(keyed(request{method: "PATCH", path: "/proxy/users/1", body: body}, "REST and "+way))
			b.ok(a)
			if err := update("1", body)(client); err != nil {
				t.Error(err)
			}
			if n := provider.times(""); n != 1 {
				t.Errorf("%d calls reached the provider, want 1", n)
			}
		})
	}
}

// TestS3Replay: what is replayed is what was answered first, byte for byte, in
// whichever form; and never in another.
func TestS3Replay(t *testing.T) {
	answers := map[string]struct {
		status          int
		mediaType, body string
	}{
		"JSON":             {200, "application/json", record},
		"201":              {201, "application/json; charset=utf-8", record},
		"JSON, spaced":     {200, "application/json", " { \"contract\" : {\"id\": 1} }\n"},
		"an envelope's":    {200, "text/plain", `1,"next_cursor":"EVIL","injected":true`},
		"HTML":             {200, "text/html; charset=utf-8", "<html><body>Sign in</body></html>"},
		"text":             {200, "text/csv", "a,b\n"},
		"no type":          {200, "", "\x00\xff"},
		"nothing":          {204, "", ""},
		"another contract": {200, "application/json", `{"contract":{"contract":{"id":1}},"result":1}`},
	}
	create := `{"name":"x","idApp":1,"status":"active"}`
	forms := map[string]request{
		"proxy":       {method: "POST", path: "/proxy/contracts", body: create},
		"proxy, raw":  {method: "POST", path: "/proxy/contracts", body: create, header: map[string]string{"Sando-Raw": "true"}},
		"custom":      {method: "POST", path: "/custom/contracts", body: create},
		"custom, raw": {method: "POST", path: "/custom/contracts", body: create, header: map[string]string{"Sando-Raw": "true"}},
	}
	b, provider := newScripted(t, nil)
	for name, tt := range answers {
		for form, r := range forms {
			t.Run(name+" on "+form, func(t *testing.T) {
				b.t = t
				provider.script(replies(tt.status, tt.mediaType, tt.body))
				key := name + form
				first, again := b.do(keyed(r, key)), b.do(keyed(r, key))
				if n := provider.times(""); n != 1 {
					t.Errorf("sent %d times", n)
				}
				raw := r.header["Sando-Raw"] == "true"
				if raw && (string(first.body) != tt.body || tt.mediaType != "" && first.header.Get("Content-Type") != tt.mediaType) {
					t.Errorf("raw answer %v %q, want %s %q", first.header, first.body, tt.mediaType, tt.body)
				}
				if first.status != http.StatusOK {
					b.refused(again, 502, "OUTCOME_UNKNOWN")
					return
				}
				if !raw {
					b.ok(first)
				}
				same := first.status == again.status && bytes.Equal(first.body, again.body) && first.header.Get("Content-Type") == again.header.Get("Content-Type")
				if !same || again.header.Get("Sando-Idempotent-Replay") != "true" {
					t.Errorf("first %d %v %s\nagain %d %v %s", first.status, first.header, first.body, again.status, again.header, again.body)
				}
				for other, r := range forms {
					if other != form {
						b.refused(b.do(keyed(r, key)), 409, "IDEMPOTENCY_KEY_REUSED")
					}
				}
			})
		}
	}
}

// TestS3ReplayOverRPC: the status of the first answer comes with its replay.
func TestS3ReplayOverRPC(t *testing.T) {
	b, _ := newScripted(t, replies(201, "application/json", record))
	for way, options := range writesOverRPC() {
		t.Run(way, func(t *testing.T) {
			b.t = t
			client := b.over(map[string]string{"Idempotency-Key": way}, options...)
			var told []string
			for range 2 {
				verb := "POST"
				res, err := client.Custom(t.Context(), &proxyv1.CustomRequest{HttpMethod: &verb, Path: "contracts", Body: rawJSON(`{}`)})
				if err != nil {
					t.Fatal(err)
				}
				told = append(told, fmt.Sprintf("%d %s", res.GetUpstreamStatus(), res.GetResult().GetJson()))
			}
			if told[0] != "201 "+record || told[1] != told[0] {
				t.Errorf("first %s, again %s", told[0], told[1])
			}
		})
	}
}
