package plan

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	userdirectoryv1 "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"

	"github.com/sando-dev/sando/services/unified/internal/expression"
)

// table makes a table for users from rows in protobuf's JSON.
func table(t testing.TB, rows ...string) Table {
	t.Helper()
	env, err := expression.NewMapping(&catalogv1.Operation{Response: &catalogv1.Response{Fields: []*catalogv1.Field{
		{Name: "firstName", Schema: &catalogv1.Schema{Types: []string{"string"}}},
		{Name: "count", Schema: &catalogv1.Schema{Types: []string{"integer"}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	out := Table{Message: (&userdirectoryv1.User{}).ProtoReflect().Descriptor(), CustomFields: "custom_fields", Expressions: env}
	for _, row := range rows {
		m := new(catalogv1.FieldMapping)
		if err := protojson.Unmarshal([]byte(row), m); err != nil {
			t.Fatalf("%s: %v", row, err)
		}
		out.Fields = append(out.Fields, Field{Mapping: m, Layer: "catalog"})
	}
	return out
}

func compiled(t testing.TB, rows ...string) *Plan {
	t.Helper()
	p, err := Compile(table(t, rows...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mapped(t *testing.T, p *Plan, call Call, record string) (*userdirectoryv1.User, int) {
	t.Helper()
	r := p.Runner(t.Context(), call)
	b, err := r.Append(nil, []byte(record))
	if err != nil {
		t.Fatalf("%s: %v", record, err)
	}
	user := new(userdirectoryv1.User)
	if err := proto.Unmarshal(b, user); err != nil {
		t.Fatalf("%s: %v", record, err)
	}
	return user, r.Warnings
}

func TestAppend(t *testing.T) {
	id := `{"name":"id","path":["/id"],"required":true}`
	for _, test := range []struct {
		name     string
		rows     []string
		record   string
		want     string
		warnings int
	}{
		{"an id of 2^53+1", nil, `{"id":9007199254740993}`, `{"id":"9007199254740993"}`, 0},
		{"an id with more digits than 64 bits", nil, `{"id":123456789012345678901234567890}`, `{"id":"123456789012345678901234567890"}`, 0},
		{"the last duplicate counts", nil, `{"id":1,"id":2}`, `{"id":"2"}`, 0},
		{"escapes", []string{`{"name":"name","path":["/n"]}`}, `{"id":1,"n":"Zo\u00eb \"Z\"\n\ud83d\ude00"}`, `{"id":"1","name":"Zoë \"Z\"\n😀"}`, 0},
		{"null is absent", []string{`{"name":"name","path":["/n"]}`}, `{"id":1,"n":null}`, `{"id":"1"}`, 0},
		{"first present wins", []string{`{"name":"name","path":["/a","/b/c"]}`}, `{"id":1,"a":null,"b":{"c":"x"}}`, `{"id":"1","name":"x"}`, 0},
		{"a wrong type is absent and counted", []string{`{"name":"name","path":["/a","/b"]}`}, `{"id":1,"a":{},"b":"x"}`, `{"id":"1","name":"x"}`, 1},
		{"a later duplicate clears what was below", []string{`{"name":"name","path":["/a/b"]}`}, `{"id":1,"a":{"b":"x"},"a":{}}`, `{"id":"1"}`, 0},
		{"join", []string{`{"name":"name","join":["/a","/b"]}`}, `{"id":1,"a":"A","b":"B"}`, `{"id":"1","name":"A B"}`, 0},
		{"join without one", []string{`{"name":"name","join":["/a","/b"]}`}, `{"id":1,"b":"B"}`, `{"id":"1","name":"B"}`, 0},
		{"join of nothing", []string{`{"name":"name","join":["/a","/b"]}`}, `{"id":1}`, `{"id":"1"}`, 0},
		{"enum", []string{`{"name":"status","path":["/s"],"enum":{"on":"active"}}`}, `{"id":1,"s":"on"}`, `{"id":"1","status":"active"}`, 0},
		{"outside the enum", []string{`{"name":"status","path":["/s"],"enum":{"on":"active"}}`}, `{"id":1,"s":"new"}`, `{"id":"1","status":"new"}`, 1},
		{"case", []string{`{"name":"status","path":["/s"],"cases":[{"path":"/d","equals":"true","constant":"\"deleted\""}]}`}, `{"id":1,"s":"on","d":true}`, `{"id":"1","status":"deleted"}`, 0},
		{"a case is not looked up in the enum", []string{`{"name":"status","path":["/s"],"enum":{"on":"active"},"cases":[{"path":"/d","equals":"true","constant":"\"on\""}]}`}, `{"id":1,"s":"on","d":true}`, `{"id":"1","status":"on"}`, 0},
		{"case of null", []string{`{"name":"status","path":["/s"],"cases":[{"path":"/d","equals":"null","constant":"\"none\""}]}`}, `{"id":1,"s":"on"}`, `{"id":"1","status":"none"}`, 0},
		{"lower", []string{`{"name":"status","path":["/s"],"convert":"lower"}`}, `{"id":1,"s":"In Review"}`, `{"id":"1","status":"in review"}`, 0},
		{"bool and not", []string{`{"name":"is_external","path":["/e"]}`, `{"name":"is_email_verified","path":["/e"],"convert":"not"}`}, `{"id":1,"e":true}`, `{"id":"1","isExternal":true,"isEmailVerified":false}`, 0},
		{"int", []string{`{"name":"active_apps_count","path":["/n"]}`}, `{"id":1,"n":4.0}`, `{"id":"1","activeAppsCount":4}`, 0},
		{"an int beyond 32 bits", []string{`{"name":"active_apps_count","path":["/n"]}`}, `{"id":1,"n":9007199254740993}`, `{"id":"1"}`, 1},
		{"time with milliseconds", []string{`{"name":"created_at","path":["/t"]}`}, `{"id":1,"t":"2020-02-29T01:02:03.456Z"}`, `{"id":"1","createdAt":"2020-02-29T01:02:03.456Z"}`, 0},
		{"time with an offset", []string{`{"name":"created_at","path":["/t"]}`}, `{"id":1,"t":"2020-01-01T01:00:00.5+01:00"}`, `{"id":"1","createdAt":"2020-01-01T00:00:00.500Z"}`, 0},
		{"time as epoch milliseconds", []string{`{"name":"created_at","path":["/t"]}`}, `{"id":1,"t":1577836800123}`, `{"id":"1","createdAt":"2020-01-01T00:00:00.123Z"}`, 0},
		{"a date", []string{`{"name":"created_at","path":["/t"]}`}, `{"id":1,"t":"2020-01-01"}`, `{"id":"1","createdAt":"2020-01-01T00:00:00Z"}`, 0},
		{"no time", []string{`{"name":"created_at","path":["/t"]}`}, `{"id":1,"t":"2021-02-29T00:00:00Z"}`, `{"id":"1"}`, 1},
		{"a time before 1970", []string{`{"name":"created_at","path":["/t"]}`}, `{"id":1,"t":"1965-01-01T00:00:00Z"}`, `{"id":"1","createdAt":"1965-01-01T00:00:00Z"}`, 0},
		{"csv of a text", []string{`{"name":"languages","path":["/l"],"convert":"csv"}`}, `{"id":1,"l":"de, en,,"}`, `{"id":"1","languages":["de","en"]}`, 0},
		{"csv of an array", []string{`{"name":"languages","path":["/l"],"convert":"csv"}`}, `{"id":1,"l":["de,at",7]}`, `{"id":"1","languages":["de,at","7"]}`, 0},
		{"an element filled only by a constant", []string{`{"name":"emails[0].email","path":["/e"]}`, `{"name":"emails[0].is_primary","constant":"true"}`}, `{"id":1}`, `{"id":"1"}`, 0},
		{"elements", []string{
			`{"name":"emails[].email","each":"/more","path":[""]}`, `{"name":"emails[].is_primary","each":"/more","constant":"false"}`,
			`{"name":"emails[0].email","path":["/e"]}`, `{"name":"emails[0].is_primary","constant":"true"}`,
		}, `{"id":1,"e":"a","more":["b",null,"c"]}`, `{"id":"1","emails":[{"email":"a","isPrimary":true},{"email":"b","isPrimary":false},{"email":"c","isPrimary":false}]}`, 0},
		{
			"elements of objects",
			[]string{`{"name":"licenses[].id","each":"/l","path":["/id"]}`, `{"name":"licenses[].name","each":"/l","path":["/n/x"]}`},
			`{"id":1,"l":[{"id":1,"n":{"x":"A"}},{},{"id":2}]}`, `{"id":"1","licenses":[{"id":"1","name":"A"},{"id":"2"}]}`, 0,
		},
		{"strings of each", []string{`{"name":"languages[]","each":"/l","path":["/code"]}`}, `{"id":1,"l":[{"code":"de"},{"code":"en"}]}`, `{"id":"1","languages":["de","en"]}`, 0},
		{"index of an array", []string{`{"name":"name","path":["/l/1/x"]}`}, `{"id":1,"l":[{"x":"a"},{"x":"b"}]}`, `{"id":"1","name":"b"}`, 0},
		{"parameter", []string{`{"name":"external_id","parameter":"app_id"}`}, `{"id":1}`, `{"id":"1","externalId":"7"}`, 0},
		{"json", []string{`{"name":"identifiers","path":["/i"]}`}, `{"id":1,"i":{"n":9007199254740993}}`, `{"id":"1","identifiers":{"json":"eyJuIjo5MDA3MTk5MjU0NzQwOTkzfQ=="}}`, 0},
		{"expression", []string{`{"name":"bio","expression":"record.firstName + '!'"}`}, `{"id":1,"firstName":"Zoë"}`, `{"id":"1","bio":"Zoë!"}`, 0},
		{"expression of an absent field", []string{`{"name":"bio","expression":"record.firstName + '!'"}`}, `{"id":1}`, `{"id":"1"}`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := compiled(t, append([]string{id}, test.rows...)...)
			got, warnings := mapped(t, p, Call{Parameters: map[string]string{"app_id": "7"}}, test.record)
			want := new(userdirectoryv1.User)
			if err := protojson.Unmarshal([]byte(test.want), want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
			if warnings != test.warnings {
				t.Errorf("%d warnings, want %d", warnings, test.warnings)
			}
		})
	}
}

func TestAppendAddsFields(t *testing.T) {
	p := compiled(t,
		`{"name":"id","path":["/id"]}`, `{"name":"custom.raw","path":["/r"]}`, `{"name":"custom.when","path":["/t"],"convert":"time"}`,
		`{"name":"custom.tags","path":["/l"],"convert":"csv"}`, `{"name":"custom.big","expression":"record.count + 1"}`, `{"name":"custom.gone","path":["/gone"]}`)
	got, _ := mapped(t, p, Call{RemoteData: true, Custom: []CustomField{{"c_b", "number"}, {"c_a", "singleLine"}, {"c_x", "bool"}, {"c_n", "number"}}},
		`{"id":1,"r":{"a":[1]},"t":1577836800000,"l":"a,b","count":9007199254740993,"c_a":"<x>","c_b":"9007199254740993","c_x":"yes","c_n":null}`)
	for name, pair := range map[string][2]string{
		"custom":        {string(got.GetCustom().GetJson()), `{"raw":{"a":[1]},"when":"2020-01-01T00:00:00Z","tags":["a","b"],"big":9007199254740994}`},
		"custom_fields": {string(got.GetCustomFields().GetJson()), `{"c_b":9007199254740993,"c_a":"<x>","c_x":"yes"}`},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %s, want %s", name, pair[0], pair[1])
		}
	}
	if !strings.HasPrefix(string(got.GetRemoteData().GetJson()), `{"id":1,"r":{"a":[1]}`) {
		t.Errorf("remote_data: %s", got.GetRemoteData().GetJson())
	}
	kept, _ := mapped(t, p, Call{Keep: map[string]bool{"name": true}, Custom: []CustomField{{"c_a", ""}}}, `{"id":1,"c_a":1,"r":1}`)
	if diff := cmp.Diff(&userdirectoryv1.User{Id: "1"}, kept, protocmp.Transform()); diff != "" {
		t.Errorf("a mask kept more than it names:\n%s", diff)
	}
}

func TestAppendFails(t *testing.T) {
	for name, test := range map[string]struct {
		row, record string
		want        Error
	}{
		"required": {
			`{"name":"id","path":["/id"],"required":true}`, `{"id":{"x":1}}`,
			Error{Layer: "catalog", Field: "id", Expression: "/id", Source: `{"x":1}`, Text: "the field is required, but there is no value for it"},
		},
		"expression": {
			`{"name":"bio","expression":"string(record.count / (record.count - record.count))"}`, `{"count":1}`,
			Error{Layer: "catalog", Field: "bio", Expression: "string(record.count / (record.count - record.count))", Source: `{"count":1}`, Text: "the expression failed: division by zero"},
		},
	} {
		_, err := compiled(t, test.row).Runner(t.Context(), Call{}).Append(nil, []byte(test.record))
		var got *Error
		if !errors.As(err, &got) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, *got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestCompileNamesThePlace(t *testing.T) {
	for name, test := range map[string]struct{ row, place, says string }{
		"unknown field":    {`{"name":"frist_name","path":["/a"]}`, "fields.frist_name.name", "no output field"},
		"bad pointer":      {`{"name":"name","path":["a"]}`, "fields.name.path", "JSON pointer"},
		"two origins":      {`{"name":"name","path":["/a"],"constant":"\"x\""}`, "fields.name", "exactly one"},
		"no origin":        {`{"name":"name"}`, "fields.name", "exactly one"},
		"wrong conversion": {`{"name":"name","path":["/a"],"convert":"int"}`, "fields.name.convert", "does not give"},
		"no conversion":    {`{"name":"name","path":["/a"],"convert":"rot13"}`, "fields.name.convert", "there is no conversion"},
		"bad constant":     {`{"name":"is_external","constant":"7"}`, "fields.is_external.constant", "number"},
		"type error":       {`{"name":"is_external","expression":"record.firstName"}`, "fields.is_external.expression", "yields string"},
		"message":          {`{"name":"emails","path":["/e"]}`, "fields.emails.name", "is a message"},
		"no list":          {`{"name":"name[0]","path":["/e"]}`, "fields.name[0].name", "is not a list"},
		"each without []":  {`{"name":"emails[].email","path":["/e"]}`, "fields.emails[].email.each", "needs `each`"},
		"sando's own":      {`{"name":"remote_data","path":["/e"]}`, "fields.remote_data.name", "itself"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(table(t, test.row))
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("it was taken: %v", err)
			}
			if faults[0].Place != test.place || !strings.Contains(faults[0].Text, test.says) {
				t.Errorf("%s: %s", faults[0].Place, faults[0].Text)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	p := compiled(t, `{"name":"id","path":["/id"]}`, `{"name":"emails[].email","each":"/more","path":["/e"]}`, `{"name":"bio","constant":"\"x\""}`,
		`{"name":"name","path":["/n"]}`, `{"name":"status","path":["/s"],"enum":{"on":"active"}}`)
	steps, err := p.Runner(t.Context(), Call{}).Explain([]byte(`{"id":7,"more":[{"e":"a"},{"e":"b"}],"s":"on"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{
		{Field: "id", Layer: "catalog", Expression: "/id", SourcePath: "/id", SourceValue: []byte("7"), Value: []byte(`"7"`)},
		{Field: "name", Layer: "catalog", Expression: "/n"},
		{Field: "emails[0].email", Layer: "catalog", Expression: "/e of each /more", SourcePath: "/more/0/e", SourceValue: []byte(`"a"`), Value: []byte(`"a"`)},
		{Field: "emails[1].email", Layer: "catalog", Expression: "/e of each /more", SourcePath: "/more/1/e", SourceValue: []byte(`"b"`), Value: []byte(`"b"`)},
		{Field: "status", Layer: "catalog", Expression: "/s", SourcePath: "/s", SourceValue: []byte(`"on"`), Value: []byte(`"active"`)},
		{Field: "bio", Layer: "catalog", Expression: `"x"`, Value: []byte(`"x"`)},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
}
