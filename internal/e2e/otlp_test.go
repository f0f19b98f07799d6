package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// What the collector writes: a line of OTLP's JSON for each batch. Only what the tests look at is here.
type (
	batch struct {
		ResourceSpans   []spansOf   `json:"resourceSpans"`
		ResourceMetrics []metricsOf `json:"resourceMetrics"`
		ResourceLogs    []logsOf    `json:"resourceLogs"`
	}
	resource struct {
		Attributes []struct {
			Key   string
			Value struct {
				StringValue string `json:"stringValue"`
			}
		}
	}
	spansOf struct {
		Resource   resource
		ScopeSpans []struct {
			Spans []struct{ TraceID, SpanID, ParentSpanID, Name string }
		} `json:"scopeSpans"`
	}
	metricsOf struct {
		ScopeMetrics []struct{ Metrics []struct{ Name string } } `json:"scopeMetrics"`
	}
	logsOf struct {
		Resource  resource
		ScopeLogs []struct {
			LogRecords []struct {
				TraceID string
				Body    struct {
					StringValue string `json:"stringValue"`
				}
			} `json:"logRecords"`
		} `json:"scopeLogs"`
	}
)

func (r resource) service() string {
	for _, a := range r.Attributes {
		if a.Key == "service.name" {
			return a.Value.StringValue
		}
	}
	return ""
}

// batches reads what has been received of a signal so far; a line that is still being written is left out.
func (c *collector) batches(t *testing.T, signal string) []batch {
	t.Helper()
	text, err := os.ReadFile(c.file(signal))
	if err != nil {
		t.Fatal(err)
	}
	var all []batch
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break
		}
		var b batch
		if err := json.Unmarshal(line, &b); err != nil {
			t.Fatalf("%s: %v", signal, err)
		}
		all = append(all, b)
	}
	return all
}

// A span is one step of a trace.
type span struct{ service, id, parent, name string }

// spans are those of one trace.
type spans []span

func (c *collector) trace(t *testing.T, id string) spans {
	t.Helper()
	var found spans
	for _, b := range c.batches(t, "traces") {
		for _, of := range b.ResourceSpans {
			for _, scope := range of.ScopeSpans {
				for _, s := range scope.Spans {
					if s.TraceID == id {
						found = append(found, span{of.Resource.service(), s.SpanID, s.ParentSpanID, s.Name})
					}
				}
			}
		}
	}
	return found
}

func (all spans) named(name string) (span, bool) {
	i := slices.IndexFunc(all, func(s span) bool { return s.name == name })
	if i < 0 {
		return span{}, false
	}
	return all[i], true
}

// reaches says whether the spans from the one of that name up to the root are all there.
func (all spans) reaches(name string) bool {
	s, ok := all.named(name)
	for range all {
		if !ok || s.parent == "" {
			return ok
		}
		s, ok = all.parentOf(s)
	}
	return false
}

func (all spans) parentOf(s span) (span, bool) {
	i := slices.IndexFunc(all, func(p span) bool { return p.id == s.parent })
	if i < 0 {
		return span{}, false
	}
	return all[i], true
}

// path are the spans from the root to the one of that name.
func (all spans) path(t *testing.T, name string) []span {
	t.Helper()
	s, ok := all.named(name)
	if !ok {
		t.Fatalf("no span %s in %v", name, all)
	}
	path := []span{s}
	for ok && s.parent != "" {
		if s, ok = all.parentOf(s); ok {
			path = append(path, s)
		}
	}
	slices.Reverse(path)
	return path
}

// metrics are the names of those received.
func (c *collector) metrics(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, b := range c.batches(t, "metrics") {
		for _, of := range b.ResourceMetrics {
			for _, scope := range of.ScopeMetrics {
				for _, m := range scope.Metrics {
					names[m.Name] = true
				}
			}
		}
	}
	return names
}

// lines are those of one trace.
func (c *collector) lines(t *testing.T, trace string) []string {
	t.Helper()
	var found []string
	for _, b := range c.batches(t, "logs") {
		for _, of := range b.ResourceLogs {
			for _, scope := range of.ScopeLogs {
				for _, r := range scope.LogRecords {
					if r.TraceID == trace {
						found = append(found, of.Resource.service()+": "+r.Body.StringValue)
					}
				}
			}
		}
	}
	return found
}
