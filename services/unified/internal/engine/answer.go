package engine

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/services/unified/internal/cursor"
)

// answer fills a list response.
func (l *listing) answer(res proto.Message) error {
	m := res.ProtoReflect()
	fields := m.Descriptor().Fields()
	list := m.Mutable(fields.ByName("result")).List()
	for _, r := range l.records {
		l.mask.cut(r)
		list.Append(protoreflect.ValueOfMessage(r.ProtoReflect()))
	}
	m.Set(fields.ByName("result_count"), protoreflect.ValueOfInt32(int32(len(l.records)+l.written)))
	m.Set(fields.ByName("limit"), protoreflect.ValueOfInt32(int32(l.request.limit)))
	if !l.selected.here() && l.total != nil {
		m.Set(fields.ByName("total"), protoreflect.ValueOfInt32(*l.total))
	}
	l.meta(m.Mutable(fields.ByName("meta")).Message())
	note(m, l.request, l.warnings)
	if l.at == (cursor.Position{Size: l.at.Size}) {
		return nil
	}
	text, err := l.engine.cursors.Seal(l.at, l.binding())
	if err != nil {
		return err
	}
	m.Set(fields.ByName("next_cursor"), protoreflect.ValueOfString(text))
	return nil
}

// meta says where each filter and the order ran.
func (l *listing) meta(m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	names := m.Mutable(fields.ByName("upstream_filters")).List()
	for _, name := range l.selected.upstream {
		names.Append(protoreflect.ValueOfString(name))
	}
	names = m.Mutable(fields.ByName("local_filters")).List()
	for _, f := range l.selected.local {
		names.Append(protoreflect.ValueOfString(f.Spec.GetName()))
	}
	if l.selected.sort != "" {
		m.Set(fields.ByName("sort"), protoreflect.ValueOfString(l.selected.sort))
	}
	if l.shifted {
		m.Set(fields.ByName("shifted"), protoreflect.ValueOfBool(true))
	}
}

// single fills the response of a get or an update. Its meta is there only when it has something to say.
func single(res, record proto.Message, r *request, warnings int) {
	m := res.ProtoReflect()
	m.Set(m.Descriptor().Fields().ByName("result"), protoreflect.ValueOfMessage(record.ProtoReflect()))
	if warnings > 0 || r.fields != "" {
		note(m, r, warnings)
	}
}

// note says in the meta of a response what it was cut to, and how many values did not fit.
func note(res protoreflect.Message, r *request, warnings int) {
	meta := res.Mutable(res.Descriptor().Fields().ByName("meta")).Message()
	fields := meta.Descriptor().Fields()
	meta.Set(fields.ByName("warnings"), protoreflect.ValueOfInt32(int32(warnings)))
	if r.fields != "" {
		meta.Set(fields.ByName("fields"), protoreflect.ValueOfString(r.fields))
	}
}
