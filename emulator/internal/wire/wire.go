// Package wire writes JSON as Torii does: members in a fixed order, integers in full, no escapes that
// JavaScript would not write. encoding/json sorts maps and escapes HTML, so it cannot.
package wire

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// TimeFormat is how Torii prints instants: ISO 8601, UTC, milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Time prints an instant as Torii does.
func Time(t time.Time) string { return t.UTC().Format(TimeFormat) }

// Absent is the value of a member that is left out altogether, where nil is written as null.
type Absent struct{}

// Member is one name and value of an Object.
type Member struct {
	Key   string
	Value any
}

// Object is a JSON object that keeps its members in order and may repeat a key.
type Object []Member

// Obj builds an Object from alternating keys and values.
func Obj(pairs ...any) Object {
	o := make(Object, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		o = append(o, Member{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return o
}

// Get returns the value of the first member with the key.
func (o Object) Get(key string) (any, bool) {
	for _, m := range o {
		if m.Key == key {
			return m.Value, true
		}
	}
	return nil, false
}

// Append adds v to dst as JSON. v is nil, a bool, number, string, time, json.RawMessage, Object, or a slice of these;
// any other type is a programming error and panics.
func Append(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return AppendString(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return appendFloat(dst, v)
	case json.Number:
		return append(dst, v...)
	case json.RawMessage:
		return append(dst, v...)
	case time.Time:
		return AppendString(dst, Time(v))
	case Object:
		return appendObject(dst, v)
	case []string:
		return appendSlice(dst, v, AppendString)
	case []int64:
		return appendSlice(dst, v, func(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) })
	case []Object:
		return appendSlice(dst, v, appendObject)
	case []any:
		return appendSlice(dst, v, Append)
	}
	panic(fmt.Sprintf("wire: cannot write %T", v))
}

func appendObject(dst []byte, o Object) []byte {
	dst = append(dst, '{')
	first := true
	for _, m := range o {
		if _, skip := m.Value.(Absent); skip {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendString(dst, m.Key)
		dst = append(dst, ':')
		dst = Append(dst, m.Value)
	}
	return append(dst, '}')
}

func appendSlice[T any](dst []byte, items []T, add func([]byte, T) []byte) []byte {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = add(dst, item)
	}
	return append(dst, ']')
}

func appendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

const hex = "0123456789abcdef"

// AppendString adds s as a JSON string. Text beyond ASCII is written as it is; invalid UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, width := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && width == 1 {
				dst = append(append(dst, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += width
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = appendEscape(append(dst, s[start:i]...), c)
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
