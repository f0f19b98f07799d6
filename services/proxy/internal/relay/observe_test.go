package relay

import (
	"context"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// provider answers what it is told to.
type provider struct {
	status int
	err    error
}

func (p provider) Do(context.Context, *upstream.Request) (*upstream.Response, error) {
	if p.err != nil {
		return nil, p.err
	}
	return &upstream.Response{Status: p.status, Body: http.NoBody}, nil
}

func (provider) Tripped() (open, trying int) { return 0, 0 }

func (provider) Close() error { return nil }

func TestCallsAreMeasuredAndTraced(t *testing.T) {
	reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder()
	on := telemetry.Off()
	on.Metrics, on.MeterProvider = true, metric.NewMeterProvider(metric.WithReader(reader))
	on.Tracing, on.TracerProvider = true, trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	o, err := newObserver(on)
	if err != nil {
		t.Fatal(err)
	}
	req := &upstream.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "torii.example", Path: "/users", RawQuery: "email=private@example.com"}}
	ctx, root := on.TracerProvider.Tracer("test").Start(t.Context(), "caller")
	for _, p := range []provider{{status: 200}, {status: 200}, {status: 429}, {status: 503}, {err: &upstream.Error{Kind: upstream.KindTimeout}}} {
		_, _ = o.do(ctx, p, "torii.users.list", "provider.example", req)
	}
	_, _ = o.do(t.Context(), provider{status: 404}, "torii.users.get", "provider.example", req)
	root.End()

	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	histogram, ok := data.ScopeMetrics[0].Metrics[0].Data.(metricdata.Histogram[float64])
	if !ok {
		t.Fatalf("%T is no histogram", data.ScopeMetrics[0].Metrics[0].Data)
	}
	for _, point := range histogram.DataPoints {
		operation, _ := point.Attributes.Value("operation")
		ended, _ := point.Attributes.Value("outcome")
		got[operation.AsString()+" "+ended.AsString()] = point.Count
	}
	want := map[string]uint64{
		"torii.users.list 2xx": 2, "torii.users.list 429": 1, "torii.users.list 5xx": 1, "torii.users.list timeout": 1, "torii.users.get 4xx": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	ended := spans.Ended()
	if len(ended) != 6 {
		t.Fatalf("%d spans, want the caller's and five of it", len(ended))
	}
	for _, span := range ended[:5] {
		if span.Parent().SpanID() != root.SpanContext().SpanID() || span.Name() != "torii.users.list" {
			t.Errorf("span %s of %s", span.Name(), span.Parent().SpanID())
		}
		for _, a := range span.Attributes() {
			if a.Value.String() == "private@example.com" || a.Key == "url.full" {
				t.Errorf("the span shows %s = %s", a.Key, a.Value.String())
			}
		}
	}
}
