package rpc

import (
	"context"
	"strings"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// RefuseNUL refuses requests with a NUL character in a text. PostgreSQL cannot hold one and SQLite can: what is stored, or looked for, must not
// depend on the store.
func RefuseNUL(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		return next(ctx, spec, plainText{stream})
	}
}

type plainText struct{ connect.ServerStream }

func (s plainText) Receive(msg any) error {
	if err := s.ServerStream.Receive(msg); err != nil {
		return err
	}
	m, ok := msg.(proto.Message)
	if !ok {
		return nil
	}
	return protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		last := p.Index(-1)
		text, ok := last.Value.Interface().(string)
		if !ok || !strings.Contains(text, "\x00") {
			return nil
		}
		return rpcerr.Invalid(p.Path[1:].String()[1:], "must not hold a NUL character")
	})
}
