package auth_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/mtls"
)

// route is one REST route of the service.
type route struct{ method, path string }

// routes reads the routes of a server off the annotations of its procedures.
func routes(t *testing.T, server *connect.Server) []route {
	t.Helper()
	var all []route
	for spec := range server.Specs() {
		md, ok := spec.Schema.(protoreflect.MethodDescriptor)
		if !ok {
			t.Fatalf("%s has no schema", spec.Procedure)
		}
		rule, ok := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
		if !ok || rule == nil {
			t.Fatalf("%s has no route", spec.Procedure)
		}
		for _, r := range []route{{"GET", rule.GetGet()}, {"POST", rule.GetPost()}, {"PATCH", rule.GetPatch()}, {"DELETE", rule.GetDelete()}} {
			if r.path != "" {
				all = append(all, r)
			}
		}
	}
	slices.SortFunc(all, func(a, b route) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

// Who may do what: every route is walked with every kind of token, aimed at the token's own environment and at another one. The table is part of
// the reference; a new route shows up here.
func TestAuthority(t *testing.T) {
	w := start(t)
	account := w.link(w.token, "t1", goodKey)
	_, stranger := w.newEnvironment("Other")
	foreign := w.link(stranger, "t1", otherKey)
	servers := internalauthv1connect.NewMcpServerRecordServiceClient(w.internal)
	server, err := servers.CreateMcpServerRecord(access.WithCaller(t.Context(), &access.Caller{Bearer: w.token}),
		&iv1.CreateMcpServerRecordRequest{Server: &iv1.McpServer{IntegratedAccountId: account, Name: "agent", Read: true, Write: true}})
	if err != nil {
		t.Fatal(err)
	}
	token := func(body string) string { return w.call(w.token, "POST", "/api-token", body).want(200).text("token") }
	columns := []struct{ name, token, account string }{
		{"no token", "", account},
		{"API token", w.token, account},
		{"read-only API token", token(`{"access":["read"]}`), account},
		{"write-only API token", token(`{"access":["write"]}`), account},
		{"API token for proxy only", token(`{"services":["proxy"]}`), account},
		{"account token", w.accountToken(account), account},
		{"MCP token", server.GetToken(), account},
		{"link token", w.call(w.token, "POST", "/link-token", `{"tenant_id":"t"}`).want(200).text("link_token"), account},
		{"API token, other environment's object", w.token, foreign},
	}
	var table strings.Builder
	table.WriteString("| route |")
	for _, c := range columns {
		table.WriteString(" " + c.name + " |")
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, r := range routes(t, w.service.PublicServer()) {
		fmt.Fprintf(&table, "| `%s %s` |", r.method, r.path)
		for _, c := range columns {
			fmt.Fprintf(&table, " %s |", w.verdict(r, c.token, c.account))
		}
		table.WriteString("\n")
	}
	kittest.Golden(t, "authority.md", []byte(table.String()))
	if got := w.call(stranger, "GET", "/integrated-account/"+foreign, "").want(200); got.text("status") != "active" {
		t.Errorf("the walk changed another environment's account: %s", got.raw)
	}
}

// verdict calls a route with a request that is too poor to change anything, and says how far it got.
func (w *world) verdict(r route, token, account string) string {
	w.t.Helper()
	path, body := strings.ReplaceAll(r.path, "{id}", account), ""
	if r.method == http.MethodPost || r.method == http.MethodPatch {
		body = `{}`
	}
	switch {
	case strings.HasPrefix(r.path, "/environment/{id}"):
		path = "/environment/" + w.environment
		if account != "" && !w.owns(account) {
			path = "/environment/" + account
		}
	case strings.HasSuffix(r.path, "/token"), strings.HasSuffix(r.path, "refresh-credentials"):
		body = `{"integrated_account_id":"` + account + `"}`
		if strings.HasSuffix(r.path, "refresh-credentials") {
			body = `{"id":"` + account + `"}`
		}
	case r.method == http.MethodDelete && w.owns(account):
		path = strings.ReplaceAll(r.path, "{id}", "no-such-id")
	case strings.HasSuffix(r.path, "/credentials"):
		body = `{"context":{"api_key":"not-a-good-key"}}`
	case r.path == "/link-token":
		body = `{"integrated_account_id":"` + account + `"}`
	}
	got := w.call(token, r.method, path, body)
	switch got.status {
	case http.StatusUnauthorized:
		return "401"
	case http.StatusForbidden:
		return "403"
	case http.StatusNotFound:
		if r.method == http.MethodDelete && w.owns(account) {
			return "yes"
		}
		return "404"
	case http.StatusOK, http.StatusBadRequest, http.StatusNotImplemented:
		return "yes"
	default:
		w.t.Errorf("%s %s: %s", r.method, path, got.raw)
		return "?"
	}
}

// owns says whether the account is of the first environment.
func (w *world) owns(account string) bool {
	return w.call(w.token, "GET", "/integrated-account/"+account, "").status == http.StatusOK
}

// Over the network the internal mount asks for a certificate, and each procedure for the right service.
func TestInternalMountKnowsItsPeers(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	ca := kittest.NewCA(t, "auth", "proxy", "unified", "mcp", "stranger")
	table, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	mux := edge.NewMux(edge.MuxOptions{Errors: table, JSON: access.JSON(), Log: w.log.Logger})
	internal := edge.NewMux(edge.MuxOptions{Errors: table, JSON: access.JSON(), Log: w.log.Logger})
	if err := w.service.Mount(mux, internal); err != nil {
		t.Fatal(err)
	}
	serverTLS, err := mtls.Server(ca.Files("auth"), "proxy", "unified", "mcp")
	if err != nil {
		t.Fatal(err)
	}
	server, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), internal.Handler(), serverTLS)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- server.Run(context.WithoutCancel(t.Context())) }()
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
		<-done
	})
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: w.accountToken(id)})
	lease := func(service string) error {
		t.Helper()
		clientTLS, err := mtls.Client(ca.Files(service), "auth")
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: clientTLS}
		defer transport.CloseIdleConnections()
		client := connect.NewClient(connecthttp.NewTransport(&http.Client{Transport: transport}, "https://"+server.Addr()), access.BearerOut())
		_, err = internalauthv1connect.NewCredentialServiceClient(client).LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
		return err
	}
	if err := lease("proxy"); err != nil {
		t.Errorf("the proxy: %v", err)
	}
	for _, service := range []string{"unified", "mcp"} {
		w.wantCode(lease(service), "PERMISSION_DENIED")
	}
	if err := lease("stranger"); err == nil {
		t.Error("a stranger got through the handshake")
	}
}
