package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
)

// A real collector receives traces, metrics and logs of the four services. One trace leads from REST or MCP through the calls between services to the call of
// the integration, the lines of that call carry it, and neither an account nor a secret is in what was sent.
func TestTelemetry(t *testing.T) {
	c := startCollector(t)
	sp := &split{dir: t.TempDir(), env: c.environment()}
	s := sp.startAll(t)

	traces := map[string]string{
		"REST": tracedCall(t, "GET", s.baseURL+"/unified/sso/apps/1001?integrated_account_id="+s.account, s.apiToken, ""),
		"MCP": tracedCall(t, "POST", s.mcpURL, "",
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_single_torii_app_by_id","arguments":{"id":1002}}}`),
	}
	first := map[string]string{"REST": "sando-unified", "MCP": "sando-mcp"}
	for way, id := range traces {
		waitUntil(t, "the trace by "+way, func() bool { return c.trace(t, id).reaches("torii.apps.get") })
		path := c.trace(t, id).path(t, "torii.apps.get")
		if got := path[0].service; got != first[way] {
			t.Errorf("%s: the trace begins in %s, want %s", way, got, first[way])
		}
		if !slices.ContainsFunc(path, func(s span) bool { return s.service == "sando-proxy" }) {
			t.Errorf("%s: the trace does not go through proxy: %v", way, path)
		}
		waitUntil(t, "the lines of the call by "+way, func() bool { return len(c.lines(t, id)) >= 2 })
	}
	tracedErrors(t, s)
	waitUntil(t, "the metrics", func() bool { return len(missing(c.metrics(t), expectedMetrics())) == 0 })
	c.holdsNothingPrivate(t, s)
}

// expectedMetrics are those that alerts and dashboard build on, as the services name them, and that a few calls are enough for.
func expectedMetrics() []string {
	return []string{
		"rpc.server.call.duration", "rpc.client.call.duration", "sando.proxy.upstream.duration",
		"sando.proxy.budget.left", "sando.proxy.budget.waiting", "sando.proxy.breakers",
		"sando.cache.lookups", "sando.cache.entries", "sando.key.age",
		"sando.audit.lag", "sando.audit.waiting", "sando.audit.dropped", "sando.revocations.silence",
	}
}

func missing(have map[string]bool, want []string) []string {
	return slices.DeleteFunc(want, func(name string) bool { return have[name] })
}

// tracedCall makes a call that must succeed and answers the id of its trace, which it says must be recorded.
func tracedCall(t *testing.T, method, url, token, body string) string {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d", method, res.StatusCode)
	}
	return traceOf(t, res)
}

func traceOf(t *testing.T, res *http.Response) string {
	t.Helper()
	parts := strings.Split(res.Header.Get("Traceparent"), "-")
	if len(parts) != 4 || len(parts[1]) != 32 {
		t.Errorf("%s: status %d with traceparent %q", res.Request.URL.Path, res.StatusCode, res.Header.Get("Traceparent"))
		return ""
	}
	return parts[1]
}

// tracedErrors sees that errors carry a trace, wherever they arise.
func tracedErrors(t *testing.T, s stack) {
	t.Helper()
	for what, r := range map[string]struct{ method, path, token, body string }{
		"no token":         {"GET", "/proxy/users", "", ""},
		"no resource":      {"GET", "/proxy/nonsense?integrated_account_id=" + s.account, s.apiToken, ""},
		"no account":       {"GET", "/unified/sso/apps?integrated_account_id=none", s.apiToken, ""},
		"bad filter":       {"GET", "/unified/sso/apps?colour=red&integrated_account_id=" + s.account, s.apiToken, ""},
		"no route":         {"GET", "/unified/nonsense", s.apiToken, ""},
		"no procedure":     {"POST", "/sando.proxy.v1.ProxyService/Nonsense", s.apiToken, "{}"},
		"bad body":         {"POST", "/link-token", s.apiToken, "{"},
		"not in Torii":     {"GET", "/proxy/users/999999?integrated_account_id=" + s.account, s.apiToken, ""},
		"no such server":   {"POST", "/mcp/sando_mcp_" + strings.Repeat("x", 43), "", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`},
		"tool that fails":  {"POST", strings.TrimPrefix(s.mcpURL, s.baseURL), "", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_single_torii_app_by_id","arguments":{"id":99999999}}}`},
		"over the Connect": {"POST", "/sando.proxy.v1.ProxyService/Get", s.apiToken, `{"resource":"nonsense","id":"1"}`},
	} {
		t.Run("error/"+what, func(t *testing.T) {
			req, err := http.NewRequest(r.method, s.baseURL+r.path, strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept", "application/json, text/event-stream")
			if r.token != "" {
				req.Header.Set("Authorization", "Bearer "+r.token)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			traceOf(t, res)
		})
	}
}

// A collector is a running OpenTelemetry Collector that writes what it receives into files.
type collector struct{ address, dir string }

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{address: kittest.FreeAddr(t), dir: t.TempDir()}
	config := filepath.Join(c.dir, "config.yaml")
	var b strings.Builder
	fmt.Fprintf(&b, "receivers: {otlp: {protocols: {http: {endpoint: %q}}}}\nexporters:\n", c.address)
	for _, signal := range []string{"traces", "metrics", "logs"} {
		fmt.Fprintf(&b, "  file/%s: {path: %q, flush_interval: 100ms}\n", signal, c.file(signal))
	}
	b.WriteString("service:\n  telemetry: {metrics: {level: none}}\n  pipelines:\n")
	for _, signal := range []string{"traces", "metrics", "logs"} {
		fmt.Fprintf(&b, "    %s: {receivers: [otlp], exporters: [file/%s]}\n", signal, signal)
	}
	if err := os.WriteFile(config, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "tools/otelcol", "--config", "file:"+config)
	p.waitFor(t, "collector", func() bool { return reachable(c.address) })
	return c
}

func (c *collector) file(signal string) string { return filepath.Join(c.dir, signal+".jsonl") }

// environment makes a service send everything, soon.
func (c *collector) environment() []string {
	return []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + c.address, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		"OTEL_METRIC_EXPORT_INTERVAL=300", "OTEL_BSP_SCHEDULE_DELAY=100", "OTEL_BLRP_SCHEDULE_DELAY=100",
	}
}

// holdsNothingPrivate searches everything that was sent. Lines name the account, which they are for; metrics and spans do not.
func (c *collector) holdsNothingPrivate(t *testing.T, s stack) {
	t.Helper()
	for _, signal := range []string{"traces", "metrics", "logs"} {
		text, err := os.ReadFile(c.file(signal))
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", signal, len(text), err)
		}
		private := map[string]string{"API token": s.apiToken, "MCP token": s.mcpToken, "Torii key": s.toriiKey}
		if signal == "metrics" {
			private["account"], private["environment"] = s.account, s.environment
		}
		for what, value := range private {
			if strings.Contains(string(text), value) {
				t.Errorf("%s hold the %s", signal, what)
			}
		}
	}
}
