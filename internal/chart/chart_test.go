package chart

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
)

func TestRenderings(t *testing.T) {
	for _, set := range valueSets() {
		t.Run(set, func(t *testing.T) {
			kittest.Golden(t, set+".yaml", []byte(render(t, set)))
		})
	}
}

func TestHelmLint(t *testing.T) {
	for _, set := range valueSets() {
		t.Run(set, func(t *testing.T) {
			tool(t, nil, "helm", "lint", "--strict", chartDir, "--values", valuesFile(set))
		})
	}
}

// Every object is what the API servers of Kubernetes, the Gateway API, cert-manager and the Prometheus operator take, with no field too many.
func TestRenderingsAreValidManifests(t *testing.T) {
	schemas := t.TempDir()
	tool(t, nil, "kubeschemas", schemas)
	location := schemas + "/{{.ResourceKind}}_{{if ne .Group .ResourceAPIVersion}}{{.Group}}{{else}}core{{end}}_{{.ResourceAPIVersion}}.json"
	check := func(t *testing.T, manifests string) {
		t.Helper()
		tool(t, strings.NewReader(manifests), "kubeconform", "-strict", "-summary", "-schema-location", location)
	}
	for _, set := range valueSets() {
		t.Run(set, func(t *testing.T) { check(t, render(t, set)) })
	}
	t.Run("alerts", func(t *testing.T) { check(t, string(file(t, filepath.Join(observability, "alerts.yaml")))) })
}

// An exception is a check of kube-score that the chart does not follow in some sets of values.
type exception struct {
	flags  []string
	sets   []string
	reason string
}

func exceptions() []exception {
	return []exception{
		{
			[]string{"--ignore-container-cpu-limit"},
			valueSets(),
			"a CPU limit throttles a service in the middle of a call; the request is its share when the node is full",
		},
		{
			[]string{"--ignore-test", "deployment-has-host-podantiaffinity"},
			valueSets(),
			"topologySpreadConstraints over nodes and zones do it, and let a small cluster run all the same",
		},
		{
			[]string{"--ignore-test", "deployment-strategy", "--ignore-test", "deployment-replicas"},
			[]string{"minimal"},
			"without Valkey there is one proxy at a time, because it holds the rate budgets in memory",
		},
		{
			[]string{"--ignore-test", "pod-networkpolicy"},
			[]string{"ingress"},
			"this set is for clusters whose policies are made elsewhere",
		},
	}
}

func TestKubeScore(t *testing.T) {
	for _, set := range valueSets() {
		t.Run(set, func(t *testing.T) {
			args := []string{"score", "--exit-one-on-warning", "--output-format", "ci"}
			for _, e := range exceptions() {
				if slices.Contains(e.sets, set) {
					args = append(args, e.flags...)
				}
			}
			tool(t, strings.NewReader(render(t, set)), "kube-score", append(args, "-")...)
		})
	}
}
