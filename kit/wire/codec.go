package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"

	"connectrpc.com/connect/v2"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Codec is the encoding for Connect's JSON: mount it beside the binary one.
//
// Clients write every list, empty or not, so NonEmpty is for REST only, and so
// is NotNull, since protobuf's JSON takes null for what is left out.
func (j JSON) Codec() connect.Codec {
	j.NonEmpty, j.NotNull = nil, nil
	return codec{j}
}

type codec struct{ j JSON }

var _ connect.StableCodec = codec{}

func (codec) Name() string   { return connect.CodecNameJSON }
func (codec) IsBinary() bool { return false }

func (c codec) MarshalWrite(_ context.Context, dst io.Writer, msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notProto(msg)
	}
	var spare []byte
	if b, ok := dst.(interface{ AvailableBuffer() []byte }); ok {
		spare = b.AvailableBuffer()
	}
	out, err := c.j.Append(spare, m)
	if err != nil {
		return err
	}
	_, err = dst.Write(out)
	return err
}

func (c codec) MarshalWriteStable(ctx context.Context, dst io.Writer, msg any) error {
	return c.MarshalWrite(ctx, dst, msg)
}

func (c codec) UnmarshalRead(_ context.Context, src io.Reader, msg any) error {
	m, ok := msg.(proto.Message)
	if !ok {
		return notProto(msg)
	}
	b, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return rpcerr.New(rpcerr.ValidationFailed, "The body is empty; send {} for an empty message.")
	}
	return c.j.Unmarshal(b, m)
}

func notProto(v any) error { return fmt.Errorf("wire: %T is not a protobuf message", v) }

// Gateway is the encoding for the REST gateway.
func (j JSON) Gateway() runtime.Marshaler { return gateway{j} }

type gateway struct{ j JSON }

func (gateway) ContentType(any) string { return "application/json" }

func (g gateway) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, notProto(v)
	}
	return g.j.Marshal(m)
}

func (g gateway) Unmarshal(b []byte, v any) error {
	m, err := target(v)
	if err != nil {
		return err
	}
	return g.j.Unmarshal(b, m)
}

func (g gateway) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		b, err := g.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
}

// NewDecoder reads the whole body as one value. A body of nothing but blanks
// is io.EOF, which the gateway takes as an empty message.
func (g gateway) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(b)) == 0 {
			return io.EOF
		}
		return g.Unmarshal(b, v)
	})
}

// target finds the message to decode into: v itself, or what v points to, as
// when the body is one field of the request.
func target(v any) (proto.Message, error) {
	if m, ok := v.(proto.Message); ok {
		return m, nil
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Elem().Kind() != reflect.Pointer {
		return nil, notProto(v)
	}
	field := rv.Elem()
	if field.IsNil() {
		field.Set(reflect.New(field.Type().Elem()))
	}
	m, ok := field.Interface().(proto.Message)
	if !ok {
		return nil, notProto(v)
	}
	return m, nil
}
