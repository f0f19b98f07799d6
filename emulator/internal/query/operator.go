package query

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// operator returns the test that one filter entry makes of a field's value.
//
// The documents list the operators without saying how the relative dates count. Here their value is a whole number of
// days from today, negative in the past: relativeDateOn is that very day, relativeDateLess lies between today and it,
// relativeDateMore lies beyond it.
func operator(c clause, now time.Time) (func(any) bool, error) {
	switch c.Op {
	case "isSet", "exists":
		return isSet, nil
	case "isNotSet", "notExists":
		return func(got any) bool { return !isSet(got) }, nil
	case "relativeDateToday":
		return onDays(now, 0, func(day, target int64) bool { return day == target }), nil
	}
	want, err := operand(c)
	if err != nil {
		return nil, err
	}
	switch c.Op {
	case "equals":
		return equals(want), nil
	case "notEquals":
		return not(equals(want)), nil
	case "contains":
		return contains(want), nil
	case "notContains":
		return not(contains(want)), nil
	case "anyOf":
		return anyOf(want), nil
	case "noneOf":
		return not(anyOf(want)), nil
	case "allOf":
		return allOf(want), nil
	case "isExactly":
		return func(got any) bool { return allOf(want)(got) && len(items(got)) == len(items(want)) }, nil
	case "gt", "gte", "lt", "lte":
		return ordered(c.Op, want), nil
	}
	return dateOperator(c, want, now)
}

func dateOperator(c clause, want any, now time.Time) (func(any) bool, error) {
	days := map[string]func(day, target int64) bool{
		"dayAfter":         func(day, target int64) bool { return day > target },
		"dayOnOrAfter":     func(day, target int64) bool { return day >= target },
		"dayBefore":        func(day, target int64) bool { return day < target },
		"dayOnOrBefore":    func(day, target int64) bool { return day <= target },
		"relativeDateOn":   func(day, target int64) bool { return day == target },
		"relativeDateLess": nil,
		"relativeDateMore": nil,
	}
	test, known := days[c.Op]
	if !known {
		return nil, refuse("\"filters\" uses an unknown operator: %s", c.Op)
	}
	if strings.HasPrefix(c.Op, "day") {
		at, ok := instant(want)
		if !ok {
			return nil, refuse("\"filters\": %s needs a date as value", c.Op)
		}
		return onDays(at, 0, test), nil
	}
	offset, ok := want.(int64)
	if !ok {
		return nil, refuse("\"filters\": %s needs a whole number of days as value", c.Op)
	}
	today := dayNumber(now)
	switch c.Op {
	case "relativeDateLess":
		test = func(day, target int64) bool { return min(today, target) <= day && day <= max(today, target) }
	case "relativeDateMore":
		test = func(day, target int64) bool { return (offset < 0 && day < target) || (offset >= 0 && day > target) }
	}
	return onDays(now, offset, test), nil
}

// operand decodes a filter's value: a scalar or a list of scalars.
func operand(c clause) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(c.Value))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, refuse("\"filters\": %s needs a value", c.Op)
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	if slices.ContainsFunc(list, structured) {
		return nil, refuse("\"filters\": the value of %s must be a scalar or a list of scalars", c.Key)
	}
	if isList {
		return items(list), nil
	}
	return scalar(v), nil
}

func not(test func(any) bool) func(any) bool { return func(v any) bool { return !test(v) } }

func isSet(got any) bool {
	if list, ok := got.([]string); ok {
		return len(list) > 0
	}
	v := scalar(got)
	return v != nil && v != ""
}

func equals(want any) func(any) bool {
	if list, ok := want.([]any); ok {
		return func(got any) bool { return slices.Equal(items(got), list) }
	}
	return func(got any) bool {
		if list, ok := got.([]string); ok && len(list) != 1 {
			return false
		}
		return compare(scalar(got), want) == 0
	}
}

// contains looks for a part of a text without regard to case, or for an item of a list.
func contains(want any) func(any) bool {
	return func(got any) bool {
		text, isText := scalar(got).(string)
		part, wantText := want.(string)
		if _, isList := got.([]string); isText && wantText && !isList {
			return strings.Contains(strings.ToLower(text), strings.ToLower(part))
		}
		return slices.ContainsFunc(items(got), func(v any) bool { return compare(v, want) == 0 })
	}
}

func anyOf(want any) func(any) bool {
	wanted := items(want)
	return func(got any) bool {
		return slices.ContainsFunc(items(got), func(v any) bool { return hasItem(wanted, v) })
	}
}

func allOf(want any) func(any) bool {
	wanted := items(want)
	return func(got any) bool {
		have := items(got)
		for _, v := range wanted {
			if !hasItem(have, v) {
				return false
			}
		}
		return true
	}
}

func hasItem(list []any, want any) bool {
	return slices.ContainsFunc(list, func(v any) bool { return compare(v, want) == 0 })
}

// ordered compares numbers as numbers, dates as instants, and other text as text. Null is never in any range.
func ordered(op string, want any) func(any) bool {
	at, wantDate := instant(want)
	if _, isText := want.(string); !isText {
		wantDate = false
	}
	return func(got any) bool {
		v := scalar(got)
		if v == nil || v == "" {
			return false
		}
		c := compare(v, want)
		if t, ok := instant(v); ok && wantDate {
			c = t.Compare(at)
		}
		switch op {
		case "gt":
			return c > 0
		case "gte":
			return c >= 0
		case "lt":
			return c < 0
		}
		return c <= 0
	}
}

// onDays compares a date's day with the day that lies offset days from an instant, both in UTC.
func onDays(from time.Time, offset int64, test func(day, target int64) bool) func(any) bool {
	target := dayNumber(from) + offset
	return func(got any) bool {
		t, ok := instant(scalar(got))
		return ok && test(dayNumber(t), target)
	}
}

func dayNumber(t time.Time) int64 { return t.Unix() / 86400 }
