package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

const dialect = "https://json-schema.org/draft/2020-12/schema"

// InputSchema is the JSON Schema 2020-12 of an operation's flat arguments (see Arguments), followed by the caller's own properties, if any.
// Equal operations give equal bytes. Further properties are allowed where the provider takes fields that only its customer knows.
func InputSchema(op *catalogv1.Operation, own ...*catalogv1.Field) ([]byte, error) {
	var fields []*catalogv1.Field
	for _, a := range Arguments(op) {
		f := a.Field
		if d, ok := op.GetRequest().GetDefaultQuery()[a.Upstream]; ok && a.In == InQuery {
			f = withDefault(f, d)
		}
		fields = append(fields, f)
	}
	fields = append(fields, own...)
	names := make(map[string]bool, len(fields))
	for _, f := range fields {
		if names[f.GetName()] {
			return nil, fmt.Errorf("catalog: %s: the argument %q appears twice", op.GetId(), f.GetName())
		}
		names[f.GetName()] = true
	}
	schema := object{{"$schema", dialect}, {"type", "object"}, {"properties", properties(fields, input)}}
	if required := requiredNames(fields); len(required) > 0 {
		schema.set("required", required)
	}
	schema.set("additionalProperties", op.GetRequest().GetAdditionalParameters() || op.GetRequest().GetBody().GetAdditionalFields())
	return plain(schema)
}

// OutputSchema is the JSON Schema 2020-12 of an operation's answer in sando's envelope. It promises no more than the provider's documents
// do: nothing below `result` is required, further properties are allowed everywhere, and neither enumerations nor formats are asserted,
// because providers add values and bend formats, and a client that checks would then lose the answer.
func OutputSchema(op *catalogv1.Operation) ([]byte, error) {
	res := op.GetResponse()
	envelope := object{{"result", resultSchema(op)}}
	required := []string{"result"}
	if res.GetShape() == ShapeArray || Pages(op) {
		envelope.set("next_cursor", object{{"type", []string{"string", "null"}}, {"description", "Continues the list; null at its end."}})
		envelope.set("prev_cursor", object{{"type", []string{"string", "null"}}})
		envelope.set("result_count", object{{"type", "integer"}, {"description", "Records in this page."}})
		envelope.set("limit", object{{"type", "integer"}, {"description", "The page size in force."}})
		envelope.set("total", object{{"type", "integer"}, {"description", "Records that match in all, where the provider says so."}})
		envelope.set("meta", object{{"type", "object"}, {"properties", object{{"shifted", object{
			{"type", "boolean"}, {"description", "Records were added, removed or moved before this page since the page before was read."},
		}}}}, {"additionalProperties", true}})
	}
	if key := res.GetAggregationsKey(); key != "" {
		envelope.set(MemberAggregations, object{{"description", "What " + res.GetAggregationsParameter() + " asked for, computed over all matches."}})
	}
	return plain(object{
		{"$schema", dialect},
		{"type", "object"},
		{"properties", envelope},
		{"required", required},
		{"additionalProperties", true},
	})
}

func resultSchema(op *catalogv1.Operation) object {
	res := op.GetResponse()
	switch {
	case op.GetBinary():
		return object{{"type", "object"}, {"description", "The file."}, {"additionalProperties", true}}
	case res.GetShape() == ShapeArray:
		return object{{"type", "array"}, {"items", rowSchema(res)}}
	case res.GetShape() == ShapeObject:
		return rowSchema(res)
	case res.GetShape() == ShapeNone:
		id := object{{"type", []string{"string", "integer"}}, {"description", "Id of the record that the call was about."}}
		return object{{"type", "object"}, {"properties", object{{"id", id}}}, {"additionalProperties", true}}
	default:
		return object{{"description", "What the provider answers; its documents do not say."}}
	}
}

func rowSchema(res *catalogv1.Response) object {
	return object{{"type", "object"}, {"properties", properties(res.GetFields(), output)}, {"additionalProperties", true}}
}

// direction says whether a schema describes what is sent or what comes back.
type direction int

const (
	input direction = iota
	output
)

func properties(fields []*catalogv1.Field, d direction) object {
	out := object{}
	for _, f := range fields {
		out.set(f.GetName(), fieldSchema(f, d))
	}
	return out
}

