package proxy

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
)

// component is the service's name in metrics.
const component = "proxy"

// measure gives metrics of what the service holds. All of it is read when
// metrics are collected; no call pays for it.
func (s *Service) measure(t telemetry.Telemetry, cfg Config, credentials *credential.Store) error {
	if err := access.Measure(t, component, s.access, s.auditor); err != nil {
		return err
	}
	if err := telemetry.Cache(t, component, "credentials", credentials.Usage); err != nil {
		return err
	}
	if err := telemetry.KeyAge(t, component, map[string]sealed.Key{"sealing": cfg.SealingKeys[0]}); err != nil {
		return err
	}
	meter := t.MeterProvider.Meter("github.com/sando-dev/sando/services/proxy")
	if err := s.measureBudget(meter); err != nil {
		return fmt.Errorf("measure the budget: %w", err)
	}
	open := metric.WithAttributeSet(attribute.NewSet(attribute.String("state", "open")))
	trying := metric.WithAttributeSet(attribute.NewSet(attribute.String("state", "half_open")))
	_, err := meter.Int64ObservableGauge("sando.proxy.breakers", metric.WithUnit("{breaker}"),
		metric.WithDescription("Circuit breakers of organisations whose calls are not sent, or only one to try, by state."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			tripped, testing := s.client.Tripped()
			o.Observe(int64(tripped), open)
			o.Observe(int64(testing), trying)
			return nil
		}))
	if err != nil {
		return fmt.Errorf("measure the breakers: %w", err)
	}
	return nil
}

// measureBudget gives, by operation and over all organisations, what the one
// with the least has left, and how many calls wait. Organisations are not told
// apart: they are customers.
func (s *Service) measureBudget(meter metric.Meter) error {
	left, err := meter.Float64ObservableGauge("sando.proxy.budget.left", metric.WithUnit("1"),
		metric.WithDescription("The part of a minute's calls that is left, of the organisation that has the least, by operation."))
	if err != nil {
		return err
	}
	waiting, err := meter.Int64ObservableGauge("sando.proxy.budget.waiting", metric.WithUnit("{call}"),
		metric.WithDescription("Calls that wait for rate budget, by operation."))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for operation, b := range byOperation(s.budget) {
			of := metric.WithAttributeSet(attribute.NewSet(attribute.String("operation", operation)))
			o.ObserveFloat64(left, b.left, of)
			o.ObserveInt64(waiting, b.waiting, of)
		}
		return nil
	}, left, waiting)
	return err
}

type standing struct {
	left    float64
	waiting int64
}

// byOperation joins what is known of the keys of each operation.
func byOperation(b budget.Budget) map[string]standing {
	all := make(map[string]standing)
	b.Each(func(k budget.Standing) {
		one := standing{left: max(0, float64(k.Left)/float64(k.Limit)), waiting: int64(k.Waiting)}
		if known, ok := all[k.Key.Operation]; ok {
			one = standing{left: min(one.left, known.left), waiting: one.waiting + known.waiting}
		}
		all[k.Key.Operation] = one
	})
	return all
}
