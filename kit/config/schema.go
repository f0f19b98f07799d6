package config

import (
	"encoding"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A leaf is one setting: where it lives and what it is called.
type leaf struct {
	path  []string // yaml names from the root
	value reflect.Value
	owner string // package.Type.Field, where its comment is
}

// key is the name in the file: auth.public_url.
func (l leaf) key() string { return strings.Join(l.path, ".") }

// flag is the name on the command line: auth.public-url.
func (l leaf) flag() string { return strings.ReplaceAll(l.key(), "_", "-") }

// env is the name in the environment, without the prefix: AUTH_LISTEN.
func (l leaf) env() string {
	return strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(l.flag()))
}

func (l leaf) secret() bool { return l.value.Type() == reflect.TypeFor[Secret]() }

func (l leaf) isBool() bool { return l.value.Kind() == reflect.Bool }

// settable reports whether text can set the leaf; lists of structs and maps
// come from YAML only.
func (l leaf) settable() bool {
	t := l.value.Type()
	if t.Kind() == reflect.Slice && !hasText(t) {
		t = t.Elem()
	}
	return scalar(t)
}

func hasText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func scalar(t reflect.Type) bool {
	if hasText(t) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Float64,
		reflect.Uint, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// schema lists the leaves of a struct.
func schema(v reflect.Value) ([]leaf, error) { return appendLeaves(nil, v, nil, "") }

// A field is one that a file may set.
type field struct {
	reflect.StructField
	value  reflect.Value
	name   string // in the file
	inline bool   // its own fields stand in its place
	owner  string // where its comment is, as package.Type.Field
}

// fields lists those of a struct. A struct without a name is known by the
// field that holds it.
func fields(v reflect.Value, holder string) ([]field, error) {
	if v.Type().Name() != "" {
		holder = v.Type().String()
	}
	list := make([]field, 0, v.NumField())
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		name, inline, err := fieldName(f)
		if err != nil {
			return nil, err
		}
		if name != "-" {
			list = append(list, field{f, v.Field(i), name, inline, holder + "." + f.Name})
		}
	}
	return list, nil
}

// appendLeaves adds the leaves of v.
func appendLeaves(leaves []leaf, v reflect.Value, path []string, holder string) ([]leaf, error) {
	list, err := fields(v, holder)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		at := path
		if !f.inline {
			at = append(path[:len(path):len(path)], f.name)
		}
		if f.Type.Kind() == reflect.Struct && !hasText(f.Type) {
			if leaves, err = appendLeaves(leaves, f.value, at, f.owner); err != nil {
				return nil, err
			}
			continue
		}
		leaves = append(leaves, leaf{at, f.value, f.owner})
	}
	return leaves, nil
}

func fieldName(f reflect.StructField) (name string, inline bool, err error) {
	name, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	inline = strings.Contains(opts, "inline")
	if name == "" && !inline {
		return "", false, fmt.Errorf("config: field %s has no yaml tag", f.Name)
	}
	return name, inline, nil
}

// set parses text into the leaf.
func (l leaf) set(text string) error {
	t := l.value.Type()
	if t.Kind() == reflect.Slice && !hasText(t) {
		list := reflect.MakeSlice(t, 0, 4)
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			v := reflect.New(t.Elem()).Elem()
			if err := setScalar(v, part); err != nil {
				return err
			}
			list = reflect.Append(list, v)
		}
		l.value.Set(list)
		return nil
	}
	return setScalar(l.value, text)
}

func setScalar(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is not a duration such as 500ms, 30s or 5m", text)
		}
		v.SetInt(int64(d))
		return nil
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not an integer", text)
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not an integer from 0 on", text)
		}
		v.SetUint(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(f)
	default:
		return fmt.Errorf("a %s cannot be set from text", v.Type())
	}
	return nil
}

// setFile reads a secret from a file, without the line end that editors add.
func (l leaf) setFile(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the secret: %w", err)
	}
	return l.set(strings.TrimRight(string(b), "\r\n"))
}
