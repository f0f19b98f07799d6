package query

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// scalar reduces a value to what can be compared: nil, a bool, an int64, a float64 or a string. A nested record counts
// as its id, which is how a filter on primaryOwner names a user; a list counts as its items joined by commas; anything
// else counts as its JSON.
func scalar(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case wire.Absent:
		return nil
	case int:
		return int64(v)
	case json.Number:
		return number(v)
	case time.Time:
		return wire.Time(v)
	case []string:
		return strings.Join(v, ",")
	case wire.Object:
		if id, ok := v.Get("id"); ok {
			return scalar(id)
		}
		if value, ok := v.Get("value"); ok {
			return scalar(value)
		}
		return nil
	}
	return string(wire.Append(nil, v))
}

// structured is true for a decoded JSON object or array.
func structured(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

func number(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i
	}
	f, err := n.Float64()
	if err != nil {
		return nil
	}
	return f
}

// rank orders values of different kinds; null comes last, as in PostgreSQL's ascending order.
func rank(v any) int {
	switch v.(type) {
	case bool:
		return 0
	case int64, float64:
		return 1
	case string:
		return 2
	}
	return 3
}

// compare orders two scalars.
func compare(a, b any) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case bool:
		return cmp.Compare(bit(a), bit(b.(bool)))
	case string:
		return cmp.Compare(a, b.(string))
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	}
	if rank(a) == 1 {
		return cmp.Compare(float(a), float(b))
	}
	return 0
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func float(v any) float64 {
	if i, ok := v.(int64); ok {
		return float64(i)
	}
	return v.(float64)
}

// instant reads a date or time in any form Torii accepts.
func instant(v any) (time.Time, bool) {
	switch v := v.(type) {
	case string:
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), true
			}
		}
	case int64:
		return time.UnixMilli(v).UTC(), true
	}
	return time.Time{}, false
}

// items views a value as a list: a list is itself, null is empty, anything else is a list of one.
func items(v any) []any {
	switch v := v.(type) {
	case nil, wire.Absent:
		return nil
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	case []wire.Object:
		out := make([]any, len(v))
		for i, o := range v {
			out[i] = scalar(o)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = scalar(x)
		}
		return out
	}
	if s := scalar(v); s != nil {
		return []any{s}
	}
	return nil
}
