package plan

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// output is a place in the output message.
type output struct {
	field protoreflect.FieldDescriptor
	tag   []byte
	form  form
	// rule fills a leaf.
	rule *rule
	// children are the fields of a message, the elements of a list, or the members of an object.
	children []*output
	// key and opening are the member of an object.
	key     string
	opening opening
	// index is the position of an element; -1 for the elements that `each` yields.
	index int
	each  *each
	// layout is a message as JSON.
	layout layout
}

// form says how an output is written.
type form int

const (
	formLeaf    form = iota // a scalar, a timestamp, a JSON value or a repeated string
	formMessage             // a nested message
	formList                // a repeated message
	formElement             // an element of a repeated message or string
	formObject              // a JSON object made of members
	formMember              // a member of such an object
)

// each is a group of rules that runs once per element of an array of the source.
type each struct {
	number  int
	pointer string
	slot    int // of the array, in the record's frame
	places  *records.Places
}

// Full names of the messages that have a form of their own.
const (
	rawJSON   protoreflect.FullName = "sando.rpc.v1.RawJson"
	timestamp protoreflect.FullName = "google.protobuf.Timestamp"
)

func newOutput(fd protoreflect.FieldDescriptor, f form) *output {
	return &output{field: fd, tag: protowire.AppendTag(nil, fd.Number(), wireType(fd)), form: f, index: -1}
}

func wireType(fd protoreflect.FieldDescriptor) protowire.Type {
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	default:
		return protowire.VarintType
	}
}

// number orders outputs.
func (o *output) number() protoreflect.FieldNumber { return o.field.Number() }

func isMessage(fd protoreflect.FieldDescriptor, name protoreflect.FullName) bool {
	return fd.Kind() == protoreflect.MessageKind && fd.Message().FullName() == name
}

// nested says whether a field is a message of our own, not one with a form of its own.
func nested(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.MessageKind && !isMessage(fd, rawJSON) && !isMessage(fd, timestamp)
}

// child finds or makes the place of a field below o.
func child(of *[]*output, fd protoreflect.FieldDescriptor, f form) *output {
	for _, o := range *of {
		if o.field == fd && o.form == f {
			return o
		}
	}
	o := newOutput(fd, f)
	*of = append(*of, o)
	return o
}
