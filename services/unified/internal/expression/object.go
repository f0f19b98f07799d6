package expression

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// object is a JSON object of the source as a CEL value. Its fields are read when an expression touches them.
type object struct {
	raw      []byte
	as       *types.Type
	warnings *int
}

var _ ref.Val = (*object)(nil)

func newObject(raw []byte, typeName string, warnings *int) *object {
	return &object{raw: raw, as: types.NewObjectType(typeName), warnings: warnings}
}

func (o *object) has(d *declared) bool {
	v := records.Find(o.raw, records.Pointer{d.name})
	k := records.KindOf(v)
	return k > records.Null && d.kind(k)
}

func (o *object) get(d *declared) (any, error) {
	v := records.Find(o.raw, records.Pointer{d.name})
	switch k := records.KindOf(v); {
	case k <= records.Null:
		return nil, errAbsent
	case !d.kind(k):
		*o.warnings++
		return nil, errAbsent
	}
	if d.as.Kind() == types.IntKind {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			*o.warnings++
			return nil, errAbsent
		}
		return types.Int(n), nil
	}
	return o.value(v, d.as), nil
}

// value makes a CEL value of a JSON value, typed as declared.
func (o *object) value(v []byte, as *cel.Type) ref.Val {
	switch records.KindOf(v) {
	case records.String:
		return types.String(records.AppendText(nil, v))
	case records.Bool:
		return types.Bool(v[0] == 't')
	case records.Number:
		return number(v)
	case records.Object:
		if as.Kind() == types.StructKind {
			return newObject(v, as.TypeName(), o.warnings)
		}
		return o.mapping(v)
	case records.Array:
		return o.list(v, as)
	default:
		return types.NullValue
	}
}

// number keeps an integer exact as long as 64 bits hold it.
func number(v []byte) ref.Val {
	if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return types.Int(n)
	}
	if n, err := strconv.ParseUint(string(v), 10, 64); err == nil {
		return types.Uint(n)
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil {
		return types.WrapErr(fmt.Errorf("%.40s is not a number that can be computed with", v))
	}
	return types.Double(f)
}

func (o *object) list(v []byte, as *cel.Type) ref.Val {
	item := cel.DynType
	if as.Kind() == types.ListKind {
		item = as.Parameters()[0]
	}
	var values []ref.Val
	for walk := records.ElementsOf(v); ; {
		e, ok := walk.Next()
		if !ok {
			return types.NewRefValList(types.DefaultTypeAdapter, values)
		}
		values = append(values, o.value(e, item))
	}
}

func (o *object) mapping(v []byte) ref.Val {
	values := make(map[ref.Val]ref.Val)
	for walk := records.MembersOf(v); ; {
		key, e, ok := walk.Next()
		if !ok {
			return types.NewRefValMap(types.DefaultTypeAdapter, values)
		}
		values[types.String(key)] = o.value(e, cel.DynType)
	}
}

// fieldAt is the function field(record, pointer).
func fieldAt(record, pointer ref.Val) ref.Val {
	o, isObject := record.(*object)
	text, isText := pointer.(types.String)
	if !isObject || !isText {
		return types.MaybeNoSuchOverloadErr(pointer)
	}
	p, err := records.ParsePointer(string(text))
	if err != nil {
		return types.WrapErr(err)
	}
	v := records.Find(o.raw, p)
	if records.KindOf(v) <= records.Null {
		return types.WrapErr(errAbsent)
	}
	return o.value(v, cel.DynType)
}

// ConvertToNative is not needed: results are read by their own kind.
func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("a source record cannot be converted")
}

// ConvertToType knows only the type itself.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.as
	}
	return types.NewErr("a source record cannot be converted to %s", t.TypeName())
}

// Equal compares the bytes.
func (o *object) Equal(other ref.Val) ref.Val {
	p, ok := other.(*object)
	return types.Bool(ok && string(p.raw) == string(o.raw))
}

// Type is the declared type.
func (o *object) Type() ref.Type { return o.as }

// Value is the object itself, which is what the field getters take.
func (o *object) Value() any { return o }
