package auth_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
)

func text(s string) *string { return &s }

func TestLog(t *testing.T) {
	w := start(t)
	_, foreign := w.newEnvironment("Other")
	id := w.link(w.token, "t1", goodKey)
	log := internalauthv1connect.NewAuditServiceClient(w.internal)
	entry := func(id string, change func(*authv1.LogEntry)) *authv1.LogEntry {
		e := &authv1.LogEntry{
			Id: id, EnvironmentId: w.environment, LogType: "mcp", Phase: "outcome", Action: "torii.users.list", ActorKind: "mcp", ActorId: "m1",
			Status: new(int32(200)), CreatedAt: timestamppb.New(w.clock.Now()),
		}
		change(e)
		return e
	}
	batch := []*authv1.LogEntry{
		entry("01-a", func(e *authv1.LogEntry) {
			e.IntegratedAccountId, e.McpServerId, e.ToolName = &id, text("m1"), text("list_all_torii_users")
			e.Arguments = &rpcv1.RawJson{Json: []byte(`{"limit": 9007199254740993}`)}
		}),
		entry("01-b", func(e *authv1.LogEntry) { e.Status, e.Code = new(int32(403)), text("OPERATION_NOT_GRANTED") }),
	}
	for range 2 { // repeated, it must not be recorded twice
		if _, err := log.AppendAudit(t.Context(), &iv1.AppendAuditRequest{Entries: batch}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		query string
		want  int
	}{
		{"log_type=mcp", 2},
		{"log_type=mcp&status=403", 1},
		{"integrated_account_id=" + id + "&log_type=mcp", 1},
		{"mcp_server_id=m1", 1},
		{"tool_name=list_all_torii_users", 1},
		{"created_at[gt]=2100-01-01T00:00:00Z", 0},
		{"log_type=admin", 3},
		{"log_type=link", 0},
	} {
		if rows := w.call(w.token, "GET", "/log?"+c.query, "").want(200).list(); len(rows) != c.want {
			t.Errorf("%s: %d entries, want %d: %v", c.query, len(rows), c.want, rows)
		}
	}
	w.call(w.token, "GET", "/log?log_type=other", "").want(400, "VALIDATION_FAILED")
	if rows := w.call(foreign, "GET", "/log?log_type=mcp", "").want(200).list(); len(rows) != 0 {
		t.Errorf("another environment sees %v", rows)
	}
	var actions []string
	path := "/log?limit=2"
	for page := w.call(w.token, "GET", path, "").want(200); ; page = w.call(w.token, "GET", path+"&next_cursor="+page.text("next_cursor"), "").want(200) {
		for _, row := range page.list() {
			actions = append(actions, fmt.Sprint(row["action"]))
		}
		if page.body["next_cursor"] == nil {
			break
		}
	}
	want := "[torii.users.list torii.users.list integrated_account.create api_token.create environment.create]"
	if fmt.Sprint(actions) != want {
		t.Errorf("walking the log: %v, want %s", actions, want)
	}
}

// Every act has the digest of what was asked for, and that digest does not depend on the credential.
func TestAdminEntriesHaveDigests(t *testing.T) {
	w := start(t)
	one, two := w.link(w.token, "t1", goodKey), w.link(w.token, "t1", "torii-key-of-acme-0003")
	w.link(w.token, "t2", goodKey)
	w.call(w.token, "PATCH", "/integrated-account/"+one, `{"tenant_id":"t3"}`).want(200)
	w.call(w.token, "PATCH", "/integrated-account/"+one+"/credentials", `{"context":{"api_key":"torii-key-of-acme-0003"}}`).want(200)
	w.call(w.token, "PATCH", "/integrated-account/"+one+"/credentials", `{"context":{"api_key":"wrong-key-0000"}}`).want(400)
	w.accountToken(one)
	w.call(w.token, "POST", "/link-token", `{"tenant_id":"t4"}`).want(200)
	w.call(w.token, "PATCH", "/environment/"+w.environment, `{"name":"Acme EU"}`).want(200)
	made := w.call(w.token, "POST", "/api-token", `{}`).want(200)
	w.call(w.token, "DELETE", "/api-token/"+made.text("id"), "").want(200)
	w.call(w.token, "DELETE", "/integrated-account/"+two, "").want(200)
	w.submitted(goodKey)

	byAction := map[string][]string{}
	for _, row := range w.call(w.token, "GET", "/log?limit=100", "").want(200).list() {
		digest, _ := row["arguments_digest"].(string)
		if len(digest) != 64 {
			t.Errorf("%v of type %v has the digest %q", row["action"], row["log_type"], digest)
		}
		action := row["action"].(string)
		byAction[action] = append(byAction[action], digest)
	}
	if len(byAction) != 10 {
		t.Errorf("%d acts: %v", len(byAction), byAction)
	}
	// Newest first: by the page for t5, then t2, t1 and t1.
	if links := byAction["integrated_account.create"]; len(links) != 4 || links[3] != links[2] || links[2] == links[1] {
		t.Errorf("digests of the links: %v", links)
	}
	if tries := byAction["integrated_account.replace_credentials"]; len(tries) != 2 || tries[0] != tries[1] {
		t.Errorf("digests of the new credentials: %v", tries)
	}
}

// submitted links an account by the page.
func (w *world) submitted(key string) {
	w.t.Helper()
	b := w.browser()
	b.submit(b.open(w.linkPath(`{"tenant_id":"t5"}`)), key).want(303, "")
}

func TestAppendRefuses(t *testing.T) {
	w := start(t)
	log := internalauthv1connect.NewAuditServiceClient(w.internal)
	good := func() *authv1.LogEntry {
		return &authv1.LogEntry{EnvironmentId: w.environment, LogType: "mcp", Phase: "outcome", Action: "x", Status: new(int32(200))}
	}
	for name, change := range map[string]func(*authv1.LogEntry){
		"no environment":         func(e *authv1.LogEntry) { e.EnvironmentId = "" },
		"an unknown environment": func(e *authv1.LogEntry) { e.EnvironmentId = "none" },
		"no action":              func(e *authv1.LogEntry) { e.Action = "" },
		"another type":           func(e *authv1.LogEntry) { e.LogType = "debug" },
		"another phase":          func(e *authv1.LogEntry) { e.Phase = "" },
	} {
		bad := good()
		change(bad)
		_, err := log.AppendAudit(t.Context(), &iv1.AppendAuditRequest{Entries: []*authv1.LogEntry{good(), bad}})
		if err == nil {
			t.Errorf("%s was recorded", name)
			continue
		}
		w.wantCode(err, "VALIDATION_FAILED")
	}
	if rows := w.call(w.token, "GET", "/log?log_type=mcp", "").want(200).list(); len(rows) != 0 {
		t.Errorf("half a batch was kept: %v", rows)
	}
}

// Concurrent appends share commits; one bad batch does not take the others along.
func TestAppendConcurrently(t *testing.T) {
	w := start(t)
	log := internalauthv1connect.NewAuditServiceClient(w.internal)
	const good = 40
	var wg sync.WaitGroup
	errs := make([]error, good+1)
	for i := range good + 1 {
		wg.Go(func() {
			environment := w.environment
			if i == good {
				environment = "unknown"
			}
			_, errs[i] = log.AppendAudit(t.Context(), &iv1.AppendAuditRequest{Entries: []*authv1.LogEntry{
				{EnvironmentId: environment, LogType: "mcp", Phase: "outcome", Action: "x", Status: new(int32(200))},
				{EnvironmentId: environment, LogType: "mcp", Phase: "outcome", Action: "y", Status: new(int32(200))},
			}})
		})
	}
	wg.Wait()
	for i, err := range errs[:good] {
		if err != nil {
			t.Errorf("append %d: %v", i, err)
		}
	}
	w.wantCode(errs[good], "VALIDATION_FAILED")
	if rows := w.call(w.token, "GET", "/log?log_type=mcp&limit=1000", "").want(200).list(); len(rows) != 2*good {
		t.Errorf("%d entries of %d", len(rows), 2*good)
	}
}

// An intent has no status, and no filter by status finds it; what ended has one.
func TestIntentsHaveNoStatus(t *testing.T) {
	w := start(t)
	log := internalauthv1connect.NewAuditServiceClient(w.internal)
	appends := func(phase string, status *int32) error {
		_, err := log.AppendAudit(t.Context(), &iv1.AppendAuditRequest{Entries: []*authv1.LogEntry{
			{EnvironmentId: w.environment, LogType: "unified_proxy_api", Phase: phase, Action: "torii.users.update", Status: status},
		}})
		return err
	}
	if err := errors.Join(appends("intent", nil), appends("outcome", new(int32(200)))); err != nil {
		t.Fatal(err)
	}
	for phase, status := range map[string]*int32{"intent": new(int32(200)), "outcome": nil} {
		if err := appends(phase, status); err == nil {
			t.Errorf("an %s with the status %v was recorded", phase, status)
		}
	}
	rows := w.call(w.token, "GET", "/log?log_type=unified_proxy_api", "").want(200).list()
	if len(rows) != 2 {
		t.Fatalf("%d entries, want intent and outcome", len(rows))
	}
	if status, ok := rows[1]["status"]; ok {
		t.Errorf("the intent has the status %v", status)
	}
	if rows[0]["status"] != float64(200) {
		t.Errorf("the outcome has the status %v", rows[0]["status"])
	}
	if rows := w.call(w.token, "GET", "/log?log_type=unified_proxy_api&status=200", "").want(200).list(); len(rows) != 1 || rows[0]["phase"] != "outcome" {
		t.Errorf("filtered by status: %v", rows)
	}
	w.call(w.token, "GET", "/log?status=0", "").want(400, "VALIDATION_FAILED")
}
