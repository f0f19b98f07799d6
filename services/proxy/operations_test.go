package proxy

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/emulator"
)

// A step calls one operation. Words in <> stand for what earlier steps found.
type step struct {
	operation, method, path, body string
	// keep names what a later step needs, from where it is in the result, or in
	// its first row.
	keep string
	from string
}

// steps call every operation of the catalog once.
func steps() []step {
	scim := `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	return []step{
		{operation: "me.list", path: "me"},
		{operation: "users.list", path: "users?limit=1", keep: "user", from: "id"},
		{operation: "users.get", path: "users/<user>", keep: "email", from: "email"},
		{operation: "users.update", method: "PATCH", path: "users/<user>", body: `{"lifecycleStatus":"active"}`},
		{operation: "apps.list", path: "apps?limit=1", keep: "app", from: "id"},
		{operation: "apps.get", path: "apps/<app>"},
		{operation: "apps.create", method: "POST", path: "apps", body: `{"name":"Gate"}`},
		{operation: "apps.update", method: "PATCH", path: "apps/<app>", body: `{"description":"a gate"}`},
		{operation: "apps.search", path: "apps/search?q=a&limit=50", keep: "catalogue", from: "id"},
		{operation: "apps.add", method: "POST", path: "apps/add", body: `{"idApp":<catalogue>}`},
		{operation: "apps.similar", path: "apps/similar?idApp=<app>"},
		{operation: "apps.match", method: "POST", path: "apps/match", body: `{"apps":[{"name":"Slack"}]}`},
		{operation: "application_users.list", path: "application_users?id_app=<app>&limit=1", keep: "member", from: "idUser"},
		{operation: "user_applications.list", path: "user_applications?id_user=<member>"},
		{operation: "user_applications.get", path: "user_applications/<app>?id_user=<member>"},
		{operation: "user_applications.update", method: "PATCH", path: "user_applications/<app>?id_user=<member>", body: `{"isUserRemovedFromApp":true}`},
		{operation: "contracts.list", path: "contracts?limit=1"},
		{operation: "contracts.create", method: "POST", path: "contracts", body: `{"name":"C","idApp":<app>,"status":"active"}`, keep: "contract", from: "id"},
		{operation: "contracts.get", path: "contracts/<contract>"},
		{operation: "contracts.update", method: "PATCH", path: "contracts/<contract>", body: `{"name":"D"}`},
		{operation: "contracts.delete", method: "DELETE", path: "contracts/<contract>"},
		{operation: "roles.list", path: "roles"},
		{operation: "workflow_action_executions.list", path: "workflow_action_executions?limit=3"},
		{operation: "files.url", path: "files/url?name=a.csv&type=text%2Fcsv", keep: "path", from: "filePath"},
		{operation: "audit_logs.list", path: "audit_logs?limit=3"},
		{operation: "user_custom_fields.list", path: "user_custom_fields"},
		{operation: "user_field_metadata.list", path: "user_field_metadata"},
		{operation: "app_fields.list", path: "app_fields"},
		{operation: "app_fields.create", method: "POST", path: "app_fields", body: `{"name":"Colour","type":"singleLine"}`, keep: "appfield", from: "field.id"},
		{operation: "app_fields.update", method: "PATCH", path: "app_fields/<appfield>", body: `{"name":"Hue"}`},
		{operation: "app_fields.delete", method: "DELETE", path: "app_fields/<appfield>"},
		{operation: "app_metadata.list", path: "app_metadata"},
		{operation: "contract_fields.list", path: "contract_fields"},
		{operation: "contract_metadata.list", path: "contract_metadata"},
		{operation: "parsings.automatic", method: "POST", path: "parsings/automatic", body: `{"idFile":<file>}`, keep: "parsing", from: "id"},
		{operation: "parsings.manual", method: "POST", path: "parsings/manual", body: `{"parseConfig":{"idFile":<file>,"transactionDateColumn":"A","descriptionColumn":"B","amountColumn":"C","dateFormat":"YYYY-MM-DD","currency":"USD"}}`},
		{operation: "parsings.get", path: "parsings/<parsing>"},
		{operation: "plugins.create", method: "POST", path: "plugins", body: `{"name":"P"}`, keep: "plugin", from: "plugin.uuid"},
		{operation: "plugins.create", method: "POST", path: "plugins", body: `{"name":"Q"}`, keep: "pluginid", from: "plugin.id"},
		{operation: "plugins.update", method: "PATCH", path: "plugins/<plugin>", body: `{"idUpload":<plugin file>}`},
		{operation: "plugins.apikey", method: "POST", path: "plugins/<plugin>/apikey"},
		{operation: "plugin_fields.list", path: "plugin_fields?id_plugin=<pluginid>"},
		{operation: "plugins.delete", method: "DELETE", path: "plugins/<plugin>"},
		{operation: "workflows.list", path: "workflows", keep: "workflow", from: "id"},
		{operation: "workflows.get", path: "workflows/<workflow>"},
		{operation: "workflows.trigger", method: "POST", path: "workflows/<workflow>/trigger", body: `{"triggerUserEmail":"<email>"}`},
		{operation: "workflow_audit_logs.list", path: "workflow_audit_logs?limit=2"},
		{operation: "access_request_policies.list", path: "access_request_policies", keep: "policy", from: "id"},
		{operation: "access_request_policies.eligible", path: "access_request_policies/eligible?userEmail=<email>"},
		{operation: "access_request_policies.trigger", method: "POST", path: "access_request_policies/<policy>/trigger", body: `{"userEmail":"<email>"}`},
		{operation: "access_request_policies.bulk_trigger", method: "POST", path: "access_request_policies/bulk_trigger", body: `{"userEmail":"<email>","policies":[<policy>]}`},
		{operation: "access_request_policies.trigger_for_app", method: "POST", path: "access_request_policies/trigger_for_app", body: `{"triggerAppId":<app>,"triggerUserEmail":"<email>"}`},
		{operation: "services.create", method: "POST", path: "services", body: `{"idApp":<app>}`},
		{operation: "services.sync_custom", method: "POST", path: "services/sync_custom", body: `{"idFile":<sync file>,"idAppAccount":51000}`},
		{operation: "services.sync_gluu", method: "POST", path: "services/sync_gluu", body: `{"idFile":<gluu file>,"idAppAccount":51001}`},
		{operation: "transactions.list", path: "transactions?limit=1", keep: "transaction", from: "id"},
		{operation: "transactions.update", method: "PATCH", path: "transactions/<transaction>", body: `{"idApp":<app>}`},
		{operation: "transaction_metadata.list", path: "transaction_metadata"},
		{operation: "extension_settings.list", path: "extension_settings"},
		{operation: "extension_settings.set", method: "POST", path: "extension_settings/set", body: `{"blockedSites":{}}`},
		{operation: "anonymize_requests.create", method: "POST", path: "anonymize_requests", body: `{"email":"<email>"}`},
		{operation: "scim_users.list", path: "scim_users?limit=2", keep: "scim", from: "id"},
		{operation: "scim_users.create", method: "POST", path: "scim_users", body: `{` + scim + `,"userName":"new@stark.com"}`},
		{operation: "scim_users.get", path: "scim_users/<scim>", keep: "scimname", from: "userName"},
		{operation: "scim_users.update", method: "PATCH", path: "scim_users/<scim>", body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":true}]}`},
		{operation: "scim_users.replace", method: "POST", path: "scim_users/<scim>/replace", body: `{` + scim + `,"userName":"<scimname>","active":true}`},
		{operation: "scim_users.delete", method: "DELETE", path: "scim_users/<scim>"},
		{operation: "scim_resource_types.list", path: "scim_resource_types"},
		{operation: "scim_schemas.list", path: "scim_schemas"},
		{operation: "scim_service_provider_config.list", path: "scim_service_provider_config"},
	}
}

