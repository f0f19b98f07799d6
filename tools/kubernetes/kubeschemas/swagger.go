package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// swagger is Kubernetes' OpenAPI 2 description of its kinds.
type swagger struct {
	Definitions map[string]map[string]any `json:"definitions"`
}

func readSwagger() (*swagger, error) {
	dir, err := fetch(kubernetes)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "api/openapi-spec/swagger.json"))
	if err != nil {
		return nil, err
	}
	s := new(swagger)
	return s, json.Unmarshal(text, s)
}

// kind finds the definition of group/version/kind and resolves its references.
func (s *swagger) kind(name string) (map[string]any, bool) {
	for _, definition := range s.Definitions {
		marks, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(marks) != 1 {
			continue // shared by many kinds: options and the like
		}
		mark, _ := marks[0].(map[string]any)
		if text(mark["group"])+"/"+text(mark["version"])+"/"+text(mark["kind"]) == name {
			return s.resolve(definition, nil), true
		}
	}
	return nil, false
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// resolve copies a schema with its references replaced by what they name. within are the definitions on the way, because a few refer to themselves.
func (s *swagger) resolve(schema map[string]any, within []string) map[string]any {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		switch {
		case strings.HasSuffix(name, ".IntOrString"), strings.HasSuffix(name, ".Quantity"):
			return map[string]any{"type": []string{"string", "number", "null"}}
		case slices.Contains(within, name):
			return map[string]any{}
		}
		return s.resolve(s.Definitions[name], append(within[:len(within):len(within)], name))
	}
	out := maps.Clone(schema)
	if properties, ok := schema["properties"].(map[string]any); ok {
		resolved := make(map[string]any, len(properties))
		for name, p := range properties {
			resolved[name] = s.resolve(p.(map[string]any), within)
		}
		out["properties"] = resolved
		out["additionalProperties"] = false
	}
	for _, inner := range []string{"items", "additionalProperties"} {
		if p, ok := schema[inner].(map[string]any); ok {
			out[inner] = s.resolve(p, within)
		}
	}
	if t, ok := schema["type"].(string); ok {
		out["type"] = []string{t, "null"} // null is as good as absent
	}
	return out
}
