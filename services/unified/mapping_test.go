package unified_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/access"
	mappingv1 "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	"github.com/sando-dev/sando/gen/sando/unified/mapping/v1/mappingv1connect"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
	"github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1/userdirectoryv1connect"
	"github.com/sando-dev/sando/kit/rpcerr"
)

const (
	environmentLayer = "environment"
	accountLayer     = "account"
)

// mapper is a stand with shorthands for the mapping of users.
type mapper struct {
	*stand
	t        *testing.T
	mappings mappingv1connect.MappingServiceClient
	users    userdirectoryv1connect.UserServiceClient
}

func newMapper(t *testing.T) *mapper {
	s := newStand(t, directory())
	return &mapper{
		stand: s, t: t, mappings: mappingv1connect.NewMappingServiceClient(s.client), users: userdirectoryv1connect.NewUserServiceClient(s.client),
	}
}

func (m *mapper) try(layer, override string, change ...func(*mappingv1.PutOverrideRequest)) (*mappingv1.Version, error) {
	req := &mappingv1.PutOverrideRequest{Model: "user-directory", Resource: "users", Layer: layer, Override: raw(override), Reason: "because"}
	if layer == accountLayer {
		req.IntegratedAccountId = proto.String(account)
	}
	for _, c := range change {
		c(req)
	}
	res, err := m.mappings.PutOverride(as(m.t, "api"), req)
	return res.GetVersion(), err
}

func (m *mapper) put(layer, override string, change ...func(*mappingv1.PutOverrideRequest)) *mappingv1.Version {
	m.t.Helper()
	v, err := m.try(layer, override, change...)
	if err != nil {
		m.t.Fatal(err)
	}
	return v
}

func (m *mapper) rollback(layer string, number int32) *mappingv1.Version {
	m.t.Helper()
	req := &mappingv1.RollbackRequest{Model: "user-directory", Resource: "users", Layer: layer, Number: number, Reason: "undo"}
	if layer == accountLayer {
		req.IntegratedAccountId = proto.String(account)
	}
	res, err := m.mappings.Rollback(as(m.t, "api"), req)
	if err != nil {
		m.t.Fatal(err)
	}
	return res.Version
}

// page is the first users as REST would show them.
func (m *mapper) page(account string) string {
	m.t.Helper()
	res, err := m.users.ListUsers(as(m.t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Limit: proto.Int32(2)})
	if err != nil {
		m.t.Fatal(err)
	}
	res.NextCursor = nil // differs by its nonce
	b, err := access.JSON().Marshal(res)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(b)
}

func (m *mapper) first(account string) *userdirectoryv1.User {
	m.t.Helper()
	res, err := m.users.ListUsers(as(m.t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account), Limit: proto.Int32(1)})
	if err != nil {
		m.t.Fatal(err)
	}
	return res.Result[0]
}

func TestLayersCompose(t *testing.T) {
	m := newMapper(t)
	before := m.page(account)
	m.put(environmentLayer, `{"fields":{"title":{"path":["/departmentName"],"description":"Department."},"status":{"enum":{"active":"enabled"}}}}`)
	m.put(accountLayer, `{"fields":{"title":{"convert":"lower"},"bio":{"expression":"record.firstName + \" of \" + context.integrated_account_id"},"first_name":null}}`)

	own, other := m.first(account), m.first("acct-9")
	if own.GetTitle() != "r&d" || own.GetStatus() != "enabled" || own.GetBio() != "Tony of acct-1" || own.FirstName != nil {
		t.Errorf("the account's own: %v", own)
	}
	if other.GetTitle() != "R&D" || other.GetStatus() != "enabled" || other.Bio != nil || other.GetFirstName() != "Tony" {
		t.Errorf("another account of the environment: %v", other)
	}
	got, err := m.mappings.GetMapping(as(t, "api"), &mappingv1.GetMappingRequest{Model: "user-directory", Resource: "users", IntegratedAccountId: proto.String(account)})
	if err != nil {
		t.Fatal(err)
	}
	layers := map[string]string{}
	for _, f := range got.Fields {
		layers[f.Name] = f.Layer
		if f.Name == "title" && string(f.Mapping.Json) != `{"convert":"lower","description":"Department.","name":"title","path":["/departmentName"]}` {
			t.Errorf("title: %s", f.Mapping.Json)
		}
	}
	if layers["title"] != accountLayer || layers["status"] != environmentLayer || layers["id"] != "catalog" || layers["first_name"] != "" {
		t.Errorf("layers: %v", layers)
	}
	if got.EnvironmentVersion != 1 || got.AccountVersion != 1 {
		t.Errorf("versions %d and %d", got.EnvironmentVersion, got.AccountVersion)
	}
	m.rollback(accountLayer, 0)
	m.rollback(environmentLayer, 0)
	if after := m.page(account); after != before {
		t.Errorf("rolled back:\n%s\nbefore:\n%s", after, before)
	}
}

