package engine

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/cursor"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// request is a typed request, read by the names of its fields.
type request struct {
	scope
	id         string
	limit      int
	cursor     string
	fields     string
	sort       string
	remoteData bool
	// custom are the keys of the organisation's own fields that are asked for; nil asks for all, empty for none.
	custom *string
	// values are all further fields that are set, by name, as text.
	values map[string]string
	// order are the names of values as the request declares them.
	order []string
	// written are the names of values as the caller wrote them, where the request declares no field for them.
	written map[string]string
}

// read takes a request message apart.
func read(m proto.Message) (*request, error) {
	r := &request{limit: MaxLimit, values: make(map[string]string)}
	filters := ""
	msg := m.ProtoReflect()
	fields := msg.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !msg.Has(fd) {
			continue
		}
		v := msg.Get(fd)
		switch fd.Name() {
		case "id":
			r.id = v.String()
		case "integrated_account_id":
			r.account = v.String()
		case "limit":
			r.limit = int(v.Int())
		case "next_cursor":
			r.cursor = v.String()
		case "fields":
			r.fields = v.String()
		case "sort":
			r.sort = v.String()
		case "remote_data":
			r.remoteData = v.Bool()
		case "custom_fields":
			text := v.String()
			r.custom = &text
		case "filters":
			filters = v.String()
		default:
			r.set(string(fd.Name()), textOf(fd, v))
		}
	}
	return r, r.readFilters(filters)
}

func (r *request) set(name, value string) {
	if _, twice := r.values[name]; !twice {
		r.order = append(r.order, name)
	}
	r.values[name] = value
}

// textOf writes a scalar or a time as text.
func textOf(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return strconv.FormatBool(v.Bool())
	case protoreflect.MessageKind:
		if t, ok := v.Message().Interface().(*timestamppb.Timestamp); ok {
			return t.AsTime().UTC().Format(time.RFC3339Nano)
		}
		return ""
	default:
		return v.String()
	}
}

// readFilters reads the pairs of the field `filters`.
func (r *request) readFilters(text string) error {
	pairs, err := url.ParseQuery(text)
	if err != nil {
		return rpcerr.Invalid("filters", "is not a list of URL-encoded name=value pairs")
	}
	r.written = make(map[string]string, len(pairs))
	for _, written := range slices.Sorted(maps.Keys(pairs)) {
		values := pairs[written]
		if len(values) != 1 {
			return rpcerr.Invalid("filters", fmt.Sprintf("%s is given more than once", written))
		}
		name := resource.ParameterName(written)
		if _, twice := r.values[name]; twice {
			return rpcerr.Invalid("filters", fmt.Sprintf("%s is given twice", written))
		}
		r.set(name, values[0])
		r.written[name] = written
	}
	return nil
}

// nameOf is a value's name as the caller knows it: as written, else as the filter is listed, else as the request declares it.
func (r *request) nameOf(name string, res *resource.Resource) string {
	if written, ok := r.written[name]; ok {
		return written
	}
	if listed, ok := res.FilterNamed(name); ok {
		return listed
	}
	return name
}

// parameter finds the value for a parameter of an operation.
func (r *request) parameter(name string) (string, bool) {
	if name == "id" {
		return r.id, r.id != ""
	}
	v, ok := r.values[resource.ParameterName(name)]
	return v, ok
}

// given says whether a filter is in the request.
func (r *request) given(filter string) bool {
	_, ok := r.values[resource.ParameterName(filter)]
	return ok
}

// binding is what a cursor of this request belongs to. The version is that of the mapping, where records are chosen or ordered by it.
func (r *request) binding(name resource.Name, version string) cursor.Binding {
	return cursor.Binding{
		Environment: r.environment, Account: r.account, Resource: name.String(), Sort: r.sort, Filters: r.values,
		Custom: r.custom, RemoteData: r.remoteData, Mapping: version,
	}
}
