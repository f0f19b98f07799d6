package relay

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// meters measure calls of providers by operation and outcome.
type meters struct {
	on       bool
	duration metric.Float64Histogram
	// sets holds the attributes of each operation and outcome, which would
	// otherwise be made anew for each call.
	sets sync.Map
}

type outcome struct{ operation, outcome string }

func newMeters(t telemetry.Telemetry) (*meters, error) {
	m := &meters{on: t.Metrics}
	var err error
	m.duration, err = t.MeterProvider.Meter("github.com/sando-dev/sando/services/proxy").Float64Histogram(
		"sando.proxy.upstream.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from sending a call to a provider to the header of its answer, by operation and outcome: a status class or a kind of failure."))
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	return m, nil
}

// upstream records one call of a provider.
func (m *meters) upstream(ctx context.Context, operation string, resp *upstream.Response, err error, took time.Duration) {
	if !m.on {
		return
	}
	key := outcome{operation, outcomeOf(resp, err)}
	set, ok := m.sets.Load(key)
	if !ok {
		set, _ = m.sets.LoadOrStore(key, metric.WithAttributeSet(attribute.NewSet(
			attribute.String("operation", key.operation), attribute.String("outcome", key.outcome))))
	}
	if option, ok := set.(metric.MeasurementOption); ok {
		m.duration.Record(ctx, took.Seconds(), option)
	}
}

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
