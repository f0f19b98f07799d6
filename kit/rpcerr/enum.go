package rpcerr

import (
	"fmt"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// FromEnum reads a table from the options of a proto enum, so that codes are
// described once, in the schema. Each value but the zero one carries the
// message extension ext with the fields http (int32), rpc (int32, the number
// of a connect code), text, fix (string) and retryable (bool). A code is the
// value's name without the enum's prefix: ERROR_CODE_NOT_FOUND is NOT_FOUND.
func FromEnum(ed protoreflect.EnumDescriptor, ext protoreflect.ExtensionType, domain string) (*Table, error) {
	prefix := screaming(string(ed.Name())) + "_"
	values := ed.Values()
	entries := make([]Entry, 0, values.Len())
	for i := range values.Len() {
		v := values.Get(i)
		if v.Number() == 0 {
			continue
		}
		entry, err := fromValue(v, ext)
		if err != nil {
			return nil, err
		}
		entry.Code = Code(strings.TrimPrefix(string(v.Name()), prefix))
		entries = append(entries, entry)
	}
	return NewTable(domain, entries)
}

func fromValue(v protoreflect.EnumValueDescriptor, ext protoreflect.ExtensionType) (Entry, error) {
	opts := v.Options()
	if !proto.HasExtension(opts, ext) {
		return Entry{}, fmt.Errorf("rpcerr: %s lacks the option %s", v.FullName(), ext.TypeDescriptor().FullName())
	}
	m := opts.ProtoReflect().Get(ext.TypeDescriptor()).Message()
	fields := m.Descriptor().Fields()
	var missing error
	get := func(name protoreflect.Name, kind protoreflect.Kind) protoreflect.Value {
		fd := fields.ByName(name)
		if fd == nil || fd.Kind() != kind {
			missing = fmt.Errorf("rpcerr: %s has no %s field %q", m.Descriptor().FullName(), kind, name)
			return protoreflect.Value{}
		}
		return m.Get(fd)
	}
	http, rpc := get("http", protoreflect.Int32Kind), get("rpc", protoreflect.Int32Kind)
	text, fix := get("text", protoreflect.StringKind), get("fix", protoreflect.StringKind)
	retryable := get("retryable", protoreflect.BoolKind)
	if missing != nil {
		return Entry{}, missing
	}
	return Entry{
		HTTP: int(http.Int()), RPC: connect.Code(rpc.Int()),
		Text: text.String(), Fix: fix.String(), Retryable: retryable.Bool(),
	}, nil
}

// screaming turns ErrorCode into ERROR_CODE.
func screaming(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}