func TestOverrideOfAPathAsksTheProviderForIt(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"fields":{"custom.seat":{"path":["/c_seat/number"]},"bio":{"expression":"string(field(record, \"/c_note\"))"}}}`)
	m.proxy.taken()
	m.first(account)
	calls := m.proxy.taken()
	if got := calls[len(calls)-1]; !strings.Contains(got, "c_note") || !strings.Contains(got, "c_seat") {
		t.Errorf("the provider was asked %s", got)
	}
}

func TestVersions(t *testing.T) {
	m := newMapper(t)
	const body = `{ "fields": {"title": {"constant": "\"A\""}} }`
	m.put(environmentLayer, body)
	m.put(accountLayer, `{"fields":{"title":{"constant":"\"B\""}}}`)
	m.put(environmentLayer, `null`)
	restored := m.rollback(environmentLayer, 1)
	if string(restored.Override.Json) != body || restored.Number != 3 || restored.Author != "token:tok-api" || restored.Reason != "undo" {
		t.Errorf("restored %v", restored)
	}
	req := &mappingv1.ListVersionsRequest{Model: "user-directory", Resource: "users", IntegratedAccountId: proto.String(account), Limit: proto.Int32(3)}
	var seen []string
	for {
		res, err := m.mappings.ListVersions(as(t, "api"), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range res.Result {
			seen = append(seen, fmt.Sprintf("%s %d %s", v.Layer, v.Number, v.Override.Json))
		}
		if req.NextCursor = res.NextCursor; req.NextCursor == nil {
			break
		}
	}
	want := []string{"environment 3 " + body, "environment 2 null", `account 1 {"fields":{"title":{"constant":"\"B\""}}}`, "environment 1 " + body}
	if strings.Join(seen, "\n") != strings.Join(want, "\n") {
		t.Errorf("versions:\n%s", strings.Join(seen, "\n"))
	}
	on := func(n int32) func(*mappingv1.PutOverrideRequest) {
		return func(r *mappingv1.PutOverrideRequest) { r.ExpectedVersion = &n }
	}
	if _, err := m.try(environmentLayer, `null`, on(2)); code(err) != rpcerr.Conflict {
		t.Errorf("on an old version: %v", err)
	}
	m.put(environmentLayer, `null`, on(3))
	_, err := m.mappings.Rollback(as(t, "api"), &mappingv1.RollbackRequest{Model: "user-directory", Resource: "users", Layer: environmentLayer, Number: 99, Reason: "x"})
	if code(err) != rpcerr.NotFound {
		t.Errorf("an unknown version: %v", err)
	}
}

func TestAgentIsTheAuthor(t *testing.T) {
	m := newMapper(t)
	ctx := as(t, "api")
	info, _ := connect.CallInfoForClientContext(ctx)
	info.RequestHeader().Set("Sando-Agent", "assistant/1.0")
	res, err := m.mappings.PutOverride(ctx, &mappingv1.PutOverrideRequest{
		Model: "user-directory", Resource: "users", Layer: environmentLayer, Override: raw(`{"fields":{"bio":{"constant":"\"x\""}}}`), Reason: "asked to",
	})
	if err != nil || res.Version.Author != "agent:assistant/1.0" {
		t.Fatalf("%v, %v", res, err)
	}
	entries := m.log.entries
	if len(entries) != 2 || entries[0].Phase != "intent" || entries[1].GetIntentId() != entries[0].Id || entries[1].GetStatus() != 200 ||
		entries[1].Action != "mapping.put_override" || entries[1].ActorId != "tok-api" || entries[1].GetClient() != "assistant/1.0" {
		t.Errorf("audit: %v", entries)
	}
}

func TestHostileOverrides(t *testing.T) {
	m := newMapper(t)
	expression := func(text string) string {
		b, err := json.Marshal(map[string]any{"fields": map[string]any{"bio": map[string]any{"expression": text}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for name, test := range map[string]struct{ override, place, says string }{
		"a type error":             {expression(`record.firstName * 2`), "fields.bio.expression", "no matching overload"},
		"the wrong type":           {expression(`record.isExternal`), "fields.bio.expression", "yields bool"},
		"runaway cost":             {expression(`record.additionalEmails.map(a, record.additionalEmails.filter(b, b == a).size())[0] > 1 ? "a" : "b"`), "fields.bio.expression", "cost"},
		"a regex bomb":             {expression(`record.email.matches("((a{1,100}){1,10}){1,10}") ? "a" : "b"`), "fields.bio.expression", "matches"},
		"secrets":                  {expression(`secrets.api_key`), "fields.bio.expression", "undeclared"},
		"a token":                  {`{"fields":{"bio":{"constant":"\"sando_api_Zm9vYmFy\""}}}`, "override", "token"},
		"an unknown function":      {expression(`http.get("http://x")`), "fields.bio.expression", "undeclared"},
		"recursion":                {expression(strings.Repeat("[", 60) + strings.Repeat("]", 60)), "fields.bio.expression", "recursion"},
		"a megabyte":               {expression(`"` + strings.Repeat("a", 1<<20) + `"`), "override", "bytes"},
		"a long expression":        {expression(`"` + strings.Repeat("a", 5000) + `"`), "fields.bio.expression", "bytes"},
		"the end of the id":        {`{"fields":{"id":null}}`, "fields.id", "id"},
		"another id":               {`{"fields":{"id":{"path":["/email"]}}}`, "fields.id", "id"},
		"bad UTF-8":                {"{\"fields\":{\"bio\":{\"constant\":\"\\\"\xff\\\"\"}}}", "override", "UTF-8"},
		"deep nesting":             {`{"fields":{"bio":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`, "override", "nested"},
		"an unknown field":         {`{"fields":{"titel":{"path":["/x"]}}}`, "fields.titel.name", "no output field"},
		"an unknown member":        {`{"fields":{"title":{"pth":["/x"]}}}`, "fields.title", "pth"},
		"an unknown part":          {`{"feilds":{}}`, "feilds", "no such part"},
		"a removal of nothing":     {`{"fields":{"title":null}}`, "fields.title", "nothing to remove"},
		"sando's parameter":        {`{"filters":{"x":{"runs":"upstream","parameter":"cursor","description":"X."}}}`, "filters.x.parameter", "sando"},
		"a filter of no field":     {`{"filters":{"shoe[gt]":{"runs":"local","description":"X."}}}`, "filters.shoe[gt]", "no output field"},
		"a filter that is no bool": {`{"filters":{"x":{"runs":"local","expression":"record.name","description":"X."}}}`, "filters.x", "bool"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := m.try(environmentLayer, test.override)
			e := table().From(err)
			if err == nil || e.Code != access.CodeOverrideInvalid && e.Code != rpcerr.ValidationFailed {
				t.Fatalf("not refused: %v", err)
			}
			if len(e.Violations) == 0 || e.Violations[0].Field != test.place || !strings.Contains(e.Violations[0].Description, test.says) {
				t.Errorf("place and reason: %.300v", e.Violations)
			}
			if strings.HasSuffix(test.place, ".expression") && (e.Fix == "" || !strings.HasSuffix(e.Violations[0].Description, ". "+e.Fix)) {
				t.Errorf("no fix: %.300v", e.Violations)
			}
		})
	}
	if v := m.put(environmentLayer, `{}`); v.Number != 1 {
		t.Errorf("something hostile was stored: the first good version has the number %d", v.Number)
	}
}

func TestHugeOutputIsBounded(t *testing.T) {
	m := newMapper(t)
	m.proxy.rows["users"] = []string{strings.Replace(person(1, ""), `"Tony"`, `"`+strings.Repeat("x", 40<<10)+`"`, 1)}
	m.put(accountLayer, `{"fields":{"bio":{"expression":"record.firstName + record.firstName"}}}`)
	_, err := m.users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{IntegratedAccountId: proto.String(account)})
	e := table().From(err)
	if e.Code != access.CodeMappingFailed || e.Details["layer"] != accountLayer || e.Details["field"] != "bio" || e.Details["record_id"] != "1" {
		t.Errorf("%.300v %v", err, e.Details)
	}
}

func TestEnvironmentMayNotBreakItsAccounts(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"fields":{"title":{"path":["/departmentName"]}}}`)
	m.put(accountLayer, `{"fields":{"title":{"enum":{"R&D":"Research"}}}}`)
	_, err := m.try(environmentLayer, `null`)
	if e := table().From(err); e.Code != access.CodeOverrideInvalid || e.Details["integrated_account_id"] != account {
		t.Errorf("%v", err)
	}
	if got := m.first(account).GetTitle(); got != "Research" {
		t.Errorf("title %q", got)
	}
}

