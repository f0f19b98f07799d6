package query

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/sando-dev/sando/emulator/internal/wire"
)

// maxDepth bounds how deeply or, and and nested may be put into each other.
const maxDepth = 8

// clause is one entry of the filters parameter.
type clause struct {
	Key   string          `json:"key"`
	Op    string          `json:"op"`
	Value json.RawMessage `json:"value"`
}

// ParseFilters compiles the filters parameter, a JSON array of {key, op, value} whose entries are ANDed.
func ParseFilters[T any](find Lookup[T], text string, now time.Time) (func(T) bool, error) {
	clauses, err := parseClauses([]byte(text))
	if err != nil {
		return nil, err
	}
	return compileAll(find, clauses, now, 0)
}

func parseClauses(raw []byte) ([]clause, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	var clauses []clause
	if err := decoder.Decode(&clauses); err != nil || decoder.More() {
		return nil, refuse("\"filters\" must be a JSON array of {key, op, value}")
	}
	return clauses, nil
}

func compileAll[T any](find Lookup[T], clauses []clause, now time.Time, depth int) (func(T) bool, error) {
	tests, err := compileEach(find, clauses, now, depth)
	if err != nil {
		return nil, err
	}
	return func(row T) bool {
		for _, test := range tests {
			if !test(row) {
				return false
			}
		}
		return true
	}, nil
}

func compileEach[T any](find Lookup[T], clauses []clause, now time.Time, depth int) ([]func(T) bool, error) {
	if depth > maxDepth {
		return nil, refuse("\"filters\" is nested too deeply")
	}
	tests := make([]func(T) bool, 0, len(clauses))
	for _, c := range clauses {
		test, err := compile(find, c, now, depth)
		if err != nil {
			return nil, err
		}
		tests = append(tests, test)
	}
	return tests, nil
}

func compile[T any](find Lookup[T], c clause, now time.Time, depth int) (func(T) bool, error) {
	switch c.Op {
	case "and", "or":
		return compileGroup(find, c, now, depth)
	}
	f, ok := find(c.Key)
	if !ok {
		return nil, refuse("\"filters\" names an unknown key: %s", c.Key)
	}
	if c.Op == "nested" {
		return compileNested(f, c, now, depth)
	}
	test, err := operator(c, now)
	if err != nil {
		return nil, err
	}
	return func(row T) bool { return test(f.Get(row)) }, nil
}

// compileGroup is {op: "or", value: [entries]}; the key is not looked at.
func compileGroup[T any](find Lookup[T], c clause, now time.Time, depth int) (func(T) bool, error) {
	clauses, err := parseClauses(c.Value)
	if err != nil {
		return nil, err
	}
	if c.Op == "and" {
		return compileAll(find, clauses, now, depth+1)
	}
	tests, err := compileEach(find, clauses, now, depth+1)
	if err != nil {
		return nil, err
	}
	return func(row T) bool {
		for _, test := range tests {
			if test(row) {
				return true
			}
		}
		return false
	}, nil
}

// compileNested is {key: K, op: "nested", value: [entries]}: the entries speak of the members of K's object, or of any
// one object when K is a list of them.
func compileNested[T any](f Field[T], c clause, now time.Time, depth int) (func(T) bool, error) {
	clauses, err := parseClauses(c.Value)
	if err != nil {
		return nil, err
	}
	member := func(key string) (Field[wire.Object], bool) {
		return Field[wire.Object]{Key: key, Get: func(o wire.Object) any { v, _ := o.Get(key); return v }}, true
	}
	test, err := compileAll(member, clauses, now, depth+1)
	if err != nil {
		return nil, err
	}
	return func(row T) bool {
		switch v := f.Get(row).(type) {
		case wire.Object:
			return test(v)
		case []wire.Object:
			for _, o := range v {
				if test(o) {
					return true
				}
			}
		}
		return false
	}, nil
}

// Exactly is the simple filter ?field=text: the field's value written as text equals it. A list matches by any item.
func Exactly[T any](f Field[T], text string) func(T) bool {
	return func(row T) bool {
		for _, v := range items(f.Get(row)) {
			if written(v) == text {
				return true
			}
		}
		return false
	}
}

// written is a scalar without quotes.
func written(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(wire.Append(nil, v))
}
