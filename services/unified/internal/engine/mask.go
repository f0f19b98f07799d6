package engine

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"

	"github.com/sando-dev/sando/services/unified/internal/plan"
	"github.com/sando-dev/sando/services/unified/internal/records"
	"github.com/sando-dev/sando/services/unified/internal/resource"
)

// mask is what records are cut to before they are encoded, so that no transport shows more.
type mask struct {
	// top are the output fields to keep; nil keeps all.
	top map[string]bool
	// members are those to keep of a JSON object; an object without an entry is kept whole, one with an empty entry goes.
	members map[string][]string
}

// mask reads the output fields asked for.
func (r *request) mask(res *resource.Resource) (*mask, error) {
	m := &mask{members: make(map[string][]string)}
	if r.fields == "" {
		return m, nil
	}
	m.top = make(map[string]bool)
	whole := make(map[string]bool)
	asked := strings.Split(r.fields, ",")
	for i, name := range asked {
		name = strings.TrimSpace(name)
		asked[i] = name
		top, member, err := maskName(res, name)
		if err != nil {
			return nil, err
		}
		m.top[top] = true
		if member == "" {
			whole[top] = true
		} else if !slices.Contains(m.members[top], member) {
			m.members[top] = append(m.members[top], member)
		}
	}
	for name := range whole {
		delete(m.members, name)
	}
	if m.top[plan.RemoteData] {
		r.remoteData = true
	}
	r.fields = strings.Join(asked, ",")
	return m, nil
}

// maskName takes the name of an output field apart: name, custom.team, or custom_fields.department, whose key is for the account to know.
func maskName(res *resource.Resource, name string) (top, member string, err error) {
	names := res.FieldNames()
	for _, f := range res.Fields {
		if row := f.Mapping.GetName(); strings.HasPrefix(row, plan.Custom+".") {
			names = append(names, row)
		}
	}
	top, member, _ = strings.Cut(name, ".")
	if own := res.Spec.GetCustomFields().GetName(); own != "" && top == own && member != "" || slices.Contains(names, name) {
		return top, member, nil
	}
	e := rpcerr.Invalid("fields", fmt.Sprintf("there is no field %q", name))
	if near := nearest.Of(name, names); near != "" {
		e = e.WithFix(fmt.Sprintf("Did you mean %q?", near))
	}
	return "", "", e
}

// keeps says whether an output field is kept, be it in part.
func (m *mask) keeps(name string) bool { return m.top == nil || m.top[name] }

// whole says whether mapped records are what the mask keeps, without being cut.
func (m *mask) whole() bool { return len(m.members) == 0 }

// needs is what has to be mapped: what is kept and what else is read; nil is everything.
func (m *mask) needs(also ...string) map[string]bool {
	if m.top == nil {
		return nil
	}
	all := make(map[string]bool, len(m.top)+len(also))
	for name := range m.top {
		all[name] = true
	}
	for _, name := range also {
		all[name] = true
	}
	return all
}

// cut removes what is not kept. The id always is, and the provider's record comes and goes by its own parameter.
func (m *mask) cut(record proto.Message) {
	if m.top == nil && m.whole() {
		return
	}
	msg := record.ProtoReflect()
	msg.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := string(fd.Name())
		if name == "id" || name == plan.RemoteData {
			return true
		}
		members, some := m.members[name]
		if !m.keeps(name) || some && len(members) == 0 {
			msg.Clear(fd)
			return true
		}
		if !some {
			return true
		}
		if raw, ok := v.Message().Interface().(*rpcv1.RawJson); ok {
			if raw.Json = only(raw.GetJson(), members); len(raw.Json) == 2 && name == plan.Custom {
				msg.Clear(fd)
			}
		}
		return true
	})
}

// only is an object cut to some members.
func only(object []byte, members []string) []byte {
	out := []byte{'{'}
	for walk := records.MembersOf(object); ; {
		key, v, ok := walk.Next()
		if !ok {
			return append(out, '}')
		}
		if !slices.Contains(members, string(key)) {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(records.AppendQuoted(out, key), ':')
		out = append(out, v...)
	}
}
