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

// Several caches and components of one process make the same instruments, and each tells of itself.
func TestObserveSeveral(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	tel := telemetry.Off()
	tel.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	today := sealed.Key{ID: time.Now().UTC().Format("20060102") + "-abcd"}
	for component, caches := range map[string][]string{"proxy": {"grants", "credentials"}, "mcp": {"grants", "servers"}} {
		for _, cache := range caches {
			if err := telemetry.Cache(tel, component, cache, func() (hits, misses, entries int64) { return 1, 1, 1 }); err != nil {
				t.Fatal(err)
			}
		}
		if err := telemetry.KeyAge(tel, component, map[string]sealed.Key{"sealing": today}); err != nil {
			t.Fatal(err)
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]bool)
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+label(p.Attributes, "component")+label(p.Attributes, "cache")+label(p.Attributes, "result")] = true
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+label(p.Attributes, "component")+label(p.Attributes, "cache")] = true
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					got[m.Name+label(p.Attributes, "component")] = true
				}
			}
		}
	}
	if want := 4*2 + 4 + 2; len(got) != want {
		t.Errorf("%d series, want %d: %v", len(got), want, got)
	}
}

func label(set attribute.Set, key attribute.Key) string {
	v, _ := set.Value(key)
	return " " + v.AsString()
}
