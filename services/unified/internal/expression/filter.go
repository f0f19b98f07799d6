package expression

import (
	"context"
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/proto"
)

// NewFilter declares the scope of a filter: `record`, an output message of the kind of prototype, and `value`, the text of the filter.
func NewFilter(prototype proto.Message) (*Env, error) {
	name := string(prototype.ProtoReflect().Descriptor().FullName())
	return newEnv(
		cel.Types(prototype),
		cel.Variable("record", cel.ObjectType(name)),
		cel.Variable("value", cel.StringType),
	)
}

// Holds runs a filter on an output record.
func (p *Program) Holds(ctx context.Context, record proto.Message, value string) (bool, error) {
	out, err := p.run(ctx, map[string]any{"record": record, "value": value})
	if err != nil || out == nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the filter yields %s instead of a bool", out.Type().TypeName())
	}
	return bool(b), nil
}