func TestOverrideAddsAFilter(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"fields":{"custom.dept":{"path":["/departmentName"]}},"filters":{"dept":{"runs":"local","description":"By department."}}}`)
	list := func(value string) int {
		res, err := m.users.ListUsers(as(t, "api"), &userdirectoryv1.ListUsersRequest{
			IntegratedAccountId: proto.String(account), Filters: proto.String("dept=" + value), CustomFields: proto.String(""),
		})
		if err != nil {
			t.Fatal(err)
		}
		if !contains(res.Meta.LocalFilters, "dept") {
			t.Errorf("meta: %v", res.Meta)
		}
		return len(res.Result)
	}
	if all, none := list("R%26D"), list("Sales"); all != 250 || none != 0 {
		t.Errorf("%d and %d", all, none)
	}
}

func TestDryRun(t *testing.T) {
	m := newMapper(t)
	res, err := m.mappings.DryRun(as(t, "api"), &mappingv1.DryRunRequest{
		Model: "user-directory", Resource: "users", Layer: accountLayer, IntegratedAccountId: account, Samples: proto.Int32(2),
		Override: raw(`{"fields":{"title":{"path":["/departmentName"]},"first_name":null,"custom.n":{"path":["/id"]}}}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, d := range res.Differences {
		fmt.Fprintf(&got, "%s %s: %s -> %s\n", d.Id, d.Field, d.Before.GetJson(), d.After.GetJson())
	}
	want := `1000 first_name: "Tony" -> 
1000 title:  -> "R&D"
1000 custom.n:  -> 1000
1001 first_name: "Tony" -> 
1001 title:  -> "R&D"
1001 custom.n:  -> 1001
`
	if got.String() != want || res.Samples != 2 {
		t.Errorf("%d samples:\n%s", res.Samples, got.String())
	}
	if v := m.first(account); v.Title != nil {
		t.Error("a dry run was kept")
	}
	_, err = m.mappings.DryRun(as(t, "api"), &mappingv1.DryRunRequest{
		Model: "user-directory", Resource: "users", Layer: accountLayer, IntegratedAccountId: account, Override: raw(`{"fields":{"bio":{"expression":"1/0"}}}`),
	})
	if code(err) != access.CodeOverrideInvalid {
		t.Errorf("a bad override: %v", err)
	}
}