func requiredNames(fields []*catalogv1.Field) []string {
	var out []string
	for _, f := range fields {
		if f.GetRequired() {
			out = append(out, f.GetName())
		}
	}
	return out
}

func fieldSchema(f *catalogv1.Field, d direction) object {
	types := slices.Clone(f.GetSchema().GetTypes())
	if f.GetNullable() && len(types) > 0 && !slices.Contains(types, "null") {
		types = append(types, "null")
	}
	return typeSchema(f.GetSchema(), types, f.GetDescription(), d)
}

// typeSchema writes a schema with the given types; description may be empty.
func typeSchema(s *catalogv1.Schema, types []string, description string, d direction) object {
	out := object{}
	if s.GetFormat() == "id" && d == input {
		types = append([]string{"integer", "string"}, without(types, "integer", "string")...)
	}
	switch len(types) {
	case 0:
	case 1:
		out.set("type", types[0])
	default:
		out.set("type", types)
	}
	if text := describe(s, description, d); text != "" {
		out.set("description", text)
	}
	if d == input {
		limits(&out, s, types)
	}
	if s.GetItems() != nil {
		out.set("items", typeSchema(s.GetItems(), s.GetItems().GetTypes(), "", d))
	}
	if len(s.GetFields()) > 0 {
		out.set("properties", properties(s.GetFields(), d))
		if required := requiredNames(s.GetFields()); d == input && len(required) > 0 {
			out.set("required", required)
		}
	}
	if d == output && slices.Contains(types, "object") {
		out.set("additionalProperties", true)
	}
	return out
}

// limits writes what holds for arguments only.
func limits(out *object, s *catalogv1.Schema, types []string) {
	switch s.GetFormat() {
	case "date-time", "date", "email", "uri", "uuid":
		out.set("format", s.GetFormat())
	case "id":
		out.set("pattern", "^[0-9]+$")
	case "json":
		out.set("contentMediaType", "application/json")
	case "binary":
		out.set("contentEncoding", "base64")
	}
	if len(s.GetEnum()) > 0 {
		values := make([]any, 0, len(s.GetEnum())+1)
		for _, v := range s.GetEnum() {
			values = append(values, v)
		}
		if slices.Contains(types, "null") {
			values = append(values, nil)
		}
		out.set("enum", values)
	}
	if s.Minimum != nil {
		out.set("minimum", s.GetMinimum())
	}
	if s.Maximum != nil {
		out.set("maximum", s.GetMaximum())
	}
	if s.MaxLength != nil {
		out.set("maxLength", s.GetMaxLength())
	}
	if s.GetDefault() != "" {
		out.set("default", defaultValue(s))
	}
}

// describe adds to a description what the schema's keywords do not assert.
func describe(s *catalogv1.Schema, description string, d direction) string {
	parts := []string{}
	if description != "" {
		parts = append(parts, description)
	}
	if d == output && len(s.GetEnum()) > 0 {
		parts = append(parts, "Known values: "+strings.Join(s.GetEnum(), ", ")+".")
	}
	return strings.Join(parts, " ")
}

// defaultValue gives a default its JSON type; the loader has checked that it parses.
func defaultValue(s *catalogv1.Schema) any {
	switch {
	case slices.Contains(s.GetTypes(), "integer"):
		if n, err := strconv.ParseInt(s.GetDefault(), 10, 64); err == nil {
			return n
		}
	case slices.Contains(s.GetTypes(), "boolean"):
		if b, err := strconv.ParseBool(s.GetDefault()); err == nil {
			return b
		}
	}
	return s.GetDefault()
}

// withDefault shows the default that sando sends instead of the provider's own.
func withDefault(f *catalogv1.Field, value string) *catalogv1.Field {
	s := f.GetSchema()
	return &catalogv1.Field{Name: f.GetName(), Description: f.GetDescription(), Required: f.GetRequired(), Schema: &catalogv1.Schema{
		Types: s.GetTypes(), Format: s.GetFormat(), Enum: s.GetEnum(), Minimum: s.Minimum, Maximum: s.Maximum, MaxLength: s.MaxLength,
		Items: s.GetItems(), Fields: s.GetFields(), Default: value,
	}}
}

func without(types []string, drop ...string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool { return slices.Contains(drop, t) })
}
