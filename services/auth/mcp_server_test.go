package auth_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

func TestMCPServers(t *testing.T) {
	w := start(t)
	id := w.link(w.token, "t1", goodKey)
	servers := internalauthv1connect.NewMcpServerRecordServiceClient(w.internal)
	introspection := internalauthv1connect.NewIntrospectionServiceClient(w.internal)
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: w.token})

	spec := &iv1.McpServer{
		IntegratedAccountId: id, Name: "agent", Config: []byte(`{"methods":["read"]}`), Operations: []string{"torii.users.list"}, Read: true,
		RequireApiTokenAuth: true, ExpiresAt: timestamppb.New(w.clock.Now().Add(time.Hour)),
	}
	made, err := servers.CreateMcpServerRecord(ctx, &iv1.CreateMcpServerRecordRequest{Server: spec})
	if err != nil {
		t.Fatal(err)
	}
	look := func(token, second string) *iv1.IntrospectResponse {
		t.Helper()
		r := &iv1.IntrospectRequest{Token: token}
		if second != "" {
			r.SecondToken = &second
		}
		res, err := introspection.Introspect(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := look(made.GetToken(), "")
	if !res.GetSecondTokenRequired() || res.GetMcpServer().GetId() != made.GetServer().GetId() || string(res.GetMcpServer().GetConfig()) != `{"methods":["read"]}` {
		t.Errorf("introspection: %v", res)
	}
	second := w.call(w.token, "POST", "/api-token", `{}`).want(200)
	if look(made.GetToken(), second.text("token")).GetSecondTokenRequired() {
		t.Error("a good second token was not taken")
	}
	_, foreign := w.newEnvironment("Other")
	if !look(made.GetToken(), foreign).GetSecondTokenRequired() {
		t.Error("a second token of another environment was taken")
	}
	w.call(w.token, "DELETE", "/api-token/"+second.text("id"), "").want(200)
	if !look(made.GetToken(), second.text("token")).GetSecondTokenRequired() {
		t.Error("a revoked second token was taken")
	}

	rotated, err := servers.RotateMcpServerRecord(ctx, &iv1.RotateMcpServerRecordRequest{
		IntegratedAccountId: id, Id: made.GetServer().GetId(), PreviousExpiresAt: timestamppb.New(w.clock.Now().Add(time.Minute)),
	})
	if err != nil {
		t.Fatal(err)
	}
	look(made.GetToken(), "")
	look(rotated.GetToken(), "")
	w.clock.advance(2 * time.Minute)
	_, err = introspection.Introspect(t.Context(), &iv1.IntrospectRequest{Token: made.GetToken()})
	w.wantCode(err, "UNAUTHENTICATED")
	look(rotated.GetToken(), "")

	w.call(w.token, "PATCH", "/environment/"+w.environment, `{"allowed_mcp_origins":["https://agent.example"]}`).want(200)
	if res := look(rotated.GetToken(), ""); len(res.GetAllowedMcpOrigins()) != 1 {
		t.Errorf("new origins are not known at once: %v", res)
	}

	update := made.GetServer()
	update.Name, update.Write, update.RequireApiTokenAuth, update.Operations = "agent 2", true, false, nil
	if _, err := servers.UpdateMcpServerRecord(ctx, &iv1.UpdateMcpServerRecordRequest{Server: update}); err != nil {
		t.Fatal(err)
	}
	if res := look(rotated.GetToken(), ""); res.GetSecondTokenRequired() || res.GetMcpServer().GetName() != "agent 2" {
		t.Errorf("after the update: %v", res)
	}
	listed, err := servers.ListMcpServerRecords(ctx, &iv1.ListMcpServerRecordsRequest{IntegratedAccountId: id})
	if err != nil || len(listed.GetServers()) != 1 || listed.GetServers()[0].GetName() != "agent 2" {
		t.Errorf("listed: %v, %v", listed, err)
	}
	if _, err := servers.TouchMcpServerRecords(t.Context(), &iv1.TouchMcpServerRecordsRequest{Uses: []*iv1.McpServerUse{
		{EnvironmentId: made.GetServer().GetEnvironmentId(), Id: "gone", Client: "other/1"},
		{EnvironmentId: made.GetServer().GetEnvironmentId(), Id: made.GetServer().GetId(), Client: "agent/1"},
	}}); err != nil {
		t.Fatal(err)
	}
	got, err := servers.GetMcpServerRecord(ctx, &iv1.GetMcpServerRecordRequest{IntegratedAccountId: id, Id: made.GetServer().GetId()})
	if err != nil || got.GetServer().GetLastClient() != "agent/1" {
		t.Errorf("after a touch: %v, %v", got, err)
	}
	if _, err := servers.DeleteMcpServerRecord(ctx, &iv1.DeleteMcpServerRecordRequest{IntegratedAccountId: id, Id: made.GetServer().GetId()}); err != nil {
		t.Fatal(err)
	}
	_, err = introspection.Introspect(t.Context(), &iv1.IntrospectRequest{Token: rotated.GetToken()})
	w.wantCode(err, "UNAUTHENTICATED")

	for name, change := range map[string]func(*iv1.McpServer){
		"an end too near":      func(s *iv1.McpServer) { s.ExpiresAt = timestamppb.New(w.clock.Now().Add(30 * time.Second)) },
		"neither read nor not": func(s *iv1.McpServer) { s.Read = false },
	} {
		bad := &iv1.McpServer{IntegratedAccountId: id, Name: "x", Read: true}
		change(bad)
		_, err := servers.CreateMcpServerRecord(ctx, &iv1.CreateMcpServerRecordRequest{Server: bad})
		if err == nil {
			t.Errorf("%s was taken", name)
			continue
		}
		w.wantCode(err, "VALIDATION_FAILED")
	}
	readonly := w.call(w.token, "POST", "/api-token", `{"access":["write"]}`).want(200).text("token")
	_, err = servers.CreateMcpServerRecord(access.WithCaller(t.Context(), &access.Caller{Bearer: readonly}),
		&iv1.CreateMcpServerRecordRequest{Server: &iv1.McpServer{IntegratedAccountId: id, Name: "x", Read: true}})
	w.wantCode(err, "PERMISSION_DENIED")
}

// What an MCP server reaches is bounded by its maker in accounts, operations, reading and writing, not in services.
func TestMCPServersOfNarrowedTokens(t *testing.T) {
	w := start(t)
	one, two := w.link(w.token, "t1", goodKey), w.link(w.token, "t2", goodKey)
	servers := internalauthv1connect.NewMcpServerRecordServiceClient(w.internal)
	for name, c := range map[string]struct {
		token   string
		account string
		write   bool
		code    rpcerr.Code
	}{
		"for auth and mcp":         {`{"services":["auth","mcp"]}`, one, true, ""},
		"for mcp alone":            {`{"services":["mcp"]}`, one, true, ""},
		"of one account":           {`{"services":["mcp"],"integrated_account_ids":["` + one + `"]}`, one, true, ""},
		"of another account":       {`{"services":["mcp"],"integrated_account_ids":["` + one + `"]}`, two, true, "ACCOUNT_NOT_FOUND"},
		"for mcp, without reading": {`{"services":["mcp"],"access":["write"]}`, one, true, "PERMISSION_DENIED"},
		"for everything but mcp":   {`{"services":["auth","proxy","unified"]}`, one, true, "PERMISSION_DENIED"},
		"for mcp, without writing": {`{"services":["mcp"],"access":["read"]}`, one, false, "PERMISSION_DENIED"},
		"for mcp, in both ways":    {`{"services":["mcp"],"access":["read","write"]}`, one, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			token := w.call(w.token, "POST", "/api-token", c.token).want(200).text("token")
			ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: token})
			spec := &iv1.McpServer{IntegratedAccountId: c.account, Name: "agent", Read: true, Write: c.write}
			made, err := servers.CreateMcpServerRecord(ctx, &iv1.CreateMcpServerRecordRequest{Server: spec})
			if c.code != "" {
				if err == nil {
					t.Fatal("the server was made")
				}
				w.wantCode(err, c.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := servers.UpdateMcpServerRecord(ctx, &iv1.UpdateMcpServerRecordRequest{Server: made.GetServer()}); err != nil {
				t.Error(err)
			}
			if _, err := servers.RotateMcpServerRecord(ctx, &iv1.RotateMcpServerRecordRequest{IntegratedAccountId: c.account, Id: made.GetServer().GetId()}); err != nil {
				t.Error(err)
			}
		})
	}
}