func TestExplain(t *testing.T) {
	m := newMapper(t)
	m.put(accountLayer, `{"fields":{"bio":{"expression":"record.firstName + \"!\""}}}`)
	res, err := m.mappings.Explain(as(t, "api"), &mappingv1.ExplainRequest{Model: "user-directory", Resource: "users", IntegratedAccountId: account, Id: "1001"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range res.Fields {
		got[f.Field] = fmt.Sprintf("%s | %s | %s | %s | %s", f.Layer, f.Expression, f.GetSourcePath(), f.SourceValue.GetJson(), f.Value.GetJson())
	}
	for field, want := range map[string]string{
		"id":                 `catalog | /id | /id | 1001 | "1001"`,
		"status":             `catalog | /lifecycleStatus | /isDeletedInIdentitySources | true | "deleted"`,
		"emails[1].email":    `catalog | each /additionalEmails | /additionalEmails/0 | "tony@starkindustries.com" | "tony@starkindustries.com"`,
		"emails[0].email":    `catalog | /email | /email | "tony1001@stark.com" | "tony1001@stark.com"`,
		"bio":                `account | record.firstName + "!" |  |  | "Tony!"`,
		"custom_fields.cost": `catalog | field of the organisation | /cost | "9007199254740993" | 9007199254740993`,
	} {
		if got[field] != want {
			t.Errorf("%s: %s", field, got[field])
		}
	}
}

func TestMeta(t *testing.T) {
	m := newMapper(t)
	m.put(environmentLayer, `{"fields":{"custom.dept":{"path":["/departmentName"],"description":"Department."}}}`)
	res, err := m.mappings.GetMeta(as(t, "api"), &mappingv1.GetMetaRequest{Model: "user-directory", Resource: "users", Format: proto.String("markdown")})
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Required   []string
		Properties map[string]struct {
			Type, Format, Description string
			Examples                  []string
			Properties                map[string]struct{ Description string }
		}
	}
	if err := json.Unmarshal(res.Schema.Json, &schema); err != nil {
		t.Fatal(err)
	}
	p := schema.Properties
	if schema.Required[0] != "id" || p["created_at"].Format != "date-time" || p["emails"].Type != "array" || p["custom"].Properties["dept"].Description != "Department." ||
		strings.Join(p["status"].Examples, " ") != "active inactive" {
		t.Errorf("schema: %s", res.Schema.Json)
	}
	for _, f := range res.Filters {
		if f.Name == "created_at[gt]" && string(f.Mapping.GetJson()) != `{"description":"Recorded after this time.","name":"created_at[gt]","runs":"upstream","upstream_key":"creationTime","upstream_op":"gt"}` {
			t.Errorf("the filter as written: %s", f.Mapping.GetJson())
		}
	}
	if strings.Join(res.Methods, " ") != "list get update" || !contains(res.Sort, "first_name") {
		t.Errorf("methods %v, sort %v", res.Methods, res.Sort)
	}
	for _, line := range []string{"# user-directory/users", "| `custom.dept` | any | environment | `/departmentName` | Department. |", "| `created_at[gt]` | upstream | catalog |"} {
		if !strings.Contains(res.GetMarkdown(), line) {
			t.Errorf("the page lacks %q", line)
		}
	}
}

func TestMappingRefusals(t *testing.T) {
	m := newMapper(t)
	put := func(token string, change func(*mappingv1.PutOverrideRequest)) error {
		req := &mappingv1.PutOverrideRequest{Model: "user-directory", Resource: "users", Layer: environmentLayer, Override: raw(`{}`), Reason: "r"}
		change(req)
		_, err := m.mappings.PutOverride(as(t, token), req)
		return err
	}
	for name, test := range map[string]struct {
		token  string
		change func(*mappingv1.PutOverrideRequest)
		want   rpcerr.Code
	}{
		"a read-only token":          {"read", func(*mappingv1.PutOverrideRequest) {}, rpcerr.PermissionDenied},
		"an account token":           {"acct", func(*mappingv1.PutOverrideRequest) {}, rpcerr.PermissionDenied},
		"a token of single accounts": {"else", func(*mappingv1.PutOverrideRequest) {}, rpcerr.PermissionDenied},
		"an account out of reach": {"else", func(r *mappingv1.PutOverrideRequest) {
			r.Layer, r.IntegratedAccountId = accountLayer, proto.String(account)
		}, access.CodeAccountNotFound},
		"no account":          {"api", func(r *mappingv1.PutOverrideRequest) { r.Layer = accountLayer }, access.CodeAccountRequired},
		"an account too many": {"api", func(r *mappingv1.PutOverrideRequest) { r.IntegratedAccountId = proto.String(account) }, rpcerr.ValidationFailed},
		"no such layer":       {"api", func(r *mappingv1.PutOverrideRequest) { r.Layer = "planet" }, rpcerr.ValidationFailed},
		"no such resource":    {"api", func(r *mappingv1.PutOverrideRequest) { r.Resource = "groups" }, rpcerr.NotFound},
		"no reason":           {"api", func(r *mappingv1.PutOverrideRequest) { r.Reason = "" }, rpcerr.ValidationFailed},
	} {
		if err := put(test.token, test.change); code(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
