// Command kubeschemas writes the JSON schemas by which kubeconform checks what the chart renders. They are made from what the projects that define
// the kinds publish in their Go modules: the OpenAPI description of Kubernetes and the custom resource definitions of the others. Unknown fields are
// refused, as an API server does with --validate=strict.
//
//	kubeschemas FOLDER
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kinds are the kinds that are written, as group/version/kind; the group of the core is empty. A chart that renders another kind fails its check,
// and adds it here.
func kinds() []string {
	return []string{
		"/v1/ConfigMap", "/v1/Secret", "/v1/Service", "/v1/ServiceAccount",
		"apps/v1/Deployment", "batch/v1/Job", "policy/v1/PodDisruptionBudget", "autoscaling/v2/HorizontalPodAutoscaler",
		"networking.k8s.io/v1/NetworkPolicy", "networking.k8s.io/v1/Ingress",
		"gateway.networking.k8s.io/v1/HTTPRoute", "cert-manager.io/v1/Certificate", "cert-manager.io/v1/Issuer",
		"monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule",
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kubeschemas:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("give the folder to write to")
	}
	swagger, err := readSwagger()
	if err != nil {
		return err
	}
	definitions, err := readDefinitions()
	if err != nil {
		return err
	}
	for _, kind := range kinds() {
		schema, ok := swagger.kind(kind)
		if !ok {
			schema, ok = definitions[kind]
		}
		if !ok {
			return fmt.Errorf("no module describes %s", kind)
		}
		if err := write(args[0], kind, schema); err != nil {
			return err
		}
	}
	return nil
}

// write stores a schema as group/kind_version.json, the name that the check looks for.
func write(dir, kind string, schema map[string]any) error {
	parts := strings.Split(kind, "/")
	group, version, name := parts[0], parts[1], strings.ToLower(parts[2])
	if group == "" {
		group = "core"
	}
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, name+"_"+group+"_"+version+".json")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
