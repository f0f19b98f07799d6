package interceptor

import (
	"context"
	"errors"
	"fmt"

	"buf.build/go/protovalidate"
	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/sando-dev/sando/kit/rpcerr"
)

// Validate checks every message received against the rules in its schema
// (protovalidate). What breaks them is VALIDATION_FAILED with one violation
// for each field. What the schema cannot say is for further checks, which
// follow.
func Validate(checks ...func(proto.Message) error) Named {
	return Named{Name: "validate", Server: func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			return next(ctx, spec, &validating{stream, checks})
		}
	}}
}

type validating struct {
	connect.ServerStream
	checks []func(proto.Message) error
}

func (v *validating) Receive(msg any) error {
	if err := v.ServerStream.Receive(msg); err != nil {
		return err
	}
	m, ok := msg.(proto.Message)
	if !ok {
		return nil
	}
	if err := violations(protovalidate.Validate(m)); err != nil {
		return err
	}
	for _, check := range v.checks {
		if err := check(m); err != nil {
			return err
		}
	}
	return nil
}

// violations turns the validator's error into ours. A rule that does not
// compile is our own fault and stays private.
func violations(err error) error {
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return fmt.Errorf("validate: %w", err)
	}
	e := rpcerr.New(rpcerr.ValidationFailed, "")
	for _, v := range invalid.Violations {
		e.Violations = append(e.Violations, rpcerr.Violation{
			Field:       protovalidate.FieldPathString(v.Proto.GetField()),
			Description: v.Proto.GetMessage(),
		})
	}
	if len(e.Violations) > 0 {
		first := e.Violations[0]
		e.Message = first.Description
		if first.Field != "" {
			e.Message = first.Field + ": " + first.Description
		}
	}
	return e
}
