package interceptor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
)

func pass(name string) interceptor.Named {
	return interceptor.Named{Name: name, Server: func(next connect.ServerFunc) connect.ServerFunc { return next }}
}

// links are a whole chain; more replaces links of the same name.
func links(t testing.TB, log *kittest.Log, more ...interceptor.Named) []interceptor.Named {
	t.Helper()
	all := []interceptor.Named{
		interceptor.Recover(log.Logger), interceptor.RequestID(), interceptor.Telemetry(telemetry.Off()),
		interceptor.Log(log.Logger), interceptor.Deadline(time.Minute, 10*time.Millisecond),
		pass("authenticate"), pass("authorise"), interceptor.Validate(),
		interceptor.Errors(kittest.Errors(t), log.Logger),
	}
	for _, m := range more {
		i := slices.IndexFunc(all, func(n interceptor.Named) bool { return n.Name == m.Name })
		all[i] = m
	}
	return all
}

const procedure = "/t.Service/Do"

// run calls handler through the chain.
func run(t testing.TB, ctx context.Context, chain []interceptor.Named, handler func(ctx context.Context) error) error {
	t.Helper()
	interceptors, err := interceptor.Chain(chain...)
	if err != nil {
		t.Fatal(err)
	}
	srv := connect.NewServer(interceptors...)
	spec := connect.Spec{Procedure: procedure}
	srv.Register(connect.Method{Spec: spec, Handler: func(ctx context.Context, _ connect.Spec, s connect.ServerStream) error {
		if err := s.Receive(&emptypb.Empty{}); err != nil {
			return err
		}
		if err := handler(ctx); err != nil {
			return err
		}
		return s.Send(&emptypb.Empty{})
	}})
	client := connect.NewClient(connectinprocess.New(srv))
	return client.CallUnary(ctx, spec, &emptypb.Empty{}, &emptypb.Empty{})
}

