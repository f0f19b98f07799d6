package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

type encoder struct {
	j JSON
	b []byte
	// records is the type of the records that were cut to the members asked.
	records protoreflect.MessageDescriptor
	asked   []string
}

func (e *encoder) message(m protoreflect.Message) error {
	md := m.Descriptor()
	switch {
	case e.j.isRaw(md):
		return e.raw(m)
	case wellKnown(md):
		return e.wellKnown(m)
	}
	e.b = append(e.b, '{')
	fields := md.Fields()
	first := true
	for i := range fields.Len() {
		fd := fields.Get(i)
		null := false
		if fd.IsList() && md == e.records && !m.Has(fd) && !slices.Contains(e.asked, string(fd.Name())) {
			continue
		}
		if fd.HasPresence() && !m.Has(fd) {
			if null = e.j.always(fd.Name()); !null {
				continue
			}
		}
		if !first {
			e.b = append(e.b, ',')
		}
		first = false
		e.b = append(e.b, '"')
		e.b = append(e.b, fd.TextName()...)
		e.b = append(e.b, '"', ':')
		if null {
			e.b = append(e.b, "null"...)
			continue
		}
		if err := e.field(fd, m.Get(fd)); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}

func (e *encoder) raw(m protoreflect.Message) error {
	fd := m.Descriptor().Fields().ByName(rawField)
	if fd == nil || fd.Kind() != protoreflect.BytesKind {
		return fmt.Errorf("wire: %s has no bytes field %q", e.j.Raw, rawField)
	}
	json := m.Get(fd).Bytes()
	if len(json) == 0 {
		e.b = append(e.b, "null"...)
		return nil
	}
	e.b = append(e.b, json...)
	return nil
}

func (e *encoder) wellKnown(m protoreflect.Message) error {
	if ts, ok := m.Interface().(*timestamppb.Timestamp); ok && ts.IsValid() {
		e.timestamp(ts)
		return nil
	}
	out, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m.Interface())
	if err != nil {
		return fmt.Errorf("wire: %s: %w", m.Descriptor().FullName(), err)
	}
	// protojson adds blanks at random to keep people from relying on its
	// bytes; ours are relied on.
	buf := bytes.NewBuffer(e.b)
	if err := json.Compact(buf, out); err != nil {
		return fmt.Errorf("wire: %s: %w", m.Descriptor().FullName(), err)
	}
	e.b = buf.Bytes()
	return nil
}

// timestamp is the one well-known type that is in almost every message. It has
// no, three, six or nine digits of a second.
func (e *encoder) timestamp(ts *timestamppb.Timestamp) {
	layout := "2006-01-02T15:04:05.000000000Z"
	switch nanos := ts.GetNanos(); {
	case nanos == 0:
		layout = "2006-01-02T15:04:05Z"
	case nanos%1e6 == 0:
		layout = "2006-01-02T15:04:05.000Z"
	case nanos%1e3 == 0:
		layout = "2006-01-02T15:04:05.000000Z"
	}
	e.b = append(ts.AsTime().AppendFormat(append(e.b, '"'), layout), '"')
}

func (e *encoder) field(fd protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch {
	case fd.IsList():
		return e.list(fd, v.List())
	case fd.IsMap():
		return e.mapping(fd, v.Map())
	default:
		return e.value(fd, v)
	}
}

func (e *encoder) list(fd protoreflect.FieldDescriptor, l protoreflect.List) error {
	e.b = append(e.b, '[')
	for i := range l.Len() {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.value(fd, l.Get(i)); err != nil {
			return err
		}
	}
	e.b = append(e.b, ']')
	return nil
}

func (e *encoder) mapping(fd protoreflect.FieldDescriptor, m protoreflect.Map) error {
	e.b = append(e.b, '{')
	for i, k := range sortedKeys(fd.MapKey(), m) {
		if i > 0 {
			e.b = append(e.b, ',')
		}
		if err := e.text(k.String()); err != nil {
			return err
		}
		e.b = append(e.b, ':')
		if err := e.value(fd.MapValue(), m.Get(k)); err != nil {
			return err
		}
	}
	e.b = append(e.b, '}')
	return nil
}

func (e *encoder) value(fd protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		e.b = strconv.AppendBool(e.b, v.Bool())
	case protoreflect.StringKind:
		return e.text(v.String())
	case protoreflect.BytesKind:
		e.b = append(e.b, '"')
		e.b = base64.StdEncoding.AppendEncode(e.b, v.Bytes())
		e.b = append(e.b, '"')
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		e.b = strconv.AppendInt(e.b, v.Int(), 10)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		e.b = strconv.AppendUint(e.b, v.Uint(), 10)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		// 64 bits do not fit a JSON number in most readers.
		e.b = append(strconv.AppendInt(append(e.b, '"'), v.Int(), 10), '"')
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		e.b = append(strconv.AppendUint(append(e.b, '"'), v.Uint(), 10), '"')
	case protoreflect.FloatKind:
		e.float(v.Float(), 32)
	case protoreflect.DoubleKind:
		e.float(v.Float(), 64)
	case protoreflect.EnumKind:
		e.enum(fd.Enum(), v.Enum())
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return e.message(v.Message())
	}
	return nil
}

func (e *encoder) text(s string) error {
	b, err := jsontext.AppendQuote(e.b, s)
	if err != nil {
		return fmt.Errorf("wire: text is not UTF-8: %w", err)
	}
	e.b = b
	return nil
}

func (e *encoder) float(f float64, bits int) {
	switch {
	case math.IsNaN(f):
		e.b = append(e.b, `"NaN"`...)
	case math.IsInf(f, 1):
		e.b = append(e.b, `"Infinity"`...)
	case math.IsInf(f, -1):
		e.b = append(e.b, `"-Infinity"`...)
	default:
		format := byte('f')
		if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
			format = 'e'
		}
		e.b = strconv.AppendFloat(e.b, f, format, -1, bits)
	}
}

func (e *encoder) enum(ed protoreflect.EnumDescriptor, n protoreflect.EnumNumber) {
	if ed.FullName() == "google.protobuf.NullValue" {
		e.b = append(e.b, "null"...)
		return
	}
	if v := ed.Values().ByNumber(n); v != nil {
		e.b = append(e.b, '"')
		e.b = append(e.b, v.Name()...)
		e.b = append(e.b, '"')
		return
	}
	// A value from a newer schema keeps its number.
	e.b = strconv.AppendInt(e.b, int64(n), 10)
}
