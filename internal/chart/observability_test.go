package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const (
	observability = "../../deploy/observability"
	runbook       = "../../docs/runbook"
)

// foreign are metrics and labels that others give: Prometheus itself, what collects, and cert-manager.
func foreign() map[string][]string {
	return map[string][]string{
		"up": {"job"},
		"certmanager_certificate_expiration_timestamp_seconds": {"name", "namespace"},
	}
}

type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var rules struct {
		Spec struct {
			Groups []struct{ Rules []alert }
		}
	}
	if err := yaml.Unmarshal(file(t, filepath.Join(observability, "alerts.yaml")), &rules); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range rules.Spec.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("no alert was read")
	}
	return all
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEachAlertHasAPage(t *testing.T) {
	for _, a := range alerts(t) {
		page := a.Annotations["runbook_url"]
		if want := "https://github.com/sando-dev/sando/blob/main/docs/runbook/"; !strings.HasPrefix(page, want) {
			t.Errorf("%s: runbook_url %q does not start with %s", a.Alert, page, want)
			continue
		}
		text := string(file(t, filepath.Join(runbook, filepath.Base(page))))
		if !strings.Contains(text, "`"+a.Alert+"`") {
			t.Errorf("%s: docs/runbook/%s does not speak of it", a.Alert, filepath.Base(page))
		}
		if a.Labels["severity"] != "critical" && a.Labels["severity"] != "warning" {
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if !strings.HasPrefix(a.Alert, "Sando") || !strings.HasSuffix(a.Annotations["summary"], ".") {
			t.Errorf("%s: summary %q is no sentence", a.Alert, a.Annotations["summary"])
		}
	}
}

// Every page is in the list, every page of the list exists, and every alert that a page speaks of exists.
func TestRunbookIsWhole(t *testing.T) {
	index := string(file(t, filepath.Join(runbook, "README.md")))
	pages, err := filepath.Glob(filepath.Join(runbook, "*.md"))
	if err != nil || len(pages) < 2 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	var known []string
	for _, a := range alerts(t) {
		known = append(known, a.Alert)
	}
	named := regexp.MustCompile("`(Sando[A-Z][A-Za-z]+)`")
	link := regexp.MustCompile(`\]\(([^)#:]+)\)`)
	for _, page := range pages {
		text := string(file(t, page))
		if name := filepath.Base(page); name != "README.md" && !strings.Contains(index, "("+name+")") {
			t.Errorf("%s is not in the list of README.md", name)
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(known, m[1]) {
				t.Errorf("%s speaks of the alert %s, which does not exist", page, m[1])
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(runbook, m[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// Every metric of alerts and dashboard, and every label by which they choose, is one that the services give.
func TestMetricsAreThoseOfTheServices(t *testing.T) {
	given := emitted(t)
	for name, labels := range instruments(t) {
		given[name] = labels
	}
	for name, labels := range foreign() {
		given[name] = labels
	}
	var expressions []string
	for _, a := range alerts(t) {
		expressions = append(expressions, a.Expr)
	}
	expressions = append(expressions, dashboard(t)...)
	used := tool(t, strings.NewReader(strings.Join(expressions, "\n")), "promnames")
	if !strings.Contains(used, "rpc_server_call_duration_seconds_count") {
		t.Fatalf("%d expressions use these metrics:\n%s", len(expressions), used)
	}
	for line := range strings.Lines(used) {
		name, labels := strings.Fields(line)[0], strings.Fields(line)[1:]
		known, ok := given[name]
		if !ok {
			t.Errorf("no service gives %s", name)
			continue
		}
		for _, label := range labels {
			// job is given by whoever collects, le by every histogram.
			if label != "job" && label != "le" && !slices.Contains(known, label) {
				t.Errorf("%s has no label %s, only %v", name, label, known)
			}
		}
	}
}

// dashboard lists the expressions of the dashboard, its variables filled in.
func dashboard(t *testing.T) []string {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(file(t, filepath.Join(observability, "dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "sando-proxy")
	var all []string
	for _, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("the panel %q shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, variables.Replace(target.Expr))
		}
	}
	return all
}

// The pipelines of the example name what it configures, and it configures nothing else.
func TestCollectorIsWhole(t *testing.T) {
	var c struct {
		Receivers, Processors, Exporters map[string]any
		Service                          struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	if err := yaml.Unmarshal(file(t, filepath.Join(observability, "collector.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	used := make(map[string]bool)
	check := func(pipeline, kind string, names []string, known map[string]any) {
		for _, name := range names {
			used[kind+" "+name] = true
			if _, ok := known[name]; !ok {
				t.Errorf("pipeline %s names the %s %s, which is not configured", pipeline, kind, name)
			}
		}
	}
	for name, p := range c.Service.Pipelines {
		check(name, "receiver", p.Receivers, c.Receivers)
		check(name, "processor", p.Processors, c.Processors)
		check(name, "exporter", p.Exporters, c.Exporters)
	}
	if all := len(c.Receivers) + len(c.Processors) + len(c.Exporters); len(used) != all {
		t.Errorf("%d parts are configured, the pipelines use %d", all, len(used))
	}
}
