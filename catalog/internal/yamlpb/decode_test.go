package yamlpb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

func TestDecode(t *testing.T) {
	const text = `
resource: things
operations:
  - method: list
    effect: EFFECT_READ
    idempotent: true
    rate_limit_per_minute: 100
    tags: [a, b]
    request:
      default_query: {fields: "a,b"}
      parameters:
        - &id {name: id, schema: {types: [integer], minimum: 0, maximum: 9007199254740993}}
        - *id
  - {method: delete, effect: destructive}
`
	limits := &catalogv1.Schema{Types: []string{"integer"}, Minimum: new(int64(0)), Maximum: new(int64(9007199254740993))}
	want := &catalogv1.ResourceFile{
		Resource: "things",
		Operations: []*catalogv1.Operation{
			{
				Method: "list", Effect: catalogv1.Effect_EFFECT_READ, Idempotent: true, RateLimitPerMinute: 100, Tags: []string{"a", "b"},
				Request: &catalogv1.Request{
					DefaultQuery: map[string]string{"fields": "a,b"},
					Parameters:   []*catalogv1.Parameter{{Name: "id", Schema: limits}, {Name: "id", Schema: limits}},
				},
			},
			{Method: "delete", Effect: catalogv1.Effect_EFFECT_DESTRUCTIVE},
		},
	}
	got := new(catalogv1.ResourceFile)
	f, err := Decode("things.yaml", []byte(text), got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	request := got.GetOperations()[0].GetRequest()
	places := []struct{ got, want string }{
		{f.Problem(got, "resource", "x").Error(), "things.yaml:2: resource: x"},
		{f.Problem(got, "", "x").Error(), "things.yaml:2: x"},
		{f.Problem(request.GetParameters()[1].GetSchema(), "maximum", "%d", 1).Error(), "things.yaml:12: operations[0].request.parameters[1].schema.maximum: 1"},
		{f.Problem(got.GetOperations()[1], "title", "is missing").Error(), "things.yaml:14: operations[1].title: is missing"},
	}
	for _, p := range places {
		if p.got != p.want {
			t.Errorf("place is %q, want %q", p.got, p.want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	bomb := "x0: &x0 {types: [a, b, c]}\n"
	tests := []struct{ name, text, want string }{
		{"nothing", "", "the file is empty"},
		{"a comment only", "# nothing\n", "the file is empty"},
		{"no YAML", "a: [", "did not find expected"},
		{"a list", "- a", "must be a mapping of ResourceFile fields"},
		{"a scalar", "a", "must be a mapping of ResourceFile fields"},
		{"a scalar for a list", "operations: a", "f:1: operations: must be a list"},
		{"a list for a scalar", "resource: [a]", "f:1: resource: must be one value"},
		{"a list for a map", "operations: [{request: {default_query: [a]}}]", "default_query: must be a mapping"},
		{"a key twice in a map", "operations: [{request: {default_query: {a: b, a: c}}}]", "default_query.a: the key appears twice"},
		{"text for a number", "operations: [{rate_limit_per_minute: many}]", "must be a whole number"},
		{"a fraction", "operations: [{rate_limit_per_minute: 1.5}]", "must be a whole number"},
		{"33 bits", "operations: [{rate_limit_per_minute: 4294967296}]", "must fit 32 bits"},
		{"65 bits", "operations: [{request: {parameters: [{schema: {minimum: 18446744073709551616}}]}}]", "must be a whole number"},
		{"text for a boolean", `operations: [{idempotent: "true"}]`, "must be true or false"},
		{"a date for text", "resource: 2026-01-01", `write "2026-01-01" in quotes`},
		{"null", "resource: ~", "has no value"},
		{"null in a list", "operations: [~]", "operations[0]: has no value"},
		{"a merge key", "operations: [&a {method: list}, {<<: *a}]", "keys are plain field names here"},
		{"a mapping as key", "? {a: b}\n: c", "keys are plain field names here"},
		{"a large file", "resource: " + strings.Repeat("a", maxBytes), "larger than"},
		{"two faults", "resourc: a\noperations: b", "f:2: operations: must be a list"},
		{"an unknown anchor", bomb + "y: *nowhere", "unknown anchor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Decode("f", []byte(tt.text), new(catalogv1.ResourceFile))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Aliases multiply and nest: work and depth have to end all the same.
func TestDecodeEndsOnAliasBombs(t *testing.T) {
	var wide strings.Builder
	wide.WriteString("fields: [&a0 {name: x}")
	for n := 1; n <= 20; n++ {
		fmt.Fprintf(&wide, ", &a%d {schema: {fields: [*a%d, *a%d]}}", n, n-1, n-1)
	}
	wide.WriteString("]\n")
	if _, err := Decode("f", []byte(wide.String()), new(catalogv1.Schema)); err == nil || !strings.Contains(err.Error(), "values once its aliases are followed") {
		t.Errorf("wide: got %v", err)
	}
	deep := map[string]string{
		"written out": strings.Repeat("items: {", 100) + "format: x" + strings.Repeat("}", 100),
		"in a circle": "items: &a {items: *a}",
	}
	for name, text := range deep {
		if _, err := Decode("f", []byte(text), new(catalogv1.Schema)); err == nil || !strings.Contains(err.Error(), "nest deeper than 64 levels") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
