package expression

import (
	"fmt"
	"maps"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// The names under which the types of a source appear in messages.
const (
	sourcePrefix = "source."
	recordType   = sourcePrefix + "record"
	contextType  = sourcePrefix + "context"
)

// declared is a field of the source with the type that the catalog says.
type declared struct {
	name string
	kind func(records.Kind) bool
	as   *cel.Type
}

// structs are the declared types of a source by name.
type structs map[string]map[string]*declared

// NewMapping declares the source of a mapping: `record`, typed by what the operations answer, `context` with integrated_account_id and
// environment_id, and field(record, "/json/pointer") for fields that the catalog does not know, such as an organisation's own.
func NewMapping(sources ...*catalogv1.Operation) (*Env, error) {
	known := structs{
		recordType:  {},
		contextType: {},
	}
	for _, name := range []string{"integrated_account_id", "environment_id"} {
		known[contextType][name] = &declared{name: name, kind: is(records.String), as: cel.StringType}
	}
	for _, op := range sources {
		known.add(recordType, op.GetResponse().GetFields())
	}
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("expression: %w", err)
	}
	env, err := newEnv(
		cel.CustomTypeProvider(&provider{Registry: registry, known: known}),
		cel.Variable("record", cel.ObjectType(recordType)),
		cel.Variable("context", cel.ObjectType(contextType)),
		cel.Function("field", cel.Overload("field_record_pointer", []*cel.Type{cel.ObjectType(recordType), cel.StringType}, cel.DynType,
			cel.BinaryBinding(fieldAt))),
	)
	if err != nil {
		return nil, err
	}
	env.fields = slices.Sorted(maps.Keys(known[recordType]))
	return env, nil
}

// add declares fields under a type name. Where two operations disagree about a type, it is anything.
func (s structs) add(typeName string, fields []*catalogv1.Field) {
	if s[typeName] == nil {
		s[typeName] = make(map[string]*declared)
	}
	for _, f := range fields {
		next := s.declare(typeName+"."+f.GetName(), f.GetName(), f.GetSchema())
		if old, ok := s[typeName][f.GetName()]; ok && old.as.String() != next.as.String() {
			next = &declared{name: f.GetName(), kind: anything, as: cel.DynType}
		}
		s[typeName][f.GetName()] = next
	}
}

func (s structs) declare(typeName, name string, schema *catalogv1.Schema) *declared {
	d := &declared{name: name, kind: anything, as: cel.DynType}
	if len(schema.GetTypes()) != 1 {
		return d
	}
	switch schema.GetTypes()[0] {
	case "string":
		d.kind, d.as = is(records.String), cel.StringType
	case "boolean":
		d.kind, d.as = is(records.Bool), cel.BoolType
	case "integer":
		d.kind, d.as = is(records.Number), cel.IntType
	case "array":
		d.kind = is(records.Array)
		d.as = cel.ListType(cel.DynType)
		if schema.GetItems() != nil {
			d.as = cel.ListType(s.declare(typeName+".items", "items", schema.GetItems()).as)
		}
	case "object":
		d.kind = is(records.Object)
		d.as = cel.MapType(cel.StringType, cel.DynType)
		if len(schema.GetFields()) > 0 {
			s.add(typeName, schema.GetFields())
			d.as = cel.ObjectType(typeName)
		}
	}
	return d
}

func is(want records.Kind) func(records.Kind) bool {
	return func(k records.Kind) bool { return k == want }
}

func anything(records.Kind) bool { return true }

// provider adds the declared types of a source to CEL's own.
type provider struct {
	*types.Registry
	known structs
}

func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.known[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Registry.FindStructType(name)
}

func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.known[name]
	if !ok {
		return p.Registry.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for field := range fields {
		names = append(names, field)
	}
	return names, true
}

func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := p.known[name]
	if !ok {
		return p.Registry.FindStructFieldType(name, field)
	}
	d, ok := fields[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type: d.as,
		IsSet: func(target any) bool {
			o, ok := target.(*object)
			return ok && o.has(d)
		},
		GetFrom: func(target any) (any, error) {
			o, ok := target.(*object)
			if !ok {
				return nil, errAbsent
			}
			return o.get(d)
		},
	}, true
}

// NewValue refuses to build a source record: expressions read them only.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.known[name]; ok {
		return types.NewErr("%s cannot be built", name)
	}
	return p.Registry.NewValue(name, fields)
}
