package catalog

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

func compile(t *testing.T, raw []byte, err error) *jsonschema.Resolved {
	t.Helper()
	if err != nil {
		t.Fatalf("schema: %v", err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("parse %s: %v", raw, err)
	}
	resolved, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatalf("resolve %s: %v", raw, err)
	}
	return resolved
}

func value(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return v
}

func operation(t *testing.T, c *Catalog, id string) *catalogv1.Operation {
	t.Helper()
	op, ok := c.Operation(id)
	if !ok {
		t.Fatalf("no operation %s", id)
	}
	return op
}

func TestSchemasCompile(t *testing.T) {
	again := load(t)
	for _, op := range load(t).Operations("torii") {
		t.Run(op.GetId(), func(t *testing.T) {
			in, err := InputSchema(op)
			compile(t, in, err)
			out, err := OutputSchema(op)
			compile(t, out, err)
			in2, err := InputSchema(operation(t, again, op.GetId()))
			if err != nil || !bytes.Equal(in, in2) {
				t.Errorf("the input schema changes from load to load: %v", err)
			}
		})
	}
}

func TestInputSchemaAccepts(t *testing.T) {
	c := load(t)
	tests := []struct {
		id, arguments string
		want          bool
	}{
		{"torii.me.list", `{}`, true},
		{"torii.me.list", `{"limit":1}`, false},
		{"torii.users.list", `{"limit":100,"next_cursor":"x","lifecycleStatus":"active"}`, true},
		{"torii.users.list", `{"limit":1001}`, false},
		{"torii.users.list", `{"size":10}`, false},
		{"torii.users.list", `{"lifecycleStatus":"gone"}`, false},
		{"torii.users.get", `{"id":1000}`, true},
		{"torii.users.get", `{"id":"1000"}`, true},
		{"torii.users.get", `{"id":"10x"}`, false},
		{"torii.users.get", `{}`, false},
		{"torii.users.update", `{"id":1,"lifecycleStatus":"offboarding"}`, true},
		{"torii.users.update", `{"id":1}`, false},
		{"torii.apps.list", `{"state":"discovered","c_team_1":"x"}`, true},
		{"torii.apps.search", `{"q":"sales","limit":50}`, true},
		{"torii.apps.search", `{"q":"sales","limit":51}`, false},
		{"torii.apps.search", `{"q":"sales","next_cursor":"x"}`, true},
		{"torii.me.list", `{"limit":1}`, false},
		{"torii.apps.create", `{"idApp":"7"}`, true},
		{"torii.contracts.create", `{"name":"n","idApp":1,"status":"active","amount":{"value":5,"currency":"EUR"},"c_x_1":"y"}`, true},
		{"torii.contracts.create", `{"name":"n","status":"active"}`, false},
		{"torii.roles.list", `{"limit":10}`, true},
		{"torii.files.upload", `{"file":"aGk=","type":"attachment","file_name":"a.csv"}`, true},
		{"torii.files.upload", `{"file":"aGk="}`, false},
		{"torii.transactions.update", `{"id":1,"idApp":null}`, true},
	}
	for _, tt := range tests {
		raw, err := InputSchema(operation(t, c, tt.id))
		if got := compile(t, raw, err).Validate(value(t, tt.arguments)); (got == nil) != tt.want {
			t.Errorf("%s %s: accepted is %t, want %t (%v)", tt.id, tt.arguments, got == nil, tt.want, got)
		}
	}
}

func TestOutputSchemaAccepts(t *testing.T) {
	c := load(t)
	tests := []struct {
		id, answer string
		want       bool
	}{
		{"torii.me.list", `{"result":{"id":1000,"companyName":null}}`, true},
		{"torii.me.list", `{"result":[]}`, false},
		{"torii.users.list", `{"result":[{"id":1,"email":"not an address","lifecycleStatus":"new value","c_x":[1]}],"next_cursor":null,"prev_cursor":null,"result_count":1,"limit":100,"total":1}`, true},
		{"torii.users.list", `{"next_cursor":null}`, false},
		{"torii.apps.list", `{"result":[{"id":1,"tags":["a"],"primaryOwner":5,"lastVisitTime":1700000000000}],"next_cursor":"x"}`, true},
		{"torii.apps.list", `{"result":[{"id":1,"tags":"a,b","primaryOwner":{"id":5,"extra":true},"lastVisitTime":"2026-01-01T00:00:00Z"}]}`, true},
		{"torii.apps.list", `{"result":[{"id":"one"}]}`, false},
		{"torii.contracts.delete", `{"result":{"id":"12"}}`, true},
		{"torii.user_field_metadata.list", `{"result":{"predefinedFields":[{"name":"a","systemKey":"b","type":"new"}],"customFields":[]}}`, true},
		{"torii.workflows.get", `{"result":{"anything":1}}`, true},
		{"torii.workflows.get", `{"result":[1]}`, true},
	}
	for _, tt := range tests {
		raw, err := OutputSchema(operation(t, c, tt.id))
		if got := compile(t, raw, err).Validate(value(t, tt.answer)); (got == nil) != tt.want {
			t.Errorf("%s %s: accepted is %t, want %t (%v)", tt.id, tt.answer, got == nil, tt.want, got)
		}
	}
}

func TestInputSchemaBytes(t *testing.T) {
	raw, err := InputSchema(operation(t, load(t), "torii.apps.search"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{` +
		`"q":{"type":"string","description":"Text that the name contains."},` +
		`"limit":{"type":"integer","description":"Most records to return in this page.","minimum":1,"maximum":50},` +
		`"next_cursor":{"type":"string","description":"The next_cursor of the page before, exactly as it was returned, with the same filters."}},` +
		`"required":["q"],"additionalProperties":false}`
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInputSchemaTakesPropertiesOfTheCaller(t *testing.T) {
	c := load(t)
	own := &catalogv1.Field{Name: "fields", Description: "Keys to keep.", Schema: &catalogv1.Schema{Types: []string{"string"}}}
	raw, err := InputSchema(operation(t, c, "torii.roles.list"), own)
	if err := compile(t, raw, err).Validate(value(t, `{"fields":"id"}`)); err != nil {
		t.Errorf("the added property is refused: %v", err)
	}
	if _, err := InputSchema(operation(t, c, "torii.apps.list"), own); err == nil {
		t.Error("an argument that is there already was added again")
	}
}

func TestDefaultsShowWhatIsSent(t *testing.T) {
	raw, err := InputSchema(operation(t, load(t), "torii.contracts.get"))
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Properties map[string]struct{ Default string }
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	if got, want := schema.Properties["fields"].Default, "id,name,idApp,status,owner,createdBy,creationTime,source"; got != want {
		t.Errorf("default of fields is %q, want %q", got, want)
	}
}
