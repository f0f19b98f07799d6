package interceptor_test

import (
	"context"
	"testing"

	"connectrpc.com/connect/v2"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
)

// TestMeasures: calls are counted by procedure, protocol and code under the
// names of the conventions, and have a trace although nobody records it.
func TestMeasures(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	tel := telemetry.Off()
	tel.MeterProvider, tel.Metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), true
	chain, err := interceptor.Chain(links(t, kittest.Logger(t), interceptor.Telemetry(tel))...)
	if err != nil {
		t.Fatal(err)
	}
	srv := connect.NewServer(chain...)
	fails := map[string]error{"/t.Service/Good": nil, "/t.Service/Bad": rpcerr.New(rpcerr.NotFound, "")}
	for procedure, err := range fails {
		srv.Register(connect.Method{Spec: connect.Spec{Procedure: procedure}, Handler: func(context.Context, connect.Spec, connect.ServerStream) error {
			return err
		}})
	}
	for _, call := range []struct{ procedure, protocol string }{
		{"/t.Service/Good", connect.ProtocolNameGRPC},
		{"/t.Service/Good", connect.ProtocolNameGRPCWeb},
		{"/t.Service/Good", connect.ProtocolNameConnect},
		{"/t.Service/Bad", interceptor.ProtocolREST},
	} {
		info := &connect.CallInfo{Protocol: call.protocol}
		if err := srv.Call(t.Context(), call.procedure, info, nil); (err == nil) != (fails[call.procedure] == nil) {
			t.Errorf("%s: %v", call.procedure, err)
		}
		if info.ResponseHeader().Get("Traceparent") == "" {
			t.Errorf("%s over %s: the answer has no trace", call.procedure, call.protocol)
		}
	}

	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil || len(got.ScopeMetrics) != 1 || len(got.ScopeMetrics[0].Metrics) != 1 {
		t.Fatalf("%+v, %v", got.ScopeMetrics, err)
	}
	point := func(system, method, code string, n uint64, more ...attribute.KeyValue) metricdata.HistogramDataPoint[float64] {
		return metricdata.HistogramDataPoint[float64]{Count: n, Attributes: attribute.NewSet(append(more,
			attribute.String("rpc.system.name", system), attribute.String("rpc.method", method), attribute.String("rpc.response.status_code", code))...)}
	}
	metricdatatest.AssertEqual(t, metricdata.Metrics{
		Name: "rpc.server.call.duration", Unit: "s", Description: got.ScopeMetrics[0].Metrics[0].Description,
		Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{
			point("grpc", "t.Service/Good", "OK", 2),
			point("connectrpc", "t.Service/Good", "OK", 1),
			point("rest", "t.Service/Bad", "NOT_FOUND", 1, attribute.String("error.type", "NOT_FOUND")),
		}},
	}, counted(got.ScopeMetrics[0].Metrics[0]), metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
}

// counted leaves of a histogram what does not depend on the machine.
func counted(m metricdata.Metrics) metricdata.Metrics {
	data := m.Data.(metricdata.Histogram[float64])
	points := make([]metricdata.HistogramDataPoint[float64], len(data.DataPoints))
	for i, p := range data.DataPoints {
		points[i] = metricdata.HistogramDataPoint[float64]{Attributes: p.Attributes, Count: p.Count}
	}
	data.DataPoints = points
	m.Data = data
	return m
}
