package relay

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// instrumentation names what measures and traces here.
const instrumentation = "github.com/sando-dev/sando/services/proxy"

// boundaries are those of the histogram of durations in seconds: from a provider
// next door to the longest timeout.
var boundaries = [...]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

// An observer measures calls of providers by operation and outcome, and puts
// them into the trace of their caller.
type observer struct {
	measures, traces bool

	duration, wait metric.Float64Histogram
	text           metric.Int64Counter
	tracer         trace.Tracer
	// sets holds the attributes of each operation and outcome, which would
	// otherwise be made anew for each call.
	sets sync.Map
}

type outcome struct{ operation, outcome string }

func newObserver(t telemetry.Telemetry) (*observer, error) {
	o := &observer{measures: t.Metrics, traces: t.Tracing, tracer: t.TracerProvider.Tracer(instrumentation)}
	var err error
	o.duration, err = t.MeterProvider.Meter(instrumentation).Float64Histogram(
		"sando.proxy.upstream.duration", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(boundaries[:]...),
		metric.WithDescription("Time from sending a call to a provider to the header of its answer, by operation and outcome: a status class or a kind of failure."))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	o.wait, err = t.MeterProvider.Meter(instrumentation).Float64Histogram(
		"sando.proxy.budget.wait", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(boundaries[:]...),
		metric.WithDescription("Time that calls waited for rate budget, by operation and outcome: passed or refused. Calls that passed at once are not counted."))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	o.text, err = t.MeterProvider.Meter(instrumentation).Int64Counter(
		"sando.proxy.text.replaced", metric.WithUnit("By"),
		metric.WithDescription("Bytes of providers' answers that were not UTF-8 and were replaced by U+FFFD, by operation."))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	return o, nil
}

// replaced counts bytes of an answer that were not UTF-8.
func (o *observer) replaced(ctx context.Context, operation string, n int) {
	if n > 0 && o.measures {
		o.text.Add(ctx, int64(n), metric.WithAttributes(attribute.String("operation", operation)))
	}
}

// waited notes a call that did not get rate budget at once.
func (o *observer) waited(ctx context.Context, operation string, took time.Duration, err error) {
	if !o.measures || err == nil && took < time.Millisecond {
		return
	}
	ended := "passed"
	if err != nil {
		ended = "refused"
	}
	o.recordIn(ctx, o.wait, outcome{operation, ended}, took)
}

// do sends a request and observes it. The span says which operation was called
// and how it ended; the URL, which may hold what is private, stays out of it.
// A trace that nobody samples gets no span, which would cost as much as the
// rest of the call's bookkeeping. The server is named by the caller: a redirect
// may lead to any name.
func (o *observer) do(ctx context.Context, client upstream.Client, operation, server string, req *upstream.Request) (*upstream.Response, error) {
	span := trace.SpanFromContext(context.Background())
	if o.traces && trace.SpanContextFromContext(ctx).IsSampled() {
		ctx, span = o.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
			attribute.String("http.request.method", req.Method), attribute.String("server.address", server)))
	}
	defer func() { span.End() }() // deferred itself, End would write the value of a panic into the span
	began := time.Now()
	resp, err := client.Do(ctx, req)
	ended := outcomeOf(resp, err)
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.Status))
	}
	if err != nil || resp.Status/100 == 5 {
		span.SetStatus(codes.Error, ended)
	}
	o.record(ctx, outcome{operation, ended}, time.Since(began))
	return resp, err
}

func (o *observer) record(ctx context.Context, key outcome, took time.Duration) {
	if o.measures {
		o.recordIn(ctx, o.duration, key, took)
	}
}

func (o *observer) recordIn(ctx context.Context, h metric.Float64Histogram, key outcome, took time.Duration) {
	set, ok := o.sets.Load(key)
	if !ok {
		set, _ = o.sets.LoadOrStore(key, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("operation", key.operation), attribute.String("outcome", key.outcome))))
	}
	if option, ok := set.(metric.MeasurementOption); ok {
		h.Record(ctx, took.Seconds(), option)
	}
}

// outcomeOf names how a call ended, in few words: it is a label.
func outcomeOf(resp *upstream.Response, err error) string {
	if err == nil {
		if resp.Status == 429 {
			return "429"
		}
		return strconv.Itoa(resp.Status/100) + "xx"
	}
	if e, ok := err.(*upstream.Error); ok { //nolint:errorlint // Do returns nothing else, unwrapped
		return string(e.Kind)
	}
	return "failed"
}
