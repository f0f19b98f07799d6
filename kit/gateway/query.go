package gateway

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// installQueryParser sets the gateway's parser, which it keeps in a package
// variable: every mux of a process shares it, so it is set once.
var installQueryParser = sync.OnceFunc(func() {
	runtime.SetQueryParameterParser(parser{})(nil)
})

type callKey struct{}

// call follows one REST request from the mux to the bridge.
type call struct {
	// query holds the keys that nothing has read yet.
	query url.Values
	// err is why the query did not parse.
	err error
	// body waits for the call to ask for its message, which is args then.
	body pendingBody
	args any
	// passed tells that the call has gone over the bridge, to the chain.
	passed bool
	began  time.Time
}

// pass notes that a call goes over the bridge.
func pass(ctx context.Context) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.passed = true
	}
}

// openCall puts the call into the request's context.
func openCall(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if hit, ok := r.Context().Value(probeKey{}).(*bool); ok {
			*hit = true
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), callKey{}, &call{began: time.Now()})), params)
	}
}

// parseForm runs ahead of a generated handler, and of no other: it takes the
// query away from http.Request.ParseForm, which drops what it cannot parse and
// reads bodies. It holds the body back as well, see pendingBody.
func parseForm(ctx context.Context, r *http.Request) metadata.MD {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return nil
	}
	c.query, c.err = url.ParseQuery(r.URL.RawQuery)
	r.Form = c.query
	r.PostForm = url.Values{}
	if r.Body != nil && r.Body != http.NoBody {
		c.body = pendingBody{from: r.Body, foreign: isForeign(r.Header.Get("Content-Type"))}
		r.Body = &c.body
	}
	return nil
}

// unusedQuery refuses a call whose query has keys that no field took; the
// generated code of a route without query parameters never looks at them.
func (c *call) unusedQuery() error {
	switch {
	case c.err != nil:
		return rpcerr.New(rpcerr.ValidationFailed, "The query is not validly escaped.")
	case len(c.query) > 0:
		return rpcerr.Invalid(slices.Sorted(maps.Keys(c.query))[0], "unknown query parameter")
	default:
		return nil
	}
}

// restOfQuery reads what the generated code left of a query into the request:
// where the body is the whole message, it looks at no query at all, and yet a
// field may stand there as well as in the body. In both places is refused.
func (c *call) restOfQuery(args any) error {
	msg, isMessage := args.(proto.Message)
	if !isMessage || c.err != nil || len(c.query) == 0 {
		return c.unusedQuery()
	}
	for key := range c.query {
		path, ok := fieldPath(key)
		if !ok {
			continue // the parser says what is wrong with it
		}
		fd := msg.ProtoReflect().Descriptor().Fields().ByTextName(path[0])
		if fd != nil && msg.ProtoReflect().Has(fd) {
			return rpcerr.Invalid(key, "is given twice: in the query and in the path or body")
		}
	}
	if err := (parser{}).Parse(msg, c.query, utilities.NewDoubleArray(nil)); err != nil {
		return unpacked(err)
	}
	return c.unusedQuery()
}

// parser reads query parameters into a request message. A key is a field, the
// path of a field with dots, or a field with an operator: created_at[gt] is the
// field created_at_gt. Every key must mean something, and a key that takes one
// value comes once.
//
// A message with a string field `filters` takes every other key there,
// URL-encoded: what may be filtered by is then for the service to say.
type parser struct{}

// catchAll is the field that takes the keys no field has.
const catchAll = "filters"

// Parse implements runtime.QueryParameterParser. The filter holds the fields
// that come from path and body. What was read is removed from values.
func (parser) Parse(msg proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	m := msg.ProtoReflect()
	seen := map[protoreflect.FullName]string{}
	rest := url.Values{}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if takesRest(m) && !isField(m, key, filter) {
			rest[key] = values[key]
		} else if err := parseParameter(m, key, values[key], filter, seen); err != nil {
			return packed{err}
		}
		delete(values, key)
	}
	if len(rest) > 0 {
		fd := m.Descriptor().Fields().ByName(catchAll)
		if given := m.Get(fd).String(); given != "" {
			m.Set(fd, protoreflect.ValueOfString(given+"&"+rest.Encode()))
		} else {
			m.Set(fd, protoreflect.ValueOfString(rest.Encode()))
		}
	}
	return nil
}