func TestChainRefuses(t *testing.T) {
	log := kittest.Logger(t)
	good := links(t, log)
	if _, err := interceptor.Chain(good...); err != nil {
		t.Fatal(err)
	}
	swapped := slices.Clone(good)
	swapped[5], swapped[6] = swapped[6], swapped[5]
	fake := slices.Clone(good)
	fake[8] = pass("errors")
	idle := slices.Clone(good)
	idle[5] = interceptor.Named{Name: "authenticate"}
	tests := map[string]struct {
		links []interceptor.Named
		want  string
	}{
		"none":        {nil, "must be [recover"},
		"missing":     {slices.Concat(good[:5], good[6:]), "must be [recover"},
		"wrong order": {swapped, "authorise authenticate"},
		"unknown":     {append(slices.Clone(good), pass("extra")), "extra"},
		"twice":       {append(slices.Clone(good), good[8]), "errors errors"},
		"fake errors": {fake, "must come from Errors"},
		"no function": {idle, `"authenticate" does nothing`},
	}
	for name, tt := range tests {
		if _, err := interceptor.Chain(tt.links...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestPanicIsInternalAndLogged(t *testing.T) {
	log := kittest.Logger(t)
	err := run(t, t.Context(), links(t, log), func(context.Context) error { panic("hunter2") })
	if rpcerr.CodeOf(err) != rpcerr.Internal || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	if lines := log.Lines(`"msg":"panic"`); len(lines) != 1 || !strings.Contains(lines[0], "interceptor_test.go") {
		t.Errorf("panic lines %v", lines)
	}
	if lines := log.Lines(`"msg":"call"`); len(lines) != 1 || !strings.Contains(lines[0], `"code":"INTERNAL"`) {
		t.Errorf("call lines %v", lines)
	}
}

func TestAbortGoesThrough(t *testing.T) {
	interceptors, err := interceptor.Chain(links(t, kittest.Logger(t))...)
	if err != nil {
		t.Fatal(err)
	}
	srv := connect.NewServer(interceptors...)
	srv.Register(connect.Method{Spec: connect.Spec{Procedure: procedure}, Handler: func(context.Context, connect.Spec, connect.ServerStream) error {
		panic(http.ErrAbortHandler)
	}})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	_ = srv.Call(t.Context(), procedure, nil, nil)
	t.Error("the abort was swallowed")
}

func TestRequestID(t *testing.T) {
	tests := map[string]bool{
		"req-1": true, "A.b_c-9": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a\nb": false, "é": false, "a/b": false,
	}
	for incoming, kept := range tests {
		ctx, info := connect.NewClientContext(t.Context())
		info.RequestHeader().Set("X-Request-Id", incoming)
		var seen string
		err := run(t, ctx, links(t, kittest.Logger(t)), func(ctx context.Context) error {
			seen = interceptor.RequestIDFrom(ctx)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if shown := info.ResponseHeader().Get("Sando-Request-Id"); shown != seen || seen == "" {
			t.Errorf("%q: the handler sees %q, the caller %q", incoming, seen, shown)
		}
		if (seen == incoming) != kept {
			t.Errorf("%q became %q", incoming, seen)
		}
	}
}

func TestLogLine(t *testing.T) {
	log := kittest.Logger(t)
	ctx := interceptor.WithRequestID(t.Context(), "req-1")
	_ = run(t, ctx, links(t, log), func(ctx context.Context) error {
		interceptor.Note(ctx, slog.String("account", "a1"))
		return rpcerr.New(rpcerr.Unavailable, "").WithCause(errors.New("dial tcp"))
	})
	lines := log.Lines(`"msg":"call"`)
	if len(lines) != 1 {
		t.Fatalf("lines %v", lines)
	}
	for _, want := range []string{`"level":"WARN"`, `"code":"UNAVAILABLE"`, `"request_id":"req-1"`, `"account":"a1"`, `"procedure":"/t.Service/Do"`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("%s is not in %s", want, lines[0])
		}
	}
	if causes := log.Lines("dial tcp"); len(causes) != 1 {
		t.Errorf("the cause is logged %d times", len(causes))
	}
	interceptor.Note(context.Background(), slog.String("nobody", "listens"))
}

func TestDeadline(t *testing.T) {
	tests := []struct {
		name        string
		given, want time.Duration // 0: none
	}{
		{"none given", 0, time.Minute},
		{"five percent", 10 * time.Second, 9500 * time.Millisecond},
		{"at least the shave", 100 * time.Millisecond, 90 * time.Millisecond},
		{"more than allowed", time.Hour, time.Minute},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			if tt.given > 0 {
				limited, cancel := context.WithTimeout(ctx, tt.given)
				defer cancel()
				ctx = limited
			}
			var left time.Duration
			err := run(t, ctx, links(t, kittest.Logger(t)), func(ctx context.Context) error {
				deadline, _ := ctx.Deadline()
				left = time.Until(deadline)
				return nil
			})
			if err != nil || left != tt.want {
				t.Errorf("%s: %v left (%v), want %v", tt.name, left, err, tt.want)
			}
		})
	}
}

func TestDeadlineRefusesAndExplains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		defer cancel()
		err := run(t, ctx, links(t, kittest.Logger(t)), func(context.Context) error {
			t.Error("a call with nothing left reached the handler")
			return nil
		})
		if rpcerr.CodeOf(err) != rpcerr.DeadlineExceeded {
			t.Errorf("nothing left: %v", err)
		}
		for _, cause := range []error{context.DeadlineExceeded, context.Canceled} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			err := run(t, ctx, links(t, kittest.Logger(t)), func(ctx context.Context) error {
				<-ctx.Done()
				return fmt.Errorf("store: %w", cause)
			})
			if rpcerr.CodeOf(err) != rpcerr.DeadlineExceeded || ctx.Err() != nil {
				t.Errorf("%v: %v, caller's context %v", cause, err, ctx.Err())
			}
			cancel()
		}
	})
}

func TestStreamsHaveNoDefaultDeadline(t *testing.T) {
	interceptors, err := interceptor.Chain(links(t, kittest.Logger(t))...)
	if err != nil {
		t.Fatal(err)
	}
	srv := connect.NewServer(interceptors...)
	bounded := true
	srv.Register(connect.Method{
		Spec: connect.Spec{Procedure: procedure, StreamType: connect.StreamTypeServer},
		Handler: func(ctx context.Context, _ connect.Spec, _ connect.ServerStream) error {
			_, bounded = ctx.Deadline()
			return nil
		},
	})
	if err := srv.Call(t.Context(), procedure, nil, nil); err != nil || bounded {
		t.Errorf("bounded %t, %v", bounded, err)
	}
}

