package telemetry_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
)

func TestObserve(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	tel := telemetry.Off()
	tel.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	if err := telemetry.Cache(tel, "proxy", "grants", func() (hits, misses, entries int64) { return 5, 2, 3 }); err != nil {
		t.Fatal(err)
	}
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format("20060102") + "-abcd"
	if err := telemetry.KeyAge(tel, "proxy", map[string]sealed.Key{"sealing": {ID: yesterday}, "signing": {ID: "first"}}); err != nil {
		t.Fatal(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+label(p.Attributes, "result")] = float64(p.Value)
				}
			case metricdata.Gauge[int64]:
				got[m.Name] = float64(data.DataPoints[0].Value)
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					got[m.Name+label(p.Attributes, "family")] = p.Value
				}
			}
		}
	}
	for name, want := range map[string]float64{"sando.cache.lookups hit": 5, "sando.cache.lookups miss": 2, "sando.cache.entries": 3} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v; all are %v", name, got[name], want, got)
		}
	}
	const day = 24 * 3600
	if age := got["sando.key.age sealing"]; age < day || age > 2*day {
		t.Errorf("a key of yesterday is %v seconds old", age)
	}
	if _, dated := got["sando.key.age signing"]; dated {
		t.Error("a key whose id does not say when it was made has an age")
	}
}

func label(set attribute.Set, key attribute.Key) string {
	v, _ := set.Value(key)
	return " " + v.AsString()
}
