// Package telemetry starts OpenTelemetry by the standard OTEL_* variables, and
// costs nothing when they say nothing.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Telemetry is what a service reports with. The zero value is not usable; see
// [Off].
type Telemetry struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// Propagator carries traces across services: W3C trace context and baggage.
	Propagator propagation.TextMapPropagator
	// Tracing and Metrics say whether the providers do anything.
	Tracing, Metrics bool
	// Shutdown sends what is left and ends the exporters.
	Shutdown func(context.Context) error

	logs otellog.LoggerProvider // nil when no lines are sent; see Logger
}

// Off gives telemetry that reports nothing and still passes traces on.
func Off() Telemetry {
	return Telemetry{
		TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider:  metricnoop.NewMeterProvider(),
		Propagator:     propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		Shutdown:       func(context.Context) error { return nil },
	}
}

// Start sets up the exporters that the environment names: OTEL_TRACES_EXPORTER,
// OTEL_METRICS_EXPORTER and OTEL_LOGS_EXPORTER, or an OTLP endpoint, which means
// all three. With OTEL_METRICS_EXPORTER=prometheus, metrics are served on
// OTEL_EXPORTER_PROMETHEUS_HOST and _PORT (localhost:9464).
//
// The SDK's own troubles go to log, which must not be one that Logger made.
func Start(ctx context.Context, service, version string, log *slog.Logger) (Telemetry, error) {
	t := Off()
	if disabled(os.Getenv) {
		return t, nil
	}
	res, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName(service), semconv.ServiceVersion(version)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return t, fmt.Errorf("telemetry: %w", err)
	}
	if wanted(os.Getenv, "TRACES") {
		if err := t.startTraces(ctx, res); err != nil {
			return t, err
		}
	}
	if wanted(os.Getenv, "METRICS") {
		if err := t.startMetrics(ctx, res); err != nil {
			return t, errors.Join(err, t.Shutdown(ctx))
		}
	}
	if wanted(os.Getenv, "LOGS") {
		if err := t.startLogs(ctx, res); err != nil {
			return t, errors.Join(err, t.Shutdown(ctx))
		}
	}
	if t.Tracing || t.Metrics || t.logs != nil {
		// The SDK reports its own troubles through this one global.
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
			log.Warn("telemetry", "error", err.Error())
		}))
	}
	return t, nil
}

func disabled(env func(string) string) bool {
	return strings.EqualFold(env("OTEL_SDK_DISABLED"), "true")
}

// wanted reports whether the environment asks for a signal at all; left alone,
// autoexport would send everything to localhost.
func wanted(env func(string) string, signal string) bool {
	switch env("OTEL_" + signal + "_EXPORTER") {
	case "none":
		return false
	case "":
		return env("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || env("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
	default:
		return true
	}
}

func (t *Telemetry) startTraces(ctx context.Context, res *resource.Resource) error {
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	t.TracerProvider, t.Tracing = provider, true
	t.alsoShutdown(provider.Shutdown)
	return nil
}

func (t *Telemetry) startMetrics(ctx context.Context, res *resource.Resource) error {
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return fmt.Errorf("telemetry: metrics: %w", err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(res))
	t.MeterProvider, t.Metrics = provider, true
	t.alsoShutdown(provider.Shutdown)
	return nil
}

func (t *Telemetry) alsoShutdown(f func(context.Context) error) {
	before := t.Shutdown
	t.Shutdown = func(ctx context.Context) error { return errors.Join(f(ctx), before(ctx)) }
}
