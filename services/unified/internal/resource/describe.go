package resource

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/services/unified/internal/plan"
)

// TypeOf is the type of an output field by the name of its row, e.g. `string` or `date-time`.
func (r *Resource) TypeOf(name string) string {
	message := r.Message.Descriptor()
	for part := range strings.SplitSeq(name, ".") {
		part, _, _ = strings.Cut(part, "[")
		fd := message.Fields().ByName(protoreflect.Name(part))
		if fd == nil {
			return "any"
		}
		if inner := fd.Message(); inner != nil && !special(inner) {
			message = inner
			continue
		}
		if fd.IsList() && !strings.Contains(name, "[") {
			return "array"
		}
		return typeOf(fd)
	}
	return "object"
}

// special says whether a message has a JSON form of its own.
func special(m protoreflect.MessageDescriptor) bool {
	return m.FullName() == timestamp || m.FullName() == rawJSON
}

// Full names of the messages that have a JSON form of their own.
const (
	rawJSON   protoreflect.FullName = "sando.rpc.v1.RawJson"
	timestamp protoreflect.FullName = "google.protobuf.Timestamp"
)

func typeOf(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.Kind() == protoreflect.StringKind:
		return "string"
	case fd.Kind() == protoreflect.BoolKind:
		return "boolean"
	case fd.Kind() == protoreflect.Int32Kind:
		return "integer"
	case isTimestamp(fd):
		return "date-time"
	default:
		return "any"
	}
}

// Row writes a row of the field table, or a filter, as one JSON object.
func Row(m proto.Message) (json.RawMessage, error) {
	b, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, err
	}
	// The library adds blanks at random.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// schema is a JSON Schema, as far as records need one.
type schema struct {
	Schema      string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Type        string             `json:"type,omitempty"`
	Format      string             `json:"format,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Examples    []string           `json:"examples,omitempty"`
}

// Schema is the JSON Schema 2020-12 of a record. Texts with an enum table list its outputs as examples only, because a text outside the table
// stays as it is.
func (r *Resource) Schema() (json.RawMessage, error) {
	rows := make(map[string]plan.Field)
	for _, f := range r.Fields {
		name := strings.NewReplacer("[0]", "", "[]", "").Replace(f.Mapping.GetName())
		if _, ok := rows[name]; !ok {
			rows[name] = f
		}
	}
	s := r.object(r.Message.Descriptor(), "", rows)
	s.Schema, s.Title, s.Description = "https://json-schema.org/draft/2020-12/schema", r.Name().String(), r.Spec.GetDescription()
	s.Required = []string{"id"}
	return json.Marshal(s)
}

func (r *Resource) object(m protoreflect.MessageDescriptor, prefix string, rows map[string]plan.Field) *schema {
	s := &schema{Type: "object", Properties: make(map[string]*schema)}
	fields := m.Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		name := prefix + string(fd.Name())
		one := r.property(fd, name, rows)
		if fd.IsList() {
			one = &schema{Type: "array", Items: one, Description: one.Description}
			one.Items.Description = ""
		}
		s.Properties[string(fd.Name())] = one
	}
	return s
}

func (r *Resource) property(fd protoreflect.FieldDescriptor, name string, rows map[string]plan.Field) *schema {
	one := &schema{}
	switch t := typeOf(fd); {
	case fd.Message() != nil && !special(fd.Message()):
		one = r.object(fd.Message(), name+".", rows)
	case t == "date-time":
		one.Type, one.Format = "string", t
	case t != "any":
		one.Type = t
	case name == plan.Custom:
		one = added(rows)
	case name == plan.RemoteData || name == r.Spec.GetCustomFields().GetName():
		one.Type = "object"
	}
	if row, ok := rows[name]; ok {
		one.Description = row.Mapping.GetDescription()
		one.Examples = slices.Compact(slices.Sorted(maps.Values(row.Mapping.GetEnum())))
	}
	return one
}

// added describes the fields that overrides add.
func added(rows map[string]plan.Field) *schema {
	s := &schema{Type: "object", Properties: make(map[string]*schema)}
	for name, row := range rows {
		if key, ok := strings.CutPrefix(name, plan.Custom+"."); ok {
			s.Properties[key] = &schema{Description: row.Mapping.GetDescription()}
		}
	}
	return s
}
