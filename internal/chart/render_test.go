package chart

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	chartDir = "../../deploy/helm/sando"
	toolsDir = "../../bin/tools"
)

// valueSets are the sets of values in testdata/values, for each of which a rendering is kept in testdata.
func valueSets() []string { return []string{"minimal", "production", "ingress"} }

// tool runs a program of bin/tools and gives what it prints.
func tool(t *testing.T, stdin io.Reader, name string, args ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(toolsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/tools/%s is missing: run make tools", name)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = stdin
	// Helm looks for plugins and settings in the user's folders, which a test must not depend on.
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_DATA_HOME="+t.TempDir())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out)
}

// render gives the manifests of the chart for a set of values, and flags of helm.
func render(t *testing.T, set string, more ...string) string {
	t.Helper()
	args := []string{"template", "sando", chartDir, "--namespace", "sando", "--values", valuesFile(set)}
	return tool(t, nil, "helm", append(args, more...)...)
}

func valuesFile(set string) string { return filepath.Join("testdata/values", set+".yaml") }

// A manifest is what the tests look at of a Kubernetes object.
type manifest struct {
	Kind     string
	Metadata struct {
		Name        string
		Labels      map[string]string
		Annotations map[string]string
	}
	Data map[string]string
	Spec yaml.Node
}

// manifests parses rendered YAML.
func manifests(t *testing.T, rendered string) []manifest {
	t.Helper()
	var all []manifest
	dec := yaml.NewDecoder(bytes.NewReader([]byte(rendered)))
	for {
		var m manifest
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Kind != "" {
			all = append(all, m)
		}
	}
}

// ofKind keeps the manifests of one kind, by name, and decodes their specs into T.
func ofKind[T any](t *testing.T, all []manifest, kind string) map[string]T {
	t.Helper()
	specs := make(map[string]T)
	for _, m := range all {
		if m.Kind != kind {
			continue
		}
		var spec T
		if err := m.Spec.Decode(&spec); err != nil {
			t.Fatalf("%s %s: %v", kind, m.Metadata.Name, err)
		}
		specs[m.Metadata.Name] = spec
	}
	if len(specs) == 0 {
		t.Fatalf("no %s was rendered", kind)
	}
	return specs
}
