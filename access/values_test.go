package access_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/access"
	_ "github.com/sando-dev/sando/gen/sando/auth/v1"
	_ "github.com/sando-dev/sando/gen/sando/mcp/v1"
	_ "github.com/sando-dev/sando/gen/sando/proxy/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/mapping/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/sso/v1"
	_ "github.com/sando-dev/sando/gen/sando/unified/userdirectory/v1"
)

// requests calls f with the request of every public procedure.
func requests(f func(protoreflect.MessageDescriptor)) (found int) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "sando.") || strings.HasPrefix(string(file.Package()), "sando.internal") {
			return true
		}
		for i := range file.Services().Len() {
			for methods, j := file.Services().Get(i).Methods(), 0; j < methods.Len(); j++ {
				f(methods.Get(j).Input())
				found++
			}
		}
		return true
	})
	return found
}

// leaf is a field somewhere in a message, and a way to a message in which it has a value.
type leaf struct {
	name string
	fd   protoreflect.FieldDescriptor
	with func(protoreflect.Value) proto.Message
}

// leaves lists the fields of a message that have no fields of ours, up to a depth.
func leaves(md protoreflect.MessageDescriptor, depth int) (all []leaf) {
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		set := func(v protoreflect.Value) proto.Message {
			m := dynamicpb.NewMessage(md)
			if fd.IsList() {
				m.Mutable(fd).List().Append(v)
			} else {
				m.Set(fd, v)
			}
			return m
		}
		suffix := ""
		if fd.IsList() {
			suffix = "[0]"
		}
		if fd.Message() == nil || fd.IsMap() || fd.Message().ParentFile().Package() == "google.protobuf" {
			if !fd.IsMap() {
				all = append(all, leaf{fd.TextName() + suffix, fd, set})
			}
			continue
		}
		if depth == 0 {
			continue
		}
		for _, inner := range leaves(fd.Message(), depth-1) {
			all = append(all, leaf{fd.TextName() + suffix + "." + inner.name, inner.fd, func(v protoreflect.Value) proto.Message {
				return set(protoreflect.ValueOfMessage(inner.with(v).ProtoReflect()))
			}})
		}
	}
	return all
}

func at(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// TestS10ZeroValues puts what clients send for nothing into every time, duration and id of every request; a field that is added later is among them.
func TestS10ZeroValues(t *testing.T) {
	badTimes := map[string]*timestamppb.Timestamp{
		"Go's zero, .NET's DateTime.MinValue": at(time.Time{}),
		"a moment after .NET's MinValue":      {Seconds: -62135596800, Nanos: 1},
		".NET's DateTime.MaxValue":            {Seconds: 253402300799, Nanos: 999999900},
		"the last date of SQL":                at(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)),
		"Java's Instant.MIN":                  {Seconds: -31557014167219200},
		"Java's Instant.MAX":                  {Seconds: 31556889864403199, Nanos: 999999999},
		"before the epoch":                    {Seconds: -1},
		"the least seconds":                   {Seconds: math.MinInt64},
		"the most seconds":                    {Seconds: math.MaxInt64},
		"negative nanos":                      {Seconds: 1800000000, Nanos: -1},
		"too many nanos":                      {Seconds: 1800000000, Nanos: 1e9},
	}
	badDurations := map[string]*durationpb.Duration{
		"negative": {Seconds: -1}, "negative nanos": {Nanos: -1}, "signs that differ": {Seconds: 1, Nanos: -1}, "too many nanos": {Nanos: 1e9}, "Go's longest": durationpb.New(math.MaxInt64),
		".NET's TimeSpan.MaxValue": {Seconds: 922337203685}, "the most seconds": {Seconds: math.MaxInt64}, "the least seconds": {Seconds: math.MinInt64},
	}
	badIDs := []string{
		"00000000-0000-0000-0000-000000000000", "{00000000-0000-0000-0000-000000000000}",
	}
	times, durations, ids := 0, 0, 0
	n := requests(func(md protoreflect.MessageDescriptor) {
		for _, l := range leaves(md, 3) {
			refused := func(what string, v protoreflect.Value) {
				err := access.CheckValues(l.with(v))
				if err == nil || !strings.Contains(err.Error(), l.name+": ") {
					t.Errorf("%s.%s: %s: %v", md.Name(), l.name, what, err)
				}
			}
			taken := func(v protoreflect.Value) {
				if err := access.CheckValues(l.with(v)); err != nil {
					t.Errorf("%s.%s: %v", md.Name(), l.name, err)
				}
			}
			switch name := string(l.fd.Name()); {
			case l.fd.Message() != nil && l.fd.Message().FullName() == "google.protobuf.Timestamp":
				times++
				for what, bad := range badTimes {
					refused(what, protoreflect.ValueOfMessage(bad.ProtoReflect()))
				}
				for _, good := range []*timestamppb.Timestamp{{}, at(time.Now()), at(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))} {
					taken(protoreflect.ValueOfMessage(good.ProtoReflect()))
				}
			case l.fd.Message() != nil && l.fd.Message().FullName() == "google.protobuf.Duration":
				durations++
				for what, bad := range badDurations {
					refused(what, protoreflect.ValueOfMessage(bad.ProtoReflect()))
				}
				for _, good := range []*durationpb.Duration{{}, durationpb.New(30 * 24 * time.Hour)} {
					taken(protoreflect.ValueOfMessage(good.ProtoReflect()))
				}
			case l.fd.Kind() == protoreflect.StringKind && (name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")):
				ids++
				for _, bad := range badIDs {
					refused(bad, protoreflect.ValueOfString(bad))
				}
				if l.fd.HasPresence() || l.fd.IsList() {
					refused("empty", protoreflect.ValueOfString(""))
				}
				taken(protoreflect.ValueOfString("0197b7a0-0000-7000-8000-000000000001"))
			}
		}
	})
	if n < 40 || times < 5 || durations < 1 || ids < 30 {
		t.Errorf("%d requests with %d times, %d durations and %d ids were tried", n, times, durations, ids)
	}
}
