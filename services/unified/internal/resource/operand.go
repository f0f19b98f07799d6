package resource

import (
	"cmp"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// sense is how the values of a field are compared.
type sense int

const (
	asText    sense = iota
	asWord          // text in any letter case
	asAddress       // a mail address: any letter case, blanks around it do not count
	asFlag
	asInteger
	asTime
	asJSON // a scalar by its text, a number by its value
	asAddressJSON
)

// senseOf is how the values of a kind of field are compared; false for those that cannot be.
func senseOf(p *path) (sense, bool) {
	fd := p.leaf()
	switch {
	case fd.Kind() == protoreflect.StringKind:
		if fd.Name() == "email" {
			return asAddress, true
		}
		return asText, true
	case fd.Kind() == protoreflect.BoolKind:
		return asFlag, true
	case fd.Kind() == protoreflect.Int32Kind:
		return asInteger, true
	case isTimestamp(fd):
		return asTime, true
	default:
		return asJSON, p.member != ""
	}
}

func isTimestamp(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && fd.Message().FullName() == timestamp
}

// operand is the value of a filter, read once: text is how a provider takes it.
type operand struct {
	text    string
	flag    bool
	integer int64
	moment  time.Time
}

// read reads the value of a filter.
func (s sense) read(text string) (operand, error) {
	o := operand{text: text}
	var err error
	switch s {
	case asAddress, asAddressJSON:
		o.text = strings.ToLower(strings.TrimSpace(text))
		if o.text == "" {
			return o, fmt.Errorf("is empty")
		}
	case asFlag:
		switch strings.ToLower(text) {
		case "true":
			o.flag, o.text = true, "true"
		case "false":
			o.text = "false"
		default:
			return o, fmt.Errorf("%q is neither true nor false", text)
		}
	case asInteger:
		if o.integer, err = strconv.ParseInt(text, 10, 64); err != nil {
			return o, fmt.Errorf("%q is not an integer", text)
		}
	case asTime:
		if o.moment, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return o, fmt.Errorf("%q is not a time of RFC 3339", text)
		}
		o.text = o.moment.UTC().Format(time.RFC3339Nano)
	}
	return o, nil
}

// compare says how a value of a record stands to the operand; only equal or not for texts. Not ok where they cannot be compared.
func (s sense) compare(p *path, v protoreflect.Value, o operand) (order int, ok bool) {
	switch s {
	case asText:
		return strings.Compare(v.String(), o.text), true
	case asWord:
		return unequal(strings.EqualFold(v.String(), o.text)), true
	case asAddress:
		return unequal(sameAddress(v.String(), o.text)), true
	case asFlag:
		return unequal(v.Bool() == o.flag), true
	case asInteger:
		return cmp.Compare(v.Int(), o.integer), true
	case asTime:
		return momentOf(v).Compare(o.moment), true
	case asAddressJSON:
		return equalJSON(p.json(v), o.text, sameAddress)
	default:
		return equalJSON(p.json(v), o.text, sameText)
	}
}

func sameText(a, b string) bool { return a == b }

// sameAddress compares with an operand, which has no blanks around it.
func sameAddress(shown, operand string) bool {
	return strings.EqualFold(strings.TrimSpace(shown), operand)
}

func unequal(equal bool) int {
	if equal {
		return 0
	}
	return 1
}

func momentOf(v protoreflect.Value) time.Time {
	t, _ := v.Message().Interface().(*timestamppb.Timestamp)
	return t.AsTime()
}

// equalJSON compares a scalar with a text, a number by its value; of an array one element is enough.
func equalJSON(v []byte, text string, same func(shown, operand string) bool) (order int, ok bool) {
	switch records.KindOf(v) {
	case records.String:
		return unequal(same(string(records.AppendText(nil, v)), text)), true
	case records.Bool:
		return unequal(string(v) == strings.ToLower(text)), true
	case records.Number:
		return unequal(string(v) == text || sameNumber(string(v), text)), true
	case records.Array:
		for walk := records.ElementsOf(v); ; {
			e, more := walk.Next()
			if !more {
				return 1, true
			}
			if order, ok := equalJSON(e, text, same); ok && order == 0 {
				return 0, true
			}
		}
	default:
		return 0, false
	}
}

// longestNumber bounds the numbers that are compared by value; 1e999999999 would take all memory.
const longestNumber = 64

func sameNumber(a, b string) bool {
	x, okA := numberOf(a)
	y, okB := numberOf(b)
	return okA && okB && x.Cmp(y) == 0
}

func numberOf(text string) (*big.Float, bool) {
	if len(text) > longestNumber || !records.Valid([]byte(text)) || records.KindOf([]byte(text)) != records.Number {
		return nil, false
	}
	f, _, err := big.ParseFloat(text, 10, 256, big.ToNearestEven)
	return f, err == nil
}

// order puts two single values of a path in order.
func (s sense) order(p *path, a, b protoreflect.Value) int {
	switch s {
	case asText, asWord, asAddress:
		return strings.Compare(a.String(), b.String())
	case asFlag:
		return orderFlags(a.Bool(), b.Bool())
	case asInteger:
		return cmp.Compare(a.Int(), b.Int())
	case asTime:
		return momentOf(a).Compare(momentOf(b))
	default:
		return orderJSON(p.json(a), p.json(b))
	}
}

func orderFlags(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// orderJSON orders booleans before numbers before texts before anything else.
func orderJSON(a, b []byte) int {
	k, l := records.KindOf(a), records.KindOf(b)
	if k != l {
		return cmp.Compare(k, l)
	}
	switch k {
	case records.Bool:
		return orderFlags(string(a) == "true", string(b) == "true")
	case records.Number:
		x, okX := numberOf(string(a))
		y, okY := numberOf(string(b))
		if okX && okY {
			return x.Cmp(y)
		}
		return strings.Compare(string(a), string(b))
	case records.String:
		return strings.Compare(string(records.AppendText(nil, a)), string(records.AppendText(nil, b)))
	default:
		return 0
	}
}
