// Package yamlpb reads YAML files into protobuf messages, strictly, and remembers where each value stood so that later checks can point
// at it.
//
// Keys are the proto field names. Refused are unknown and repeated keys, keys without a value, values of another type (a string that YAML
// reads as a number has to be quoted), merge keys and further documents. An enum value is written as in the proto or as its lower-case
// tail: EFFECT_READ or read. Anchors and aliases work inside one file.
package yamlpb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/catalog/internal/nearest"
)

const (
	maxBytes = 1 << 20 // of one file
	maxDepth = 64      // of nesting, which aliases can build up
	maxNodes = 1 << 17 // visited in one file; aliases are visited each time they are used
)

// File is a decoded file: it knows the place of each message and field.
type File struct {
	name  string
	marks map[mark]spot
}

type mark struct {
	message proto.Message
	field   string // empty: the message itself
}

type spot struct {
	line  int
	place string
}

// Decode reads the one document of data into the empty message into. The error joins every Problem found.
func Decode(name string, data []byte, into proto.Message) (*File, error) {
	f := &File{name: name, marks: make(map[mark]spot)}
	if len(data) > maxBytes {
		return f, &Problem{File: name, Text: fmt.Sprintf("the file is larger than %d bytes", maxBytes)}
	}
	root, err := document(data)
	if err != nil {
		return f, &Problem{File: name, Text: err.Error()}
	}
	d := &decoder{file: f}
	d.message(root, into.ProtoReflect(), "", 0)
	return f, errors.Join(d.problems...)
}

// document parses the single document of a file; yaml's own errors name the line.
func document(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file is empty")
		}
		return nil, err
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds more than one document")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, errors.New("the file is empty")
	}
	return doc.Content[0], nil
}

// Problem describes a fault of a field of m, or of m itself when field is empty; `field[2]` is an element of a list. A field that the file does not mention is reported at m.
func (f *File) Problem(m proto.Message, field, format string, args ...any) *Problem {
	p := &Problem{File: f.name, Text: fmt.Sprintf(format, args...)}
	at, ok := f.marks[mark{m, field}]
	if !ok {
		at = f.marks[mark{m, ""}]
		at.place = join(at.place, field)
	}
	p.Line, p.Place = at.line, at.place
	return p
}

type decoder struct {
	file     *File
	problems []error
	nodes    int
	full     bool
}

func (d *decoder) fail(n *yaml.Node, place, format string, args ...any) {
	d.problems = append(d.problems, &Problem{File: d.file.name, Line: n.Line, Place: place, Text: fmt.Sprintf(format, args...)})
}

// enter counts a node, follows an alias and says whether to go on.
func (d *decoder) enter(n *yaml.Node, place string, depth int) (*yaml.Node, bool) {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.nodes++
	switch {
	case d.full:
		return n, false
	case d.nodes > maxNodes:
		d.full = true
		d.fail(n, place, "the file has more than %d values once its aliases are followed", maxNodes)
		return n, false
	case depth > maxDepth:
		d.fail(n, place, "values nest deeper than %d levels", maxDepth)
		return n, false
	case n.Tag == "!!null":
		d.fail(n, place, "has no value; leave the key out instead")
		return n, false
	}
	return n, true
}

func (d *decoder) message(n *yaml.Node, m protoreflect.Message, place string, depth int) {
	n, ok := d.enter(n, place, depth)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, place, "must be a mapping of %s fields", m.Descriptor().Name())
		return
	}
	d.file.marks[mark{m.Interface(), ""}] = spot{n.Line, place}
	fields := m.Descriptor().Fields()
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, at := key.Value, join(place, key.Value)
		fd := fields.ByName(protoreflect.Name(name))
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			d.fail(key, at, "keys are plain field names here")
			continue
		case fd == nil:
			d.fail(key, at, "unknown key%s", nearest.Hint(name, names(fields)))
			continue
		case seen[name]:
			d.fail(key, at, "the key appears twice")
			continue
		}
		seen[name] = true
		d.file.marks[mark{m.Interface(), name}] = spot{key.Line, at}
		d.field(value, m, fd, at, depth+1)
	}
}

