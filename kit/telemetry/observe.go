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
	lookups, err := meter.Int64ObservableCounter("sando.cache.lookups", metric.WithUnit("{lookup}"),
		metric.WithDescription("Look-ups in a cache, by whether the answer was there."))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	held, err := meter.Int64ObservableGauge("sando.cache.entries", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries in a cache."))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return observe(meter, func(_ context.Context, o metric.Observer) error {
		hits, misses, entries := usage()
		o.ObserveInt64(lookups, hits, hit)
		o.ObserveInt64(lookups, misses, miss)
		o.ObserveInt64(held, entries, plain)
		return nil
	}, lookups, held)
}

// observe has a callback asked whenever metrics are collected. An instrument
// that is made again takes no further callback of its own, and most of ours
// are: once for each cache and component.
func observe(meter metric.Meter, callback metric.Callback, of ...metric.Observable) error {
	if _, err := meter.RegisterCallback(callback, of...); err != nil {
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
	meter := t.MeterProvider.Meter(instrumentation)
	age, err := meter.Float64ObservableGauge("sando.key.age", metric.WithUnit("s"),
		metric.WithDescription("Age of the key in use, by family; only of keys whose id starts with the day on which they were made."))
	if err != nil {
		return fmt.Errorf("telemetry: %w", err)
	}
	return observe(meter, func(_ context.Context, o metric.Observer) error {
		for _, k := range known {
			o.ObserveFloat64(age, max(0, time.Since(k.made).Seconds()), k.of)
		}
		return nil
	}, age)
}
