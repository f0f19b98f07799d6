package interceptor

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/otelconnect"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/telemetry"
)

const headerTraceparent = "Traceparent"

// Telemetry measures calls by procedure and code, and traces them when tracing
// is on. Off, it only passes the caller's trace on. Either way the answer
// carries the traceparent.
func Telemetry(t telemetry.Telemetry) Named {
	n := Named{Name: "telemetry"}
	pass, traced := propagate(t.Propagator), connect.ServerInterceptor(begin)
	if t.Tracing {
		traced, n.err = otelconnect.NewServerInterceptor(append(otelOptions(t), otelconnect.WithoutMetrics())...)
		if n.err != nil {
			return n
		}
	}
	measured, err := measure(t)
	if err != nil {
		n.err = err
		return n
	}
	n.Server = func(next connect.ServerFunc) connect.ServerFunc { return pass(traced(measured(echo(conceal(next))))) }
	return n
}

func otelOptions(t telemetry.Telemetry) []otelconnect.Option {
	return []otelconnect.Option{
		otelconnect.WithTracerProvider(t.TracerProvider),
		otelconnect.WithMeterProvider(t.MeterProvider),
		otelconnect.WithPropagator(t.Propagator),
		otelconnect.WithTrustRemote(),
	}
}

// propagate takes the trace from the headers, unless the call came from
// within the process with its trace in the context.
func propagate(p propagation.TextMapPropagator) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			info, ok := connect.CallInfoForServerContext(ctx)
			if ok && info.RequestHeader().Has(headerTraceparent) && !trace.SpanContextFromContext(ctx).IsValid() {
				ctx = p.Extract(ctx, carrier{info.RequestHeader()})
			}
			return next(ctx, spec, stream)
		}
	}
}

// begin gives a call that came without a trace one of its own, unsampled, so
// that its id ties log lines and services together even with tracing off.
func begin(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		if !trace.SpanContextFromContext(ctx).IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, unsampled())
		}
		return next(ctx, spec, stream)
	}
}

func unsampled() trace.SpanContext {
	var c trace.SpanContextConfig
	binary.NativeEndian.PutUint64(c.TraceID[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(c.TraceID[8:], rand.Uint64())
	binary.NativeEndian.PutUint64(c.SpanID[:], rand.Uint64()|1)
	return trace.NewSpanContext(c)
}

// TraceAnswer puts a trace into an answer that the chain did not write: the
// caller's, or one that nobody records.
func TraceAnswer(w http.ResponseWriter, r *http.Request) {
	if w.Header().Get(headerTraceparent) != "" {
		return
	}
	p := propagation.TraceContext{}
	ctx := p.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, unsampled())
	}
	p.Inject(ctx, traceparentOf{propagation.HeaderCarrier(w.Header())})
}

// traceparentOf takes the traceparent of a trace and nothing else.
type traceparentOf struct{ propagation.HeaderCarrier }

func (t traceparentOf) Set(key, value string) {
	if strings.EqualFold(key, headerTraceparent) {
		t.HeaderCarrier.Set(key, value)
	}
}

// conceal keeps the value of a panic from the span of the call, which would
// hold its text.
func conceal(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		defer func() {
			switch v := recover(); {
			case v == nil:
			case v == http.ErrAbortHandler:
				panic(v)
			default:
				panic(log.Concealed(log.Panic(v)))
			}
		}()
		return next(ctx, spec, stream)
	}
}

// echo puts the trace of the call into the answer.
func echo(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
			if info, ok := connect.CallInfoForServerContext(ctx); ok {
				info.ResponseHeader().Set(headerTraceparent, traceparent(sc))
			}
		}
		return next(ctx, spec, stream)
	}
}

// Forward is for clients: it hands request id and trace on to the service
// that is called.
func Forward(t telemetry.Telemetry) (connect.ClientInterceptor, error) {
	measure := func(next connect.ClientFunc) connect.ClientFunc { return next }
	if t.Tracing || t.Metrics {
		options := otelOptions(t)
		if !t.Tracing {
			options = append(options, otelconnect.WithoutTracing())
		}
		if !t.Metrics {
			options = append(options, otelconnect.WithoutMetrics())
		}
		m, err := otelconnect.NewClientInterceptor(options...)
		if err != nil {
			return nil, err
		}
		measure = m
	}
	return func(next connect.ClientFunc) connect.ClientFunc {
		return measure(func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			if info, ok := connect.CallInfoForClientContext(ctx); ok {
				if id := RequestIDFrom(ctx); id != "" {
					info.RequestHeader().Set(HeaderIncomingID, id)
				}
				if trace.SpanContextFromContext(ctx).IsValid() {
					t.Propagator.Inject(ctx, carrier{info.RequestHeader()})
				}
			}
			return next(ctx, spec)
		})
	}, nil
}

// carrier lets a propagator read and write call metadata.
type carrier struct{ h *connect.Header }

func (c carrier) Get(key string) string { return c.h.Get(key) }
func (c carrier) Set(key, value string) { c.h.Set(key, value) }

func (c carrier) Keys() []string {
	keys := make([]string, 0, c.h.Len())
	for k := range c.h.All() {
		keys = append(keys, k)
	}
	return keys
}

// traceparent writes a trace as W3C Trace Context does, version 00, of whose
// flags only "sampled" is handed on.
func traceparent(sc trace.SpanContext) string {
	traceID, spanID := sc.TraceID(), sc.SpanID()
	text := make([]byte, 0, len("00-")+2*len(traceID)+1+2*len(spanID)+len("-00"))
	text = append(text, "00-"...)
	text = hex.AppendEncode(text, traceID[:])
	text = append(text, '-')
	text = hex.AppendEncode(text, spanID[:])
	if sc.IsSampled() {
		return string(append(text, "-01"...))
	}
	return string(append(text, "-00"...))
}
