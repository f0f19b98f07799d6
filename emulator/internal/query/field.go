// Package query does to a list of records what Torii's list endpoints do: choose fields, filter, sort, page by
// cursor, aggregate. It knows records only through named fields.
package query

import (
	"fmt"
	"strings"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// Field is one named value of a record.
type Field[T any] struct {
	Key string
	Get func(T) any // a value that wire.Append can write
}

// Lookup finds a record's field by key.
type Lookup[T any] func(key string) (Field[T], bool)

// Error is a request the endpoint refuses; its text names what is wrong.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func refuse(format string, args ...any) *Error { return &Error{text: fmt.Sprintf(format, args...)} }

// Select resolves a comma-separated list of keys. Unknown keys are refused, all named at once.
func Select[T any](find Lookup[T], list string) ([]Field[T], error) {
	var fields []Field[T]
	var unknown []string
	for key := range strings.SplitSeq(list, ",") {
		key = strings.TrimSpace(key)
		if key == "" {
			continue
		}
		f, ok := find(key)
		if !ok {
			unknown = append(unknown, key)
			continue
		}
		fields = append(fields, f)
	}
	if len(unknown) > 0 {
		return nil, refuse("Unknown, deleted or hidden fields: %s", strings.Join(unknown, ", "))
	}
	return fields, nil
}

// AppendRow writes the fields of a record as a JSON object.
func AppendRow[T any](dst []byte, fields []Field[T], row T) []byte {
	dst = append(dst, '{')
	first := true
	for _, f := range fields {
		v := f.Get(row)
		if _, skip := v.(wire.Absent); skip {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = wire.AppendString(dst, f.Key)
		dst = append(dst, ':')
		dst = wire.Append(dst, v)
	}
	return append(dst, '}')
}
