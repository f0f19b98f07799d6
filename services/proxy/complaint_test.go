package proxy

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/sando-dev/sando/catalog"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
)

// fileSteps are the operations on files that steps does not call.
func fileSteps() []step {
	return []step{
		{operation: "files.create", method: "POST", path: "files", body: `{"path":"a/b","type":"attachment"}`},
		{operation: "files.get", path: "files/1"},
		{operation: "files.download", path: "files/1/download"},
		{operation: "files.upload", method: "POST", path: "files/upload"},
	}
}

// TestD9EveryOperationShowsTheMessage has the provider refuse every operation of
// the catalog in each of its shapes. The text comes through on REST and RPC.
func TestD9EveryOperationShowsTheMessage(t *testing.T) {
	b, provider := newProvider(t)
	client := b.rpc(tokenAccount)
	word := regexp.MustCompile(`<[\w ]+>`)
	called := map[string]bool{}
	for _, s := range append(steps(), fileSteps()...) {
		if called[s.operation] {
			continue
		}
		called[s.operation] = true
		s.path, s.body = word.ReplaceAllString(s.path, "1"), word.ReplaceAllString(s.body, "1")
		for _, status := range []int{400, 403, 409, 422} {
			for shape, body := range map[string]string{
				"Boom":           `{"statusCode":%[1]d,"error":"An Error","message":"says %[2]s"}`,
				"Boom with code": `{"statusCode":%[1]d,"error":"An Error","message":"says %[2]s","code":"A_RULE"}`,
				"SCIM":           `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"says %[2]s","scimType":"A_RULE","status":"%[1]d"}`,
			} {
				provider.say(status, fmt.Sprintf(body, status, s.operation))
				request := request{method: s.method, path: "/proxy/" + s.path, body: s.body}
				if s.operation == "files.upload" {
					request = formOf(t, "a.csv", "x", map[string]string{"type": "expenseReport"})
				}
				rest := b.decode(b.do(request))
				rpc := b.auth.errors.From(b.invoke(client, s))
				want, rule := "says "+s.operation, shape != "Boom"
				if rest.Message != want || rest.StatusCode != status || (rest.Details["upstream_code"] == "A_RULE") != rule {
					t.Errorf("%s, %s by REST: %d %s %q %v", s.operation, shape, rest.StatusCode, rest.Code, rest.Message, rest.Details)
				}
				if rpc.Message != want || string(rpc.Code) != rest.Code || (rpc.Details["upstream_code"] == "A_RULE") != rule {
					t.Errorf("%s, %s by RPC: %s %q %v", s.operation, shape, rpc.Code, rpc.Message, rpc.Details)
				}
			}
		}
	}
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range data.Operations("torii") {
		if !called[strings.TrimPrefix(op.GetId(), "torii.")] {
			t.Errorf("%s is called by no step", op.GetId())
		}
	}
}

// invoke calls the operation of a step by RPC.
func (b *bench) invoke(client proxyv1connect.ProxyServiceClient, s step) error {
	b.t.Helper()
	path, query, _ := strings.Cut(s.path, "?")
	resource, rest, _ := strings.Cut(path, "/")
	id, method, _ := strings.Cut(rest, "/")
	ctx := b.t.Context()
	var err error
	switch _, name, _ := strings.Cut(s.operation, "."); name {
	case "list":
		_, err = client.List(ctx, &proxyv1.ListRequest{Resource: resource, Query: &query})
	case "get":
		_, err = client.Get(ctx, &proxyv1.GetRequest{Resource: resource, Id: id, Query: &query})
	case "create":
		_, err = client.Create(ctx, &proxyv1.CreateRequest{Resource: resource, Query: &query, Body: rawJSON(s.body)})
	case "update":
		_, err = client.Update(ctx, &proxyv1.UpdateRequest{Resource: resource, Id: id, Query: &query, Body: rawJSON(s.body)})
	case "delete":
		_, err = client.Delete(ctx, &proxyv1.DeleteRequest{Resource: resource, Id: id, Query: &query})
	case "upload":
		err = upload(b, client)
	case "download":
		err = download(b, client, id)
	default:
		r := &proxyv1.InvokeRequest{Resource: resource, Method: name, Query: &query}
		if method != "" {
			r.Id = &id
		}
		if s.body != "" {
			r.Body = rawJSON(s.body)
		}
		_, err = client.Invoke(ctx, r)
	}
	return err
}

func upload(b *bench, client proxyv1connect.ProxyServiceClient) error {
	stream, err := client.Upload(b.t.Context())
	if err != nil {
		return err
	}
	for _, part := range []*proxyv1.UploadRequest{
		{Part: &proxyv1.UploadRequest_Description{Description: &proxyv1.UploadDescription{FileName: "a.csv", Type: "expenseReport"}}},
		{Part: &proxyv1.UploadRequest_Chunk{Chunk: []byte("x")}},
	} {
		if stream.Send(part) != nil {
			break // the answer says why
		}
	}
	_, err = stream.CloseAndReceive()
	return err
}

func download(b *bench, client proxyv1connect.ProxyServiceClient, id string) error {
	stream, err := client.Download(b.t.Context(), &proxyv1.DownloadRequest{Id: id})
	if err != nil {
		return err
	}
	defer stream.Close()
	_, err = stream.Receive()
	return err
}

// What a 403 says is missing is reported, from wherever the format finds it.
func TestD9MissingScopes(t *testing.T) {
	b, provider := newProvider(t)
	for body, want := range map[string]string{
		`{"message":"missing_required_scope: users:read apps:read"}`:           "[users:read apps:read]",
		`{"detail":"missing_required_scope users:write","scimType":"noScope"}`: "[users:write]",
		`{"message":"no"}`: "[]",
		`<p>no</p>`:        "[]",
	} {
		provider.say(http.StatusForbidden, body)
		b.refused(b.get("/proxy/users"), http.StatusForbidden, "UPSTREAM_FORBIDDEN")
		b.auth.mu.Lock()
		report := b.auth.reports[len(b.auth.reports)-1]
		b.auth.mu.Unlock()
		if got := fmt.Sprint(report.GetMissingScopes()); got != want {
			t.Errorf("%s: missing scopes %s, want %s", body, got, want)
		}
	}
}

// A message that is no text is told as well as it can be.
func TestD9MessagesOfOtherKinds(t *testing.T) {
	b, provider := newProvider(t)
	for body, want := range map[string]string{
		`{"message":["name is too long","id is no number"]}`: "name is too long; id is no number",
		`{"message":{"id":[7]}}`:                             `{"id":[7]}`,
		`{"message":42}`:                                     "42",
		`{"message":{"id":7},"detail":"SCIM says no"}`:       "SCIM says no",
	} {
		provider.say(http.StatusBadRequest, body)
		if e := b.decode(b.get("/proxy/users")); e.StatusCode != http.StatusBadRequest || e.Message != want {
			t.Errorf("%s: %d %q, want %q", body, e.StatusCode, e.Message, want)
		}
	}
}
