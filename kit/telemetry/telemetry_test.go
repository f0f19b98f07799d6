package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/telemetry"
)

// clear hides the variables of the machine the test runs on.
func clear(t *testing.T) {
	for _, k := range []string{
		"OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
		"OTEL_LOGS_EXPORTER", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
	} {
		t.Setenv(k, "")
	}
}

func TestStartReadsTheEnvironment(t *testing.T) {
	tests := map[string]struct {
		env              map[string]string
		tracing, metrics bool
	}{
		"unset":          {nil, false, false},
		"endpoint":       {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, true, true},
		"traces only":    {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, true, false},
		"none":           {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}, false, false},
		"switched off":   {map[string]string{"OTEL_TRACES_EXPORTER": "console", "OTEL_SDK_DISABLED": "true"}, false, false},
		"metrics, named": {map[string]string{"OTEL_METRICS_EXPORTER": "console"}, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			clear(t)
			for k, v := range tt.env {
				t.Setenv(k, v)
			}
			tel, err := telemetry.Start(t.Context(), "test", "v0", kittest.Logger(t).Logger)
			if err != nil {
				t.Fatal(err)
			}
			if tel.Tracing != tt.tracing || tel.Metrics != tt.metrics {
				t.Errorf("tracing %t, metrics %t", tel.Tracing, tel.Metrics)
			}
			_, span := tel.TracerProvider.Tracer("t").Start(t.Context(), "s")
			if span.IsRecording() != tt.tracing {
				t.Errorf("recording %t", span.IsRecording())
			}
		})
	}
}

func TestStartRefuses(t *testing.T) {
	clear(t)
	t.Setenv("OTEL_TRACES_EXPORTER", "carrier-pigeon")
	if _, err := telemetry.Start(t.Context(), "test", "v0", kittest.Logger(t).Logger); err == nil || !strings.Contains(err.Error(), "telemetry: traces") {
		t.Errorf("got %v", err)
	}
}

// TestSpansReachTheCollector also covers Shutdown: it sends what is left.
func TestSpansReachTheCollector(t *testing.T) {
	clear(t)
	got := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(b)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("OTEL_LOGS_EXPORTER", "none")
	tel, err := telemetry.Start(t.Context(), "the-service", "v0", kittest.Logger(t).Logger)
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.TracerProvider.Tracer("t").Start(t.Context(), "the-span")
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if sent := <-got; !strings.HasPrefix(sent, "/v1/traces ") || !strings.Contains(sent, "the-span") || !strings.Contains(sent, "the-service") {
		t.Errorf("sent %q", sent)
	}
}