// TestEveryOperation calls all operations of the catalog by their routes.
func TestEveryOperation(t *testing.T) {
	b := newBench(t, emulator.Options{})
	found := map[string]string{}
	called := map[string]bool{"files.upload": true, "files.create": true, "files.get": true, "files.download": true}
	b.uploadFirst(found)
	word := regexp.MustCompile(`<([\w ]+)>`)
	fill := func(text string) string {
		return word.ReplaceAllStringFunc(text, func(w string) string {
			value, ok := found[w[1:len(w)-1]]
			if !ok {
				t.Fatalf("%s needs %s, which no step found", text, w)
			}
			return value
		})
	}
	for _, s := range steps() {
		called[s.operation] = true
		a := b.do(request{method: s.method, path: "/proxy/" + fill(s.path), body: fill(s.body)})
		if a.status != 200 || a.err != nil {
			t.Errorf("%s: %d %s", s.operation, a.status, a.body)
			continue
		}
		var e map[string]json.RawMessage
		if err := json.Unmarshal(a.body, &e); err != nil || len(e["result"]) == 0 {
			t.Errorf("%s: %s: %v", s.operation, a.body, err)
			continue
		}
		if s.keep != "" {
			found[s.keep] = pick(t, s, e["result"])
		}
	}
	data, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range data.Operations("torii") {
		if id := strings.TrimPrefix(op.GetId(), "torii."); !called[id] {
			t.Errorf("%s is called by no step", id)
		}
	}
}

