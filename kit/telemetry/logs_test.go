package telemetry_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/telemetry"
)

// Lines that are written are sent too, with their trace and without tokens; those below the level are neither.
func TestLinesReachTheCollector(t *testing.T) {
	clear(t)
	got := make(chan string, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(b)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", collector.URL+"/v1/logs")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	var written bytes.Buffer
	plain, flush := log.New(&written, slog.LevelInfo, log.JSON)
	tel, err := telemetry.Start(t.Context(), "the-service", "v0", plain)
	if err != nil {
		t.Fatal(err)
	}
	token := "sando_api_" + strings.Repeat("S", 26)
	ids := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0xab, 0xcd}, SpanID: trace.SpanID{1}})
	l := tel.Logger(plain, "test").With("bound", token)
	ctx := trace.ContextWithSpanContext(t.Context(), ids)
	l.DebugContext(ctx, "too quiet")
	l.InfoContext(ctx, "the line of "+token, "text", token, "error", errors.New("bad "+token), slog.Group("group", "deep", []string{token}), "n", 7)
	flush()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := <-got
	for where, text := range map[string]string{"sent": sent, "written": written.String()} {
		if strings.Contains(text, "SSSS") || strings.Contains(text, "too quiet") || !strings.Contains(text, "the line of sando_api_[redacted]") {
			t.Errorf("%s: %q", where, text)
		}
	}
	if !strings.HasPrefix(sent, "/v1/logs ") || !strings.Contains(sent, "the-service") || !strings.Contains(sent, string([]byte{0xab, 0xcd, 0})) {
		t.Errorf("sent %q", sent)
	}
}

// Without a place to send lines to, the logger is the one given: nothing is dearer.
func TestNothingSent(t *testing.T) {
	clear(t)
	l := kittest.Logger(t).Logger
	tel, err := telemetry.Start(t.Context(), "test", "v0", l)
	if err != nil {
		t.Fatal(err)
	}
	if tel.Logger(l, "test") != l {
		t.Error("the logger was replaced")
	}
}
