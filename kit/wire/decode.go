package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

type decoder struct {
	j    JSON
	in   *jsontext.Decoder
	path []string
}

func newDecoder(j JSON, b []byte) *decoder {
	return &decoder{j: j, in: jsontext.NewDecoder(bytes.NewBuffer(b))}
}

// document reads one message and nothing after it.
func (d *decoder) document(m protoreflect.Message) error {
	if err := d.message(m); err != nil {
		return err
	}
	if _, err := d.in.ReadToken(); !errors.Is(err, io.EOF) {
		return d.refuse("the body holds more than one JSON value")
	}
	return nil
}

// refuse makes the error for the place that is being read.
func (d *decoder) refuse(format string, args ...any) *rpcerr.Error {
	field := strings.TrimPrefix(strings.Join(d.path, ""), ".")
	why := fmt.Sprintf(format, args...)
	if field == "" {
		e := rpcerr.New(rpcerr.ValidationFailed, why)
		e.Violations = []rpcerr.Violation{{Description: why}}
		return e
	}
	return rpcerr.Invalid(field, why)
}

// syntax turns an error of the tokenizer into ours.
func (d *decoder) syntax(err error) *rpcerr.Error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return d.refuse("the JSON ends too early").WithCause(err)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		if at, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			return d.refuse("the field %s is given twice", at.JSONPointer.LastToken()).WithCause(err)
		}
		return d.refuse("a field is given twice").WithCause(err)
	}
	return d.refuse("not valid JSON at byte %d", d.in.InputOffset()).WithCause(err)
}

func (d *decoder) within(step string, read func() error) error {
	d.path = append(d.path, step)
	err := read()
	d.path = d.path[:len(d.path)-1]
	return err
}

