package call

import (
	"bytes"
	"context"
	"fmt"
	"strconv"

	"connectrpc.com/connect/v2"
	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// Unified carries out the calls of normalised records.
type Unified struct {
	lister
	client *connect.Client
}

// NewUnified makes a backend over the unified service. The client must pass the caller's grant on, see [access.Outgoing].
func NewUnified(client *connect.Client, errs *rpcerr.Table) *Unified {
	return &Unified{client: client, lister: lister{errs: errs}}
}

// Call implements [Backend].
func (u *Unified) Call(ctx context.Context, in Input) ([]byte, error) {
	ctx, info := connect.NewClientContext(ctx)
	defer in.answered(info)
	if in.Key != "" {
		info.RequestHeader().Set(headerIdempotencyKey, in.Key)
	}
	if in.Tool.Operation.GetKind() != catalogv1.Kind_KIND_LIST {
		body, err := u.procedure(ctx, in, in.Arguments.Body())
		if err != nil {
			return nil, err
		}
		return fitWhole(in, body, nil)
	}
	return u.list(ctx, in, func(ctx context.Context, limit int) (page, error) {
		body, err := u.procedure(ctx, in, pageArguments(in, limit))
		if err != nil {
			return page{}, err
		}
		return pageOf(body)
	})
}

// procedure calls the tool's procedure with arguments in the product's JSON.
func (u *Unified) procedure(ctx context.Context, in Input, arguments []byte) ([]byte, error) {
	m := in.Tool.Procedure
	req, err := message(m.Input())
	if err != nil {
		return nil, err
	}
	res, err := message(m.Output())
	if err != nil {
		return nil, err
	}
	if err := access.JSON().Unmarshal(arguments, req); err != nil {
		return nil, err
	}
	spec := connect.Spec{
		StreamType: connect.StreamTypeUnary, Schema: m, Procedure: fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()),
	}
	if in.Tool.ReadOnly() {
		spec.IdempotencyLevel = connect.IdempotencyNoSideEffects
	}
	if err := u.client.CallUnary(ctx, spec, req, res); err != nil {
		return nil, err
	}
	return access.JSON().Marshal(res)
}

func message(md protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(md.FullName())
	if err != nil {
		return nil, err
	}
	return kind.New().Interface(), nil
}

// pageArguments are the arguments of a list with the limit to ask for.
func pageArguments(in Input, limit int) []byte {
	b := append(trimBrace(in.Arguments.Body()), `"limit":`...)
	b = strconv.AppendInt(b, int64(limit), 10)
	if cursor := in.Arguments.Cursor(); cursor != "" {
		b = append(b, `,"`+catalog.ArgumentCursor+`":`...)
		b = appendText(b, cursor)
	}
	return append(b, '}')
}

// trimBrace opens an object for further members.
func trimBrace(object []byte) []byte {
	if len(object) <= len("{}") {
		return []byte{'{'}
	}
	return append(object[:len(object)-1:len(object)-1], ',')
}

func appendText(b []byte, s string) []byte {
	// What is not UTF-8 is replaced, which the error says.
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// pageOf finds the rows in a page.
func pageOf(body []byte) (page, error) {
	p := page{body: body}
	rows, err := member(body, "result")
	if err != nil {
		return p, err
	}
	p.rows = rows
	_, p.count = headOf(rows, -1)
	return p, nil
}

// member is a member of a JSON object.
func member(object []byte, name string) (jsontext.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	for dec.PeekKind() != '}' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		found := key.String() == name
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if found {
			return value.Clone(), nil
		}
	}
	return jsontext.Value("[]"), nil
}