// uploadFirst makes the files that other operations work on, and reads one back.
func (b *bench) uploadFirst(found map[string]string) {
	b.t.Helper()
	for _, f := range []struct{ keep, name, kind, content string }{
		{"file", "a.csv", "expenseReport", strings.Repeat("x", 64)},
		{"plugin file", "a.zip", "plugin", "PK"},
		{"sync file", "a.json", "customIntegrationData", `{"users":[{"email":"a@b.c"}]}`},
		{"gluu file", "a.csv", "customIntegrationData", "email,name\na@b.c,A\n"},
	} {
		uploaded := b.ok(b.do(formOf(b.t, f.name, f.content, map[string]string{"type": f.kind})))
		found[f.keep] = pick(b.t, step{operation: "files.upload", from: "id"}, uploaded.Result)
	}
	b.ok(b.get("/proxy/files/" + found["file"]))
	if a := b.get("/proxy/files/" + found["file"] + "/download"); a.status != 200 || len(a.body) != 64 {
		b.t.Fatalf("download: %d, %d bytes", a.status, len(a.body))
	}
	path := pick(b.t, step{operation: "files.url", from: "filePath"}, b.ok(b.get("/proxy/files/url?name=b.csv&type=text%2Fcsv")).Result)
	b.ok(b.do(request{method: "POST", path: "/proxy/files", body: fmt.Sprintf(`{"path":%q,"type":"attachment"}`, path)}))
}

// pick takes a member of a record, or of the first row of a list.
func pick(t testing.TB, s step, result json.RawMessage) string {
	t.Helper()
	var rows []map[string]json.RawMessage
	if json.Unmarshal(result, &rows) != nil {
		rows = make([]map[string]json.RawMessage, 1)
		if err := json.Unmarshal(result, &rows[0]); err != nil {
			t.Fatalf("%s: %s: %v", s.operation, result, err)
		}
	}
	member, rest, nested := strings.Cut(s.from, ".")
	switch {
	case len(rows) == 0 || len(rows[0][member]) == 0:
		t.Fatalf("%s: no %s in %s", s.operation, s.from, result)
	case nested:
		return pick(t, step{operation: s.operation, from: rest}, rows[0][member])
	}
	return strings.Trim(string(rows[0][member]), `"`)
}