func (d *decoder) message(m protoreflect.Message) error {
	md := m.Descriptor()
	switch {
	case d.j.isRaw(md):
		return d.raw(m)
	case wellKnown(md):
		return d.wellKnown(m)
	}
	if kind := d.in.PeekKind(); kind != '{' {
		return d.unexpected("an object")
	}
	if _, err := d.in.ReadToken(); err != nil {
		return d.syntax(err)
	}
	seen := make(map[protoreflect.FieldNumber]bool)
	for d.in.PeekKind() != '}' {
		name, err := d.in.ReadToken()
		if err != nil {
			return d.syntax(err)
		}
		if err := d.member(m, name.String(), seen); err != nil {
			return err
		}
	}
	if _, err := d.in.ReadToken(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// member reads one field of a message.
func (d *decoder) member(m protoreflect.Message, name string, seen map[protoreflect.FieldNumber]bool) error {
	fields := m.Descriptor().Fields()
	fd := fields.ByTextName(name)
	if fd == nil {
		fd = fields.ByJSONName(name)
	}
	return d.within("."+name, func() error {
		if fd == nil {
			return d.unknown(fields, name)
		}
		if seen[fd.Number()] {
			return d.refuse("is given twice")
		}
		seen[fd.Number()] = true
		if d.in.PeekKind() == 'n' && !d.takesNull(fd) {
			if md := fd.Message(); md != nil && slices.Contains(d.j.NotNull, string(md.FullName())) {
				return d.refuse("must not be null: leave it out instead")
			}
			_, err := d.in.ReadToken()
			return d.ended(err)
		}
		if one := fd.ContainingOneof(); one != nil && m.WhichOneof(one) != nil {
			return d.refuse("cannot be given together with %s", m.WhichOneof(one).TextName())
		}
		return d.field(m, fd)
	})
}

func (d *decoder) ended(err error) error {
	if err != nil {
		return d.syntax(err)
	}
	return nil
}

func (d *decoder) unknown(fields protoreflect.FieldDescriptors, name string) error {
	names := make([]string, fields.Len())
	for i := range names {
		names[i] = fields.Get(i).TextName()
	}
	e := d.refuse("unknown field")
	if near := nearest.Of(name, names); near != "" {
		return e.WithFix(fmt.Sprintf("Did you mean %q?", near))
	}
	return e
}

// takesNull reports whether null is a value of the field rather than its
// absence.
func (d *decoder) takesNull(fd protoreflect.FieldDescriptor) bool {
	if fd.Cardinality() == protoreflect.Repeated {
		return false
	}
	if md := fd.Message(); md != nil {
		return d.j.isRaw(md) || md.FullName() == "google.protobuf.Value"
	}
	return fd.Enum() != nil && fd.Enum().FullName() == "google.protobuf.NullValue"
}

func (d *decoder) field(m protoreflect.Message, fd protoreflect.FieldDescriptor) error {
	switch {
	case fd.IsList():
		return d.list(fd, m.Mutable(fd).List())
	case fd.IsMap():
		return d.mapping(fd, m.Mutable(fd).Map())
	case fd.Message() != nil:
		return d.message(m.Mutable(fd).Message())
	default:
		v, err := d.scalar(fd)
		if err == nil {
			m.Set(fd, v)
		}
		return err
	}
}

func (d *decoder) list(fd protoreflect.FieldDescriptor, l protoreflect.List) error {
	if d.in.PeekKind() != '[' {
		return d.unexpected("an array")
	}
	if _, err := d.in.ReadToken(); err != nil {
		return d.syntax(err)
	}
	if d.in.PeekKind() == ']' && slices.Contains(d.j.NonEmpty, string(fd.Name())) {
		return d.refuse("an empty list selects nothing: leave it out to select all")
	}
	for i := 0; d.in.PeekKind() != ']'; i++ {
		err := d.within(fmt.Sprintf("[%d]", i), func() error {
			if fd.Message() != nil {
				return d.message(l.AppendMutable().Message())
			}
			v, err := d.scalar(fd)
			if err == nil {
				l.Append(v)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	_, err := d.in.ReadToken()
	return d.ended(err)
}

func (d *decoder) mapping(fd protoreflect.FieldDescriptor, m protoreflect.Map) error {
	if d.in.PeekKind() != '{' {
		return d.unexpected("an object")
	}
	if _, err := d.in.ReadToken(); err != nil {
		return d.syntax(err)
	}
	for d.in.PeekKind() != '}' {
		name, err := d.in.ReadToken()
		if err != nil {
			return d.syntax(err)
		}
		text := name.String()
		err = d.within("["+text+"]", func() error { return d.entry(fd, m, text) })
		if err != nil {
			return err
		}
	}
	_, err := d.in.ReadToken()
	return d.ended(err)
}

func (d *decoder) entry(fd protoreflect.FieldDescriptor, m protoreflect.Map, name string) error {
	key, ok := parseKey(fd.MapKey(), name)
	if !ok {
		return d.refuse("the key must be %s", kindName(fd.MapKey()))
	}
	if m.Has(key) {
		return d.refuse("is given twice")
	}
	if fd.MapValue().Message() != nil {
		v := m.NewValue()
		err := d.message(v.Message())
		m.Set(key, v)
		return err
	}
	v, err := d.scalar(fd.MapValue())
	if err == nil {
		m.Set(key, v)
	}
	return err
}

// raw keeps the exact bytes of the next value.
func (d *decoder) raw(m protoreflect.Message) error {
	fd := m.Descriptor().Fields().ByName(rawField)
	if fd == nil || fd.Kind() != protoreflect.BytesKind {
		return fmt.Errorf("wire: %s has no bytes field %q", d.j.Raw, rawField)
	}
	v, err := d.in.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	m.Set(fd, protoreflect.ValueOfBytes(bytes.Clone(v)))
	return nil
}

func (d *decoder) wellKnown(m protoreflect.Message) error {
	v, err := d.in.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	if err := protojson.Unmarshal(v, m.Interface()); err != nil {
		return d.refuse("must be %s", article(string(m.Descriptor().Name()))).WithCause(err)
	}
	return nil
}

// unexpected complains about the kind of the next value.
func (d *decoder) unexpected(want string) error {
	switch d.in.PeekKind() {
	case 'n':
		return d.refuse("must be %s, not null", want)
	case 'f', 't':
		return d.refuse("must be %s, not a boolean", want)
	case '"':
		return d.refuse("must be %s, not a string", want)
	case '0':
		return d.refuse("must be %s, not a number", want)
	case '{':
		return d.refuse("must be %s, not an object", want)
	case '[':
		return d.refuse("must be %s, not an array", want)
	default:
		_, err := d.in.ReadToken()
		return d.syntax(err)
	}
}