// TestTrace follows one trace over two services in one process.
func TestTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	reader := sdkmetric.NewManualReader()
	tel := telemetry.Off()
	tel.TracerProvider, tel.Tracing = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), true
	tel.MeterProvider, tel.Metrics = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), true
	forward, err := interceptor.Forward(tel)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := interceptor.Chain(links(t, kittest.Logger(t), interceptor.Telemetry(tel))...)
	if err != nil {
		t.Fatal(err)
	}
	inner, outer := connect.NewServer(chain...), connect.NewServer(chain...)
	spec := func(name string) connect.Spec { return connect.Spec{Procedure: "/t.Service/" + name} }
	var id string
	inner.Register(connect.Method{Spec: spec("Inner"), Handler: func(ctx context.Context, _ connect.Spec, _ connect.ServerStream) error {
		id = interceptor.RequestIDFrom(ctx)
		return rpcerr.New(rpcerr.NotFound, "")
	}})
	client := connect.NewClient(connectinprocess.New(inner), forward)
	outer.Register(connect.Method{Spec: spec("Outer"), Handler: func(ctx context.Context, _ connect.Spec, _ connect.ServerStream) error {
		return rpcerr.Relay(client.CallUnary(ctx, spec("Inner"), &emptypb.Empty{}, &emptypb.Empty{}))
	}})
	info := &connect.CallInfo{}
	info.RequestHeader().Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	info.RequestHeader().Set("X-Request-Id", "req-1")
	if err := outer.Call(t.Context(), "/t.Service/Outer", info, nil); rpcerr.CodeOf(err) != rpcerr.NotFound {
		t.Fatalf("got %v", err)
	}
	if id != "req-1" {
		t.Errorf("request id of the inner call: %q", id)
	}
	if echoed := info.ResponseHeader().Get("Traceparent"); !strings.HasPrefix(echoed, "00-4bf92f3577b34da6a3ce929d0e0e4736-") {
		t.Errorf("traceparent %q", echoed)
	}
	got := spans.GetSpans()
	if len(got) != 3 {
		t.Fatalf("%d spans", len(got))
	}
	parents := map[string]string{}
	for _, s := range got {
		if s.SpanContext.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("%s is in another trace", s.Name)
		}
		parents[s.SpanContext.SpanID().String()] = s.Parent.SpanID().String()
	}
	at, steps := got[0].SpanContext.SpanID().String(), 0
	for parents[at] != "" {
		at, steps = parents[at], steps+1
	}
	if at != "00f067aa0ba902b7" || steps != 3 {
		t.Errorf("the innermost span leads to %s in %d steps", at, steps)
	}
	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &metrics); err != nil || len(metrics.ScopeMetrics) == 0 {
		t.Errorf("metrics %v, %v", metrics.ScopeMetrics, err)
	}
}

// TestForwardWithoutTelemetry: with tracing off the trace still passes on.
func TestForwardWithoutTelemetry(t *testing.T) {
	forward, err := interceptor.Forward(telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	next := connect.NewServer()
	var got string
	next.Register(connect.Method{Spec: connect.Spec{Procedure: "/t.Service/Next"}, Handler: func(ctx context.Context, _ connect.Spec, s connect.ServerStream) error {
		info, _ := connect.CallInfoForServerContext(ctx)
		got = info.RequestHeader().Get("Traceparent") + " " + info.RequestHeader().Get("X-Request-Id")
		return s.Send(&emptypb.Empty{})
	}})
	client := connect.NewClient(connectinprocess.New(next), forward)
	ctx, info := connect.NewClientContext(interceptor.WithRequestID(t.Context(), "req-1"))
	info.RequestHeader().Set("Traceparent", trace)
	err = run(t, ctx, links(t, kittest.Logger(t)), func(ctx context.Context) error {
		return client.CallUnary(ctx, connect.Spec{Procedure: "/t.Service/Next"}, &emptypb.Empty{}, &emptypb.Empty{})
	})
	if err != nil || got != trace+" req-1" {
		t.Errorf("got %q, %v", got, err)
	}
}
