package e2e

import (
	"bytes"
	"context"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sando-dev/sando/kit/kittest"
)

// The page of metrics of a running product, after a few calls, has every metric that alerts, dashboard and documents name, with every label by which they
// choose or add up.
func TestThePageOfMetrics(t *testing.T) {
	_, port, _ := net.SplitHostPort(kittest.FreeAddr(t))
	for name, value := range map[string]string{
		"OTEL_METRICS_EXPORTER": "prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST": "127.0.0.1", "OTEL_EXPORTER_PROMETHEUS_PORT": port,
	} {
		t.Setenv(name, value)
	}
	o := newOperator(t)
	s := o.serve(t)
	link(t, &s)
	s.mcpURL = s.baseURL + "/mcp/" + s.mcpToken
	l := newLoad(s)
	for _, r := range []request{l.readUser(1), l.readApp(1), l.callTool(1), l.createContract(1)} {
		if _, err := l.send(r); err != nil {
			t.Fatal(err)
		}
	}
	exhaust(t, s)
	// A name that is not UTF-8 is counted when it is mended.
	emulatorDo(t, s, "POST", "/faults", map[string]any{"operation": "roles.list", "kind": "bad-utf8", "times": 1})
	if code, text := (restOver{client: http.DefaultClient, base: s.baseURL}).do(t, "GET", "/proxy/roles?integrated_account_id="+s.account, s.apiToken, nil, nil); code != http.StatusOK {
		t.Errorf("roles: %d %s", code, text)
	}

	text := page(t, "http://127.0.0.1:"+port+"/metrics")
	// Each cache tells of itself under its own name.
	for cache, component := range map[string]string{"grants": "auth", "credentials": "proxy", "field_definitions": "unified", "servers": "mcp"} {
		if line := `sando_cache_lookups_total{cache="` + cache + `",component="` + component + `",`; !bytes.Contains(text, []byte(line)) {
			t.Errorf("no metrics of the cache of %s in %s", cache, component)
		}
	}
	// So does each service of one process.
	for _, component := range []string{"proxy", "unified", "mcp"} {
		for _, metric := range []string{"sando_revocations_silence_seconds", "sando_audit_lag_seconds", "sando_key_age_seconds"} {
			if !bytes.Contains(text, []byte(metric+`{component="`+component+`",`)) {
				t.Errorf("no %s of %s", metric, component)
			}
		}
	}
	given := samples(text)
	used := usedMetrics(t)
	for name, labels := range documented(t) {
		used[name] = append(used[name], labels...)
	}
	if len(used) < 15 || len(used["rpc_server_call_duration_seconds_count"]) == 0 {
		t.Fatalf("only these metrics are named: %v", used)
	}
	for name, labels := range used {
		if elsewhere[name] {
			continue
		}
		have, ok := given[name]
		if !ok {
			t.Errorf("%s is not on the page", name)
			continue
		}
		for _, label := range labels {
			// job is given by whoever collects.
			if label != "job" && !have[label] {
				t.Errorf("%s has no label %s, only %v", name, label, slices.Sorted(maps.Keys(have)))
			}
		}
	}
}

// elsewhere are metrics that others give: Prometheus itself and cert-manager.
var elsewhere = map[string]bool{"up": true, "certmanager_certificate_expiration_timestamp_seconds": true}

// exhaust reads until the budget of an operation is used up, so that a call has to wait.
func exhaust(t *testing.T, s stack) {
	t.Helper()
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	for range 200 {
		if code, _ := rest.do(t, "GET", "/proxy/access_request_policies?integrated_account_id="+s.account, s.apiToken, nil, nil); code == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("no call was refused for want of budget")
}

// samples are the metrics of a page and their labels.
func samples(text []byte) map[string]map[string]bool {
	sample := regexp.MustCompile(`(?m)^([a-z_]+)(?:\{(.*)\})? `)
	label := regexp.MustCompile(`([a-z_]+)="(?:[^"\\]|\\.)*"`)
	given := make(map[string]map[string]bool)
	for _, m := range sample.FindAllSubmatch(text, -1) {
		name := string(m[1])
		if given[name] == nil {
			given[name] = make(map[string]bool)
		}
		for _, l := range label.FindAllSubmatch(m[2], -1) {
			given[name][string(l[1])] = true
		}
	}
	return given
}

// usedMetrics are those of the expressions in deploy/observability, with their labels.
func usedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	var expressions []string
	for _, name := range []string{"alerts.yaml", "dashboard.json"} {
		text, err := os.ReadFile(filepath.Join("../../deploy/observability", name))
		if err != nil {
			t.Fatal(err)
		}
		var tree any // JSON is YAML as well
		if err := yaml.Unmarshal(text, &tree); err != nil {
			t.Fatal(err)
		}
		expressions = append(expressions, valuesOf("expr", tree)...)
	}
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", "sando", "\n", " ")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t, "tools/promnames"))
	cmd.Stdin = strings.NewReader(strings.Join(each(expressions, variables.Replace), "\n"))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("promnames: %v: %s", err, stderr.String())
	}
	used := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		used[fields[0]] = fields[1:]
	}
	return used
}

func each(all []string, f func(string) string) []string {
	made := make([]string, len(all))
	for i, one := range all {
		made[i] = f(one)
	}
	return made
}

// valuesOf lists the texts below a key, wherever it stands.
func valuesOf(key string, tree any) (found []string) {
	switch node := tree.(type) {
	case map[string]any:
		for k, v := range node {
			if text, ok := v.(string); ok && k == key {
				found = append(found, text)
				continue
			}
			found = append(found, valuesOf(key, v)...)
		}
	case []any:
		for _, v := range node {
			found = append(found, valuesOf(key, v)...)
		}
	}
	return found
}

// documented are the metrics that documents name: the table of deploy/observability with its labels, and the runbook. A histogram goes by its count.
func documented(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("../../docs/runbook/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages of the runbook (%v)", len(files), err)
	}
	quoted := regexp.MustCompile("`([a-z_]+)(?:\\{[^`]*)?`")
	named := make(map[string][]string)
	for _, file := range append(files, "../../deploy/observability/README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var labels []string
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(line, "|")
			if len(cells) == 5 && cells[2] != " the same " {
				labels = nil
				for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
					labels = append(labels, m[1])
				}
			}
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				name := m[1]
				if !strings.HasPrefix(name, "sando_") && !strings.HasPrefix(name, "rpc_server_") && !strings.HasPrefix(name, "rpc_client_") {
					continue
				}
				if strings.Contains(name, "_duration_seconds") || strings.HasSuffix(name, "_wait_seconds") {
					name += "_count"
				}
				if len(cells) == 5 && strings.Contains(cells[1], m[1]) {
					named[name] = append(named[name], only(name, labels)...)
				} else if named[name] == nil {
					named[name] = []string{}
				}
			}
		}
	}
	return named
}

// only drops the label result of the caches' entries, which the table tells of in one line with the look-ups.
func only(metric string, labels []string) []string {
	if metric != "sando_cache_entries" {
		return labels
	}
	return slices.DeleteFunc(slices.Clone(labels), func(label string) bool { return label == "result" })
}
