package access

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// What client libraries send for a value that nobody has set is refused, so that a token that was to end does not live for ever, nor a filter select all: the
// first and the last moment that a type can hold, a UUID of zeros, an empty id where an id is given. The Unix epoch is a time like any other.

// zeroID is the UUID of zeros (RFC 9562 section 5.9).
const zeroID = "00000000-0000-0000-0000-000000000000"

// maxDuration bounds durations. Go's own ends at 292 years, and what is longer would come out shorter.
const maxDuration = 100 * 365 * 24 * time.Hour

// CheckTime refuses a time that no caller can mean, by the name of its field.
func CheckTime(field string, t *timestamppb.Timestamp) error {
	switch {
	case !t.IsValid():
		return rpcerr.Invalid(field, "must be a time such as 2026-01-31T12:00:00Z")
	case t.GetSeconds() < 0:
		return rpcerr.Invalid(field, "must not be before 1970: leave it out where you have no time")
	case !t.AsTime().Before(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)):
		return rpcerr.Invalid(field, "must be before the year 9999: leave it out where you have no time")
	}
	return nil
}

// CheckID refuses an id that no caller can mean, by the name of its field.
func CheckID(field, id string) error {
	switch {
	case id == "":
		return rpcerr.Invalid(field, "is empty: leave it out where you have no id")
	case strings.EqualFold(strings.Trim(id, "{}"), zeroID):
		return rpcerr.Invalid(field, "must be an id, not zeros: leave it out where you have no id")
	}
	return nil
}

func checkDuration(field string, d *durationpb.Duration) error {
	if !d.IsValid() || d.AsDuration() < 0 || d.AsDuration() > maxDuration {
		return rpcerr.Invalid(field, "must be a duration from 0s to "+strconv.Itoa(int(maxDuration/time.Second))+"s")
	}
	return nil
}

// CheckValues checks every time, duration and id of a request, wherever it is: CheckTime and CheckID.
func CheckValues(m proto.Message) error {
	r := m.ProtoReflect()
	p := planOf(r.Descriptor())
	if len(p) == 0 {
		return nil
	}
	return p.check(r, "")
}

// plan lists the fields of a message that need a look.
type plan []protoreflect.FieldDescriptor

//nolint:gochecknoglobals // what descriptors say does not change
var plans sync.Map // of plan by protoreflect.MessageDescriptor

func planOf(md protoreflect.MessageDescriptor) plan {
	if known, ok := plans.Load(md); ok {
		return known.(plan)
	}
	p := newPlan(md, map[protoreflect.FullName]bool{})
	plans.Store(md, p)
	return p
}

// newPlan leaves out messages that hold nothing to check, and ends where one holds itself.
func newPlan(md protoreflect.MessageDescriptor, outer map[protoreflect.FullName]bool) plan {
	if outer[md.FullName()] {
		return nil
	}
	outer[md.FullName()] = true
	defer delete(outer, md.FullName())
	var p plan
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if isID(fd) || isTime(fd) || isDuration(fd) || fd.Message() != nil && !fd.IsMap() && len(newPlan(fd.Message(), outer)) > 0 {
			p = append(p, fd)
		}
	}
	return p
}

func isTime(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Timestamp"
}

func isDuration(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == "google.protobuf.Duration"
}

// isID goes by the name of a field, of which all protos of ours make the same use.
func isID(fd protoreflect.FieldDescriptor) bool {
	name := string(fd.Name())
	return fd.Kind() == protoreflect.StringKind && (name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids"))
}

func (p plan) check(m protoreflect.Message, within string) error {
	for _, fd := range p {
		if !m.Has(fd) {
			continue // an id without presence that is empty is for the rules of its field
		}
		if !fd.IsList() {
			if err := checkValue(fd, m.Get(fd), within+fd.TextName()); err != nil {
				return err
			}
			continue
		}
		for i, l := 0, m.Get(fd).List(); i < l.Len(); i++ {
			if err := checkValue(fd, l.Get(i), within+fd.TextName()+"["+strconv.Itoa(i)+"]"); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkValue(fd protoreflect.FieldDescriptor, v protoreflect.Value, name string) error {
	if fd.Message() == nil {
		return CheckID(name, v.String())
	}
	switch one := v.Message().Interface().(type) {
	case *timestamppb.Timestamp:
		return CheckTime(name, one)
	case *durationpb.Duration:
		return checkDuration(name, one)
	default:
		return planOf(fd.Message()).check(v.Message(), name+".")
	}
}
