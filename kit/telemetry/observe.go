package telemetry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sando-dev/sando/kit/sealed"
)

const instrumentation = "github.com/sando-dev/sando/kit/telemetry"

// Cache gives metrics of one cache of a component: look-ups by result, and
// entries. Usage is asked when metrics are collected, not for each call.
func Cache(t Telemetry, component, name string, usage func() (hits, misses, entries int64)) error {
	meter := t.MeterProvider.Meter(instrumentation)
	with := func(more ...attribute.KeyValue) metric.ObserveOption {
		return metric.WithAttributeSet(attribute.NewSet(append(more, attribute.String("component", component), attribute.String("cache", name))...))
	}
	hit, miss, plain := with(attribute.String("result", "hit")), with(attribute.String("result", "miss")), with()
	_, err := meter.Int64ObservableCounter("sando.cache.lookups", metric.WithUnit("{lookup}"),
		metric.WithDescription("Look-ups in a cache, by whether the answer was there."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			hits, misses, _ := usage()
			o.Observe(hits, hit)
			o.Observe(misses, miss)
			return nil
		}))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	_, err = meter.Int64ObservableGauge("sando.cache.entries", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries in a cache."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			_, _, entries := usage()
			o.Observe(entries, plain)
			return nil
		}))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}

// KeyAge gives the age of the key that each family of a component has in use,
// as far as its id tells when it was made.
func KeyAge(t Telemetry, component string, inUse map[string]sealed.Key) error {
	type dated struct {
		made time.Time
		of   metric.ObserveOption
	}
	var known []dated
	for _, family := range slices.Sorted(maps.Keys(inUse)) {
		if made, ok := inUse[family].Made(); ok {
			known = append(known, dated{made, metric.WithAttributeSet(attribute.NewSet(
				attribute.String("component", component), attribute.String("family", family)))})
		}
	}
	_, err := t.MeterProvider.Meter(instrumentation).Float64ObservableGauge("sando.key.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the key in use, by family; only of keys whose id starts with the day on which they were made."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			for _, k := range known {
				o.Observe(max(0, time.Since(k.made).Seconds()), k.of)
			}
			return nil
		}))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return nil
}
