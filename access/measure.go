package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sando-dev/sando/kit/telemetry"
)

// Measure gives metrics of a service's client and auditor: what the cache of grants does, how old what is known of revocations is, and how far the
// log is behind. All of it is read when metrics are collected. Component is the service's name, which tells four in one process apart.
func Measure(t telemetry.Telemetry, component string, c *Client, a *Auditor) error {
	if err := telemetry.Cache(t, component, "grants", c.usage); err != nil {
		return err
	}
	meter := t.MeterProvider.Meter("github.com/sando-dev/sando/access")
	of := metric.WithAttributeSet(attribute.NewSet(attribute.String("component", component)))
	silence, err1 := meter.Float64ObservableGauge("sando.revocations.silence", metric.WithUnit("s"),
		metric.WithDescription("Time since auth was last heard on the watch of revocations: over 1 s writes stop, over 60 s reads."))
	lag, err2 := meter.Float64ObservableGauge("sando.audit.lag", metric.WithUnit("s"),
		metric.WithDescription("How long the oldest entry of the log has been waiting to be recorded; writes and MCP calls wait for theirs and are not meant."))
	waiting, err3 := meter.Int64ObservableGauge("sando.audit.waiting", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries of the log that wait to be recorded."))
	dropped, err4 := meter.Int64ObservableCounter("sando.audit.dropped", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries of reads that were lost because auth could not keep up or was away."))
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return fmt.Errorf("access: %w", err)
	}
	// Not as callbacks of the instruments: three services of one process make the same, and the second one's would be left out.
	_, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		if beat := c.lastBeat.Load(); beat != 0 {
			o.ObserveFloat64(silence, max(0, c.now().Sub(time.Unix(0, beat)).Seconds()), of)
		}
		behind := 0.0
		if since := a.since.Load(); since != 0 {
			behind = max(0, time.Since(time.Unix(0, since)).Seconds())
		}
		o.ObserveFloat64(lag, behind, of)
		o.ObserveInt64(waiting, int64(len(a.later)), of)
		o.ObserveInt64(dropped, a.Dropped(), of)
		return nil
	}, silence, lag, waiting, dropped)
	if err != nil {
		return fmt.Errorf("access: %w", err)
	}
	return nil
}

func (c *Client) usage() (hits, misses, entries int64) {
	return c.hits.Load(), c.misses.Load(), int64(c.cache.size())
}
