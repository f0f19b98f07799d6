package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// shown are the tools that every server shows, to the letter and in this order.
var shown = []string{
	"list_all_torii_me",
	"list_all_torii_users",
	"get_single_torii_user_by_id",
	"update_a_torii_user_by_id",
	"list_all_torii_application_users",
	"list_all_torii_user_applications",
	"get_single_torii_user_application_by_id",
	"update_a_torii_user_application_by_id",
	"list_all_torii_contracts",
	"create_a_torii_contract",
	"get_single_torii_contract_by_id",
	"delete_a_torii_contract_by_id",
	"update_a_torii_contract_by_id",
	"list_all_torii_roles",
	"list_all_torii_workflow_action_executions",
	"list_all_torii_apps",
	"get_single_torii_app_by_id",
	"create_a_torii_app",
	"update_a_torii_app_by_id",
	"torii_apps_search",
	"get_single_torii_file_by_id",
	"create_a_torii_file",
	"torii_files_upload",
	"list_all_torii_audit_logs",
	"list_all_torii_user_custom_fields",
	"list_all_torii_user_field_metadata",
}

func load(t testing.TB) *Catalog {
	t.Helper()
	c, err := Default()
	if err != nil {
		t.Fatalf("Default: %v", err)
	}
	return c
}

func toolNames(ops []*catalogv1.Operation) []string {
	var out []string
	for _, op := range ops {
		out = append(out, op.GetToolName())
	}
	return out
}

func TestDefaultTools(t *testing.T) {
	if diff := cmp.Diff(shown, toolNames(load(t).DefaultOperations("torii"))); diff != "" {
		t.Errorf("tools shown by default (-want +got):\n%s", diff)
	}
}

func TestExtendedOperationsAreTagged(t *testing.T) {
	c := load(t)
	if got, want := len(c.Operations("torii")), 73; got != want {
		t.Errorf("%d operations, want %d", got, want)
	}
	if got, want := len(c.DefaultOperations("torii")), 26; got != want {
		t.Errorf("%d shown by default, want %d", got, want)
	}
}

func TestRoute(t *testing.T) {
	c := load(t)
	tests := []struct {
		resource, method string
		id, verb, path   string
	}{
		{"users", "list", "torii.users.list", "GET", "/proxy/users"},
		{"users", "get", "torii.users.get", "GET", "/proxy/users/{id}"},
		{"contracts", "create", "torii.contracts.create", "POST", "/proxy/contracts"},
		{"contracts", "update", "torii.contracts.update", "PATCH", "/proxy/contracts/{id}"},
		{"contracts", "delete", "torii.contracts.delete", "DELETE", "/proxy/contracts/{id}"},
		{"apps", "search", "torii.apps.search", "GET", "/proxy/apps/search"},
		{"apps", "match", "torii.apps.match", "POST", "/proxy/apps/match"},
		{"files", "upload", "torii.files.upload", "POST", "/proxy/files/upload"},
		{"files", "download", "torii.files.download", "GET", "/proxy/files/{id}/download"},
		{"workflows", "trigger", "torii.workflows.trigger", "POST", "/proxy/workflows/{id}/trigger"},
		{"parsings", "automatic", "torii.parsings.automatic", "POST", "/proxy/parsings/automatic"},
	}
	for _, tt := range tests {
		op, ok := c.Route("torii", tt.resource, tt.method)
		if !ok {
			t.Errorf("%s %s: no operation", tt.resource, tt.method)
			continue
		}
		verb, path := PublicRoute(op)
		if diff := cmp.Diff([]string{tt.id, tt.verb, tt.path}, []string{op.GetId(), verb, path}); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.resource, tt.method, diff)
		}
	}
	for _, miss := range [][3]string{{"torii", "users", "search"}, {"torii", "persons", "list"}, {"acme", "users", "list"}} {
		if op, ok := c.Route(miss[0], miss[1], miss[2]); ok {
			t.Errorf("%v: found %s", miss, op.GetId())
		}
	}
}

func TestLookups(t *testing.T) {
	c := load(t)
	i, ok := c.Integration("torii")
	if !ok {
		t.Fatal("no integration torii")
	}
	if op, ok := c.ByTool("torii", "torii_apps_search"); !ok || op.GetId() != "torii.apps.search" {
		t.Errorf("ByTool: %s, %t", op.GetId(), ok)
	}
	if diff := cmp.Diff([]string{"add", "create", "get", "list", "match", "search", "similar", "update"}, i.Methods("apps")); diff != "" {
		t.Errorf("methods of apps (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"contracts"}, c.Nearest("contract", c.Resources("torii"))[:1]); diff != "" {
		t.Errorf("nearest (-want +got):\n%s", diff)
	}
	if got, want := i.Origin(), "https://api.toriihq.com"; got != want {
		t.Errorf("origin %q, want %q", got, want)
	}
	m, ok := i.Authentication("")
	if !ok || m.GetInjectHeaders()["Authorization"] != "Bearer {api_key}" {
		t.Errorf("default authentication: %v, %t", m, ok)
	}
	if _, ok := i.Authentication("oauth2_refresh_token"); ok {
		t.Error("an authentication method that is not there was found")
	}
	if u := c.UnifiedResources("torii"); len(u) != 5 || u[0].GetResource() != "app_users" || u[4].GetResource() != "users" {
		t.Errorf("unified resources: %v", u)
	}
}

func TestMayDownloadFrom(t *testing.T) {
	i, _ := load(t).Integration("torii")
	tests := map[string]bool{
		"bucket.s3.amazonaws.com":              true,
		"bucket.s3.eu-central-1.amazonaws.com": true,
		"S3.us-east-1.amazonaws.com":           true,
		"amazonaws.com":                        false,
		"ec2-10-0-0-1.compute.amazonaws.com":   false,
		"bucket.s3.amazonaws.com.evil.org":     false,
		".s3.amazonaws.com":                    false,
		"169.254.169.254":                      false,
		"":                                     false,
	}
	for host, want := range tests {
		if got := i.MayDownloadFrom(host); got != want {
			t.Errorf("%q: %t, want %t", host, got, want)
		}
	}
}

func TestMatchUpstream(t *testing.T) {
	i, _ := load(t).Integration("torii")
	tests := []struct{ method, path, want string }{
		{"GET", "/users", "torii.users.list"},
		{"GET", "/users/12", "torii.users.get"},
		{"GET", "/users/fields", "torii.user_custom_fields.list"},
		{"GET", "/users/12/apps/7", "torii.user_applications.get"},
		{"POST", "/apps", "torii.apps.add"},
		{"GET", "/users/", ""},
		{"DELETE", "/users/12", ""},
		{"GET", "/nothing", ""},
	}
	for _, tt := range tests {
		op, ok := i.MatchUpstream(tt.method, tt.path)
		if op.GetId() != tt.want || ok != (tt.want != "") {
			t.Errorf("%s %s: %q, want %q", tt.method, tt.path, op.GetId(), tt.want)
		}
	}
}
