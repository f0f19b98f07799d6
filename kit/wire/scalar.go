package wire

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/kit/nearest"
)

// scalar reads one value that is neither message, list nor map.
func (d *decoder) scalar(fd protoreflect.FieldDescriptor) (protoreflect.Value, error) {
	var none protoreflect.Value
	kind := d.in.PeekKind()
	switch kind {
	case '"', '0', 't', 'f', 'n':
	default:
		return none, d.unexpected(kindName(fd))
	}
	if kind == 'n' && !(fd.Enum() != nil && fd.Enum().FullName() == "google.protobuf.NullValue") {
		return none, d.unexpected(kindName(fd))
	}
	token, err := d.in.ReadToken()
	if err != nil {
		return none, d.syntax(err)
	}
	v, ok := parseScalar(fd, byte(kind), token.String())
	if !ok {
		e := d.refuse("must be %s", kindName(fd))
		if fd.Kind() == protoreflect.EnumKind {
			if near := nearest.Of(token.String(), enumNames(fd.Enum())); near != "" {
				e = e.WithFix("Did you mean " + near + "?")
			}
		}
		return none, e
	}
	return v, nil
}

// parseScalar reads the text of a JSON token of the given kind ('"' for a
// string, '0' for a number) as a value of the field.
func parseScalar(fd protoreflect.FieldDescriptor, kind byte, text string) (v protoreflect.Value, ok bool) {
	number := kind == '0' || kind == '"'
	whole := kind == '0' || kind == '"' && isNumber(text)
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(kind == 't'), kind == 't' || kind == 'f'
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text), kind == '"'
	case protoreflect.BytesKind:
		b, ok := parseBytes(text)
		return protoreflect.ValueOfBytes(b), ok && kind == '"'
	case protoreflect.EnumKind:
		return parseEnum(fd.Enum(), kind, text)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := strconv.ParseInt(integral(text), 10, 32)
		return protoreflect.ValueOfInt32(int32(n)), err == nil && whole
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		n, err := strconv.ParseInt(integral(text), 10, 64)
		return protoreflect.ValueOfInt64(n), err == nil && whole
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := strconv.ParseUint(integral(text), 10, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err == nil && whole
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := strconv.ParseUint(integral(text), 10, 64)
		return protoreflect.ValueOfUint64(n), err == nil && whole
	case protoreflect.FloatKind:
		f, ok := parseFloat(text, 32)
		return protoreflect.ValueOfFloat32(float32(f)), ok && number
	case protoreflect.DoubleKind:
		f, ok := parseFloat(text, 64)
		return protoreflect.ValueOfFloat64(f), ok && number
	default:
		return v, false
	}
}

// isNumber says whether a string holds a number as JSON writes it. Those who read numbers take more: signs, and zeros before the first digit.
func isNumber(text string) bool {
	v := jsontext.Value(text)
	return v.Kind() == '0' && v.IsValid() && strings.TrimSpace(text) == text
}

// integral rewrites 1.0 and 1e3, which JSON writers may produce for integers,
// as plain digits. Text that it cannot rewrite exactly stays as it is.
func integral(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return text
	}
	return strconv.FormatInt(int64(f), 10)
}

func parseFloat(text string, bits int) (float64, bool) {
	switch text {
	case "NaN":
		return math.NaN(), true
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	if strings.Trim(text, "+-.eE0123456789") != "" {
		// ParseFloat also knows hexadecimal, underscores and "inf".
		return 0, false
	}
	f, err := strconv.ParseFloat(text, bits)
	return f, err == nil
}

// parseBytes reads base64 in either alphabet, padded or not.
func parseBytes(text string) ([]byte, bool) {
	enc := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		enc = base64.RawURLEncoding
	}
	b, err := enc.DecodeString(strings.TrimRight(text, "="))
	return b, err == nil
}

func parseEnum(ed protoreflect.EnumDescriptor, kind byte, text string) (protoreflect.Value, bool) {
	var none protoreflect.Value
	switch kind {
	case 'n':
		return protoreflect.ValueOfEnum(0), true
	case '"':
		v := ed.Values().ByName(protoreflect.Name(text))
		if v == nil {
			return none, false
		}
		return protoreflect.ValueOfEnum(v.Number()), true
	case '0':
		n, err := strconv.ParseInt(integral(text), 10, 32)
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(n)), err == nil
	}
	return none, false
}

func enumNames(ed protoreflect.EnumDescriptor) []string {
	names := make([]string, ed.Values().Len())
	for i := range names {
		names[i] = string(ed.Values().Get(i).Name())
	}
	return names
}

// kindName says in words what a field takes.
func kindName(fd protoreflect.FieldDescriptor) string {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return "a boolean"
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BytesKind:
		return "a base64 string"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	case protoreflect.EnumKind:
		return "one of " + strings.Join(enumNames(fd.Enum()), ", ")
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return "an object"
	default:
		return "an integer"
	}
}

// article puts "a" or "an" before a name.
func article(name string) string {
	if name != "" && strings.ContainsRune("AEIOU", rune(name[0])) {
		return "an " + name
	}
	return "a " + name
}