func (d *decoder) field(n *yaml.Node, m protoreflect.Message, fd protoreflect.FieldDescriptor, place string, depth int) {
	switch {
	case fd.IsMap():
		d.mapping(n, m.Mutable(fd).Map(), fd, place, depth)
	case fd.IsList():
		d.list(n, m, fd, place, depth)
	case fd.Message() != nil:
		d.message(n, m.Mutable(fd).Message(), place, depth)
	default:
		if v, ok := d.scalar(n, fd, place, depth); ok {
			m.Set(fd, v)
		}
	}
}

func (d *decoder) list(n *yaml.Node, m protoreflect.Message, fd protoreflect.FieldDescriptor, place string, depth int) {
	list := m.Mutable(fd).List()
	n, ok := d.enter(n, place, depth)
	if !ok {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fail(n, place, "must be a list")
		return
	}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", place, i)
		d.file.marks[mark{m.Interface(), fmt.Sprintf("%s[%d]", fd.Name(), i)}] = spot{item.Line, at}
		if fd.Message() != nil {
			d.message(item, list.AppendMutable().Message(), at, depth+1)
		} else if v, ok := d.scalar(item, fd, at, depth+1); ok {
			list.Append(v)
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, into protoreflect.Map, fd protoreflect.FieldDescriptor, place string, depth int) {
	n, ok := d.enter(n, place, depth)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, place, "must be a mapping")
		return
	}
	if fd.MapValue().Message() != nil {
		d.fail(n, place, "maps of messages are not read from YAML")
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		at := join(place, n.Content[i].Value)
		key, ok := d.scalar(n.Content[i], fd.MapKey(), at, depth+1)
		if !ok {
			continue
		}
		if into.Has(key.MapKey()) {
			d.fail(n.Content[i], at, "the key appears twice")
			continue
		}
		if value, ok := d.scalar(n.Content[i+1], fd.MapValue(), at, depth+1); ok {
			into.Set(key.MapKey(), value)
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, fd protoreflect.FieldDescriptor, place string, depth int) (protoreflect.Value, bool) {
	n, ok := d.enter(n, place, depth)
	if !ok {
		return protoreflect.Value{}, false
	}
	if n.Kind != yaml.ScalarNode {
		d.fail(n, place, "must be one value, not a list or mapping")
		return protoreflect.Value{}, false
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		if n.Tag == "!!str" {
			return protoreflect.ValueOfString(n.Value), true
		}
		d.fail(n, place, "must be text; write %q in quotes", n.Value)
	case protoreflect.BoolKind:
		var v bool
		if n.Tag == "!!bool" && n.Decode(&v) == nil {
			return protoreflect.ValueOfBool(v), true
		}
		d.fail(n, place, "must be true or false")
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return d.integer(n, fd, place)
	case protoreflect.EnumKind:
		return d.enum(n, fd.Enum(), place)
	default:
		d.fail(n, place, "fields of kind %s are not read from YAML", fd.Kind())
	}
	return protoreflect.Value{}, false
}

func (d *decoder) integer(n *yaml.Node, fd protoreflect.FieldDescriptor, place string) (protoreflect.Value, bool) {
	var v int64
	if n.Tag != "!!int" || n.Decode(&v) != nil {
		d.fail(n, place, "must be a whole number")
		return protoreflect.Value{}, false
	}
	if fd.Kind() == protoreflect.Int64Kind {
		return protoreflect.ValueOfInt64(v), true
	}
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail(n, place, "must fit 32 bits")
		return protoreflect.Value{}, false
	}
	return protoreflect.ValueOfInt32(int32(v)), true
}

func (d *decoder) enum(n *yaml.Node, ed protoreflect.EnumDescriptor, place string) (protoreflect.Value, bool) {
	values := ed.Values()
	zero := string(values.Get(0).Name())
	prefix := strings.TrimSuffix(zero, "UNSPECIFIED")
	var known []string
	for i := range values.Len() {
		full := string(values.Get(i).Name())
		short := strings.ToLower(strings.TrimPrefix(full, prefix))
		if n.Value == full || n.Value == short {
			return protoreflect.ValueOfEnum(values.Get(i).Number()), true
		}
		if i > 0 {
			known = append(known, short)
		}
	}
	d.fail(n, place, "%q is not one of %s", n.Value, strings.Join(known, ", "))
	return protoreflect.Value{}, false
}

func names(fields protoreflect.FieldDescriptors) []string {
	out := make([]string, fields.Len())
	for i := range out {
		out[i] = string(fields.Get(i).Name())
	}
	return out
}

func join(place, name string) string {
	if place == "" || name == "" {
		return place + name
	}
	return place + "." + name
}
