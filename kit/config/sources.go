package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sando-dev/sando/kit/nearest"
)

// suggest names the nearest of names, as the end of a message.
func suggest(word string, names []string, decorate string) string {
	if near := nearest.Of(word, names); near != "" {
		return fmt.Sprintf("; did you mean %s%s?", decorate, near)
	}
	return ""
}

// parseArgs splits arguments into flags. It knows --name value, --name=value
// and, for booleans, --name alone.
func parseArgs(leaves []leaf, o Options) (map[string]string, error) {
	args := o.Args
	known := flagNames(leaves)
	flags := map[string]string{}
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "-")
		if !ok {
			return nil, fmt.Errorf("unexpected argument %q", args[i])
		}
		name = strings.TrimPrefix(name, "-")
		name, value, given := strings.Cut(name, "=")
		if name == "h" || name == "help" {
			return nil, helpFor(leaves, o)
		}
		l, ok := known[name]
		if !ok {
			return nil, unknownFlag(name, known, o.Prefix)
		}
		if !given && l != nil && l.isBool() {
			value, given = "true", true
		}
		if !given {
			if i++; i == len(args) {
				return nil, fmt.Errorf("flag --%s needs a value", name)
			}
			value = args[i]
		}
		flags[name] = value
	}
	return flags, nil
}

func unknownFlag(name string, known map[string]*leaf, prefix string) error {
	if l := known[name+"-file"]; l != nil {
		return fmt.Errorf("--%s would show the secret to every user of the machine; use --%s-file or %s%s",
			name, name, prefix, l.env())
	}
	return fmt.Errorf("unknown flag --%s%s", name, suggest(name, slices.Sorted(maps.Keys(known)), "--"))
}

// flagNames maps the flags to their leaves; --config has none.
func flagNames(leaves []leaf) map[string]*leaf {
	known := map[string]*leaf{"config": nil}
	for i, l := range leaves {
		switch {
		case l.secret():
			known[l.flag()+"-file"] = &leaves[i]
		case l.settable():
			known[l.flag()] = &leaves[i]
		}
	}
	return known
}

func fromFlags(leaves []leaf, flags map[string]string) error {
	var errs []error
	known := flagNames(leaves)
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		l := known[name]
		if l == nil {
			continue
		}
		set := l.set
		if l.secret() {
			set = l.setFile
		}
		if err := set(flags[name]); err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func fromEnv(leaves []leaf, o Options) error {
	var errs []error
	known := []string{o.Prefix + "CONFIG"}
	for _, l := range leaves {
		if !l.settable() {
			continue
		}
		name := o.Prefix + l.env()
		known = append(known, name)
		if v, ok := o.Env(name); ok {
			if err := l.set(v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
		}
		if !l.secret() {
			continue
		}
		known = append(known, name+"_FILE")
		if v, ok := o.Env(name + "_FILE"); ok {
			if err := l.setFile(v); err != nil {
				errs = append(errs, fmt.Errorf("%s_FILE: %w", name, err))
			}
		}
	}
	return errors.Join(append(errs, unknownEnv(o, known)...)...)
}

// unknownEnv refuses variables under the prefix that are meant for a setting
// and name none: those of a section that exists, and those that are nearly a
// setting's name. Others share the prefix with us, such as a client's address
// in the same shell, and are left alone.
func unknownEnv(o Options, known []string) []error {
	if o.Environ == nil || o.Prefix == "" {
		return nil
	}
	var errs []error
	for _, pair := range o.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, o.Prefix) || slices.Contains(known, name) {
			continue
		}
		near := suggest(name, known, "")
		if near != "" || ofSection(name, o.Prefix, known) {
			errs = append(errs, fmt.Errorf("unknown variable %s%s", name, near))
		}
	}
	return errs
}

// ofSection reports whether a name starts with the section of known ones.
func ofSection(name, prefix string, known []string) bool {
	section, _, nested := strings.Cut(strings.TrimPrefix(name, prefix), "_")
	return nested && slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, prefix+section+"_") })
}

func fromFile(dst any, path string) error {
	if path == "" {
		return nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	var doc yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(b)).Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	if err := checkKeys(doc.Content[0], reflect.TypeOf(dst).Elem(), ""); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := doc.Decode(dst); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// checkKeys walks the file beside the schema and complains about every key
// that the schema lacks.
func checkKeys(n *yaml.Node, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	var errs []error
	switch {
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for i, item := range n.Content {
			errs = append(errs, checkKeys(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i)))
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct && !hasText(t):
		fields, names := yamlFields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			at := strings.TrimPrefix(path+"."+key.Value, ".")
			if ft, ok := fields[key.Value]; ok {
				errs = append(errs, checkKeys(n.Content[i+1], ft, at))
				continue
			}
			errs = append(errs, fmt.Errorf("line %d: unknown key %s%s", key.Line, at, suggest(key.Value, names, "")))
		}
	}
	return errors.Join(errs...)
}

func yamlFields(t reflect.Type) (map[string]reflect.Type, []string) {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, inline, err := fieldName(f)
		switch {
		case err != nil || !f.IsExported() || name == "-":
		case inline:
			inner, _ := yamlFields(f.Type)
			maps.Copy(fields, inner)
		default:
			fields[name] = f.Type
		}
	}
	return fields, slices.Sorted(maps.Keys(fields))
}
