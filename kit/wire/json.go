// Package wire is the one JSON encoding of protobuf messages, shared by the
// REST gateway and the Connect codec so that both write the same bytes.
//
// It is protobuf's JSON mapping with four decisions made: fields go by their
// proto names; unset optional fields are left out while arrays, maps and plain
// scalars are always there; one message type is spliced in as JSON, byte for
// byte; and a body with an unknown field is refused, naming the field.
package wire

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// JSON encodes and decodes messages. The zero value is ready to use, and any
// value is safe for concurrent use.
type JSON struct {
	// Raw names the message whose bytes field `json` holds JSON: it is written
	// as that JSON and read as the exact bytes of the value. Empty for none.
	Raw protoreflect.FullName
	// Always names the fields that are written as null when unset.
	Always []string
	// NonEmpty names lists that may be left out but not be given empty, because
	// that would read as "none" and mean "all".
	NonEmpty []string
	// NotNull names messages that may be left out but not be given as null,
	// which is what JavaScript makes of a date that is none.
	NotNull []string
	// Mask says where responses tell what they were cut to; the zero value for
	// responses that are not.
	Mask Mask
}

// Mask leads to the members that were asked for of a response's records. A list
// that nobody asked for is left out of them, where it would be empty otherwise.
type Mask struct {
	// Records is the field with the records, one or a list of them.
	Records protoreflect.Name
	// Within and Field lead to the text that names the members asked for,
	// separated by commas. Without the text everything was asked for.
	Within, Field protoreflect.Name
}

// of finds the type of the records in a response, and which members of them
// were asked for; nil when nothing was cut.
func (k Mask) of(m protoreflect.Message) (protoreflect.MessageDescriptor, []string) {
	fields := m.Descriptor().Fields()
	records, within := fields.ByName(k.Records), fields.ByName(k.Within)
	if records == nil || records.Message() == nil || within == nil || within.Message() == nil || within.IsList() || !m.Has(within) {
		return nil, nil
	}
	field := within.Message().Fields().ByName(k.Field)
	if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() || !m.Get(within).Message().Has(field) {
		return nil, nil
	}
	return records.Message(), strings.Split(m.Get(within).Message().Get(field).String(), ",")
}

// rawField is the field of the Raw message that holds the bytes.
const rawField protoreflect.Name = "json"

// Marshal encodes m. Bytes of a Raw message are trusted to be one JSON value.
func (j JSON) Marshal(m proto.Message) ([]byte, error) {
	// A page of raw JSON is about as long as its message; growing a buffer to
	// that size in steps would copy it several times.
	size := proto.Size(m)
	return j.Append(make([]byte, 0, size+size/4+64), m)
}

// Append encodes m onto b.
func (j JSON) Append(b []byte, m proto.Message) ([]byte, error) {
	e := encoder{j: j, b: b}
	e.records, e.asked = j.Mask.of(m.ProtoReflect())
	if err := e.message(m.ProtoReflect()); err != nil {
		return b, err
	}
	return e.b, nil
}

// Unmarshal decodes one JSON value into m, which is reset first. An error is a
// VALIDATION_FAILED that names the field.
func (j JSON) Unmarshal(b []byte, m proto.Message) error {
	proto.Reset(m)
	return newDecoder(j, b).document(m.ProtoReflect())
}

func (j JSON) always(name protoreflect.Name) bool {
	return slices.Contains(j.Always, string(name))
}

// isRaw reports whether md is the spliced message.
func (j JSON) isRaw(md protoreflect.MessageDescriptor) bool {
	return j.Raw != "" && md.FullName() == j.Raw
}

// wellKnown reports whether protobuf's JSON mapping gives md a form of its
// own, which is left to protojson.
func wellKnown(md protoreflect.MessageDescriptor) bool {
	if md.FullName().Parent() != "google.protobuf" {
		return false
	}
	switch md.Name() {
	case "Any", "Timestamp", "Duration", "FieldMask", "Empty", "Struct", "Value", "ListValue",
		"DoubleValue", "FloatValue", "Int64Value", "UInt64Value", "Int32Value", "UInt32Value",
		"BoolValue", "StringValue", "BytesValue":
		return true
	}
	return false
}
