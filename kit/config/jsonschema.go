package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A node is one JSON Schema of draft 2020-12.
type node struct {
	Schema      string           `json:"$schema,omitempty"`
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Type        string           `json:"type,omitempty"`
	Default     any              `json:"default,omitempty"`
	Enum        []string         `json:"enum,omitempty"`
	Pattern     string           `json:"pattern,omitempty"`
	Minimum     *int             `json:"minimum,omitempty"`
	AnyOf       []*node          `json:"anyOf,omitempty"`
	Items       *node            `json:"items,omitempty"`
	Properties  map[string]*node `json:"properties,omitempty"`
	// Additional is false for structs and the schema of the values for maps.
	Additional any `json:"additionalProperties,omitempty"`
}

// The texts that time.ParseDuration, but for negative ones, and slog.Level take.
const (
	durationPattern = `^\+?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`
	levelPattern    = `^([Dd][Ee][Bb][Uu][Gg]|[Ii][Nn][Ff][Oo]|[Ww][Aa][Rr][Nn]|[Ee][Rr][Rr][Oo][Rr])([-+][0-9]+)?$`
)

// JSONSchema describes the YAML file of cfg, a pointer to a struct that holds
// the defaults, for editors and checks before a roll-out. Descriptions are the
// fields' comments, as in [Reference]; the tag choices:"a,b" makes an enum. It
// is stricter than Load where YAML lets one type pass for another: text is a
// string, and nothing is null.
func JSONSchema(cfg any, title string, source ...string) ([]byte, error) {
	root, comments, err := documented(cfg, source)
	if err != nil {
		return nil, err
	}
	n, err := describer(comments).object(root, "")
	if err != nil {
		return nil, err
	}
	n.Schema, n.Title = "https://json-schema.org/draft/2020-12/schema", title
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(n)
	return b.Bytes(), err
}

// A describer knows the comment of package.Type.Field.
type describer map[string]string

func (d describer) object(v reflect.Value, holder string) (*node, error) {
	list, err := fields(v, holder)
	if err != nil {
		return nil, err
	}
	n := &node{Type: "object", Properties: map[string]*node{}, Additional: false}
	for _, f := range list {
		p, err := d.of(f.value, f.owner)
		if err != nil {
			return nil, err
		}
		if f.inline {
			maps.Copy(n.Properties, p.Properties)
			continue
		}
		if p.Description = d[f.owner]; p.Description == "" {
			return nil, fmt.Errorf("config: %s has no comment in the source of %s", f.name, f.owner)
		}
		if choices := f.Tag.Get("choices"); choices != "" {
			p.Enum = strings.Split(choices, ",")
		}
		if p.Default, err = defaultOf(f.value); err != nil {
			return nil, err
		}
		n.Properties[f.name] = p
	}
	return n, nil
}

// of describes the type of v; the defaults inside structs are v's.
func (d describer) of(v reflect.Value, at string) (*node, error) {
	t := v.Type()
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return &node{Type: "string", Pattern: durationPattern}, nil
	case t == reflect.TypeFor[slog.Level]():
		return &node{Type: "string", AnyOf: []*node{{Enum: []string{"debug", "info", "warn", "error"}}, {Pattern: levelPattern}}}, nil
	case hasText(t):
		return &node{Type: "string"}, nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return d.object(v, at)
	case reflect.Slice:
		items, err := d.of(reflect.Zero(t.Elem()), at)
		return &node{Type: "array", Items: items}, err
	case reflect.Map:
		values, err := d.of(reflect.Zero(t.Elem()), at)
		return &node{Type: "object", Additional: values}, err
	case reflect.String:
		return &node{Type: "string"}, nil
	case reflect.Bool:
		return &node{Type: "boolean"}, nil
	case reflect.Int, reflect.Int32, reflect.Int64:
		return &node{Type: "integer"}, nil
	case reflect.Uint, reflect.Uint32, reflect.Uint64:
		return &node{Type: "integer", Minimum: new(int)}, nil
	case reflect.Float64:
		return &node{Type: "number"}, nil
	}
	return nil, fmt.Errorf("config: %s has the type %s, which no JSON Schema is known for", at, t)
}

// defaultOf is the value as Print writes it, if it is one scalar that says
// something; a secret has none.
func defaultOf(v reflect.Value) (any, error) {
	if !scalar(v.Type()) || v.Type() == reflect.TypeFor[Secret]() {
		return nil, nil
	}
	text, err := yaml.Marshal(v.Interface())
	if err != nil {
		return nil, err
	}
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil || value == "" {
		return nil, err
	}
	return value, nil
}
