package interceptor

import (
	"context"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/rpcconv"

	"github.com/sando-dev/sando/kit/telemetry"
)

// A meter measures calls by procedure, protocol and code, as OpenTelemetry's
// conventions for RPC servers have it. It does what otelconnect does, but makes
// the attributes of a series once rather than for each call, which is most of
// what measuring costs.
type meter struct {
	duration metric.Float64Histogram

	mu     sync.RWMutex
	series map[series]metric.MeasurementOption
}

// series are calls that are counted together. All of it is ours: a caller
// cannot make one.
type series struct{ procedure, protocol, code string }

func measure(t telemetry.Telemetry) (connect.ServerInterceptor, error) {
	if !t.Metrics {
		return func(next connect.ServerFunc) connect.ServerFunc { return next }, nil
	}
	inst := rpcconv.ServerCallDuration{}
	duration, err := t.MeterProvider.Meter("github.com/sando-dev/sando/kit/interceptor").Float64Histogram(inst.Name(),
		metric.WithUnit(inst.Unit()), metric.WithDescription(inst.Description()),
		// The boundaries that the conventions recommend.
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	if err != nil {
		return nil, err
	}
	m := &meter{duration: duration, series: map[series]metric.MeasurementOption{}}
	return m.serve, nil
}

func (m *meter) serve(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		start := time.Now()
		err := next(ctx, spec, stream)
		of := series{procedure: spec.Procedure, code: statusCode(err)}
		if info, ok := connect.CallInfoForServerContext(ctx); ok {
			of.protocol = info.Protocol
		}
		m.duration.Record(ctx, time.Since(start).Seconds(), m.option(of))
		return err
	}
}

// codeOK is how the conventions spell success.
const codeOK = "OK"

// statusCode is gRPC's canonical name of how a call ended.
func statusCode(err error) string {
	if err == nil || connecthttp.IsNotModifiedError(err) {
		return codeOK
	}
	return connect.CodeOf(err).String()
}

// option gives the attributes of a series.
func (m *meter) option(of series) metric.MeasurementOption {
	m.mu.RLock()
	o, ok := m.series[of]
	m.mu.RUnlock()
	if ok {
		return o
	}
	attributes := []attribute.KeyValue{
		semconv.RPCSystemNameKey.String(systemName(of.protocol)),
		semconv.RPCMethodKey.String(strings.TrimPrefix(of.procedure, "/")),
	}
	code := strings.ToUpper(of.code)
	attributes = append(attributes, semconv.RPCResponseStatusCodeKey.String(code))
	if code != codeOK {
		attributes = append(attributes, semconv.ErrorTypeKey.String(code))
	}
	o = metric.WithAttributeSet(attribute.NewSet(attributes...))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[of] = o
	return o
}

// systemName is the conventions' name of a protocol.
func systemName(protocol string) string {
	switch protocol {
	case connect.ProtocolNameGRPC, connect.ProtocolNameGRPCWeb:
		return "grpc"
	case connect.ProtocolNameConnect:
		return "connectrpc"
	default:
		return protocol
	}
}