func takesRest(m protoreflect.Message) bool {
	fd := m.Descriptor().Fields().ByName(catchAll)
	return fd != nil && fd.Kind() == protoreflect.StringKind && !fd.IsList()
}

// isField reports whether a key starts at a field of m that is not already
// taken from path or body. A dot after a field that has no fields itself leads
// elsewhere.
func isField(m protoreflect.Message, key string, filter *utilities.DoubleArray) bool {
	path, ok := fieldPath(key)
	if !ok || filter.HasCommonPrefix(path[:1]) {
		return false
	}
	fd := m.Descriptor().Fields().ByTextName(path[0])
	return fd != nil && (len(path) == 1 || fd.Message() != nil)
}

func parseParameter(m protoreflect.Message, key string, values []string, filter *utilities.DoubleArray, seen map[protoreflect.FullName]string) *rpcerr.Error {
	path, ok := fieldPath(key)
	if !ok {
		return unknownKey(m, key, filter)
	}
	holder := m
	for i, name := range path {
		fd := holder.Descriptor().Fields().ByTextName(name)
		if fd == nil || filter.HasCommonPrefix(path[:i+1]) {
			return unknownKey(m, key, filter)
		}
		if i == len(path)-1 {
			return setParameter(holder, fd, key, values, seen)
		}
		if fd.Message() == nil || fd.IsList() || fd.IsMap() {
			return unknownKey(m, key, filter)
		}
		holder = holder.Mutable(fd).Message()
	}
	return nil
}

// fieldPath splits a key into names: a.b[gt] is a, b_gt.
func fieldPath(key string) ([]string, bool) {
	if name, op, ok := strings.Cut(key, "["); ok {
		op, ok = strings.CutSuffix(op, "]")
		if !ok || op == "" || strings.ContainsAny(op, "[].") {
			return nil, false
		}
		key = name + "_" + op
	}
	return strings.Split(key, "."), key != ""
}

func setParameter(m protoreflect.Message, fd protoreflect.FieldDescriptor, key string, values []string, seen map[protoreflect.FullName]string) *rpcerr.Error {
	if before, twice := seen[fd.FullName()]; twice {
		return rpcerr.Invalid(key, fmt.Sprintf("is given twice, as %s too", before))
	}
	seen[fd.FullName()] = key
	switch {
	case fd.IsMap():
		return rpcerr.Invalid(key, "cannot be given in a query")
	case fd.IsList():
		list := m.Mutable(fd).List()
		for _, text := range values {
			v, err := parseValue(fd, text)
			if err != nil {
				return rpcerr.Invalid(key, err.Error())
			}
			list.Append(v)
		}
		return nil
	case len(values) != 1:
		return rpcerr.Invalid(key, "is given more than once")
	}
	if one := fd.ContainingOneof(); one != nil && m.WhichOneof(one) != nil {
		return rpcerr.Invalid(key, fmt.Sprintf("cannot be given together with %s", m.WhichOneof(one).TextName()))
	}
	v, err := parseValue(fd, values[0])
	if err != nil {
		return rpcerr.Invalid(key, err.Error())
	}
	m.Set(fd, v)
	return nil
}

func unknownKey(m protoreflect.Message, key string, filter *utilities.DoubleArray) *rpcerr.Error {
	e := rpcerr.Invalid(key, "unknown query parameter")
	fields := m.Descriptor().Fields()
	var names []string
	for i := range fields.Len() {
		if name := fields.Get(i).TextName(); !filter.HasCommonPrefix([]string{name}) {
			names = append(names, name)
		}
	}
	word := strings.NewReplacer("[", "_", "]", "").Replace(key)
	if near := nearest.Of(word, names); near != "" {
		return e.WithFix(fmt.Sprintf("Did you mean %q?", near))
	}
	if len(names) > 0 {
		return e.WithFix("Known parameters: " + strings.Join(names, ", ") + ".")
	}
	return e
}
