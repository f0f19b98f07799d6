package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// definition is what matters of a CustomResourceDefinition.
type definition struct {
	Spec struct {
		Group string
		Names struct{ Kind string }

		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
			}
		}
	}
}

// readDefinitions reads the schemas of custom resources by group/version/kind.
func readDefinitions() (map[string]map[string]any, error) {
	schemas := make(map[string]map[string]any)
	for module, files := range map[string][]string{
		gatewayAPI:  {"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
		certManager: {"deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"},
		prometheus: {
			"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
			"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
		},
	} {
		dir, err := fetch(module)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				return nil, err
			}
			var d definition
			if err := yaml.Unmarshal(text, &d); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			for _, v := range d.Spec.Versions {
				schemas[d.Spec.Group+"/"+v.Name+"/"+d.Spec.Names.Kind] = strict(v.Schema.OpenAPIV3Schema)
			}
		}
	}
	return schemas, nil
}

// strict copies a schema so that it refuses unknown fields, but where the definition asks to keep them.
func strict(schema map[string]any) map[string]any {
	out := maps.Clone(schema)
	if schema["x-kubernetes-int-or-string"] == true {
		delete(out, "anyOf")
		out["type"] = []string{"string", "number"}
		return out
	}
	if properties, ok := schema["properties"].(map[string]any); ok {
		inner := make(map[string]any, len(properties))
		for name, p := range properties {
			inner[name] = strict(p.(map[string]any))
		}
		out["properties"] = inner
		if schema["x-kubernetes-preserve-unknown-fields"] != true {
			out["additionalProperties"] = false
		}
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if p, ok := schema[name].(map[string]any); ok {
			out[name] = strict(p)
		}
	}
	return out
}
