package proxy

import (
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/kit/sealed"
)

// Answers that are kept for replay can be read after a start, or there is no start.
func TestForeignRingIsRefused(t *testing.T) {
	var cfg Config
	var deps Deps
	b := newBench(t, emulator.Options{}, func(c *Config, d *Deps) { cfg, deps = *c, *d })
	write := request{
		method: "POST", path: "/proxy/contracts", header: map[string]string{"Idempotency-Key": "once"}, body: `{"name":"c","idApp":` + b.firstID("apps") + `,"status":"active"}`,
	}
	b.ok(b.do(write))
	mine := cfg.SealingKeys[0]
	imposter := sealed.Key{ID: mine.ID, Material: sealed.Generate().Material}
	for name, tt := range map[string]struct {
		keys []sealed.Key
		ok   bool
	}{
		"the same":                   {[]sealed.Key{mine}, true},
		"a new key before it":        {[]sealed.Key{sealed.Generate(), mine}, true},
		"another":                    {[]sealed.Key{sealed.Generate()}, false},
		"another under the same id":  {[]sealed.Key{imposter}, false},
		"another, by the store only": {nil, false},
	} {
		c := cfg
		if c.SealingKeys = tt.keys; tt.keys == nil {
			c.SealingKeys, c.Store.Keys = cfg.SealingKeys, []sealed.Key{sealed.Generate()}
		}
		s, err := New(t.Context(), c, deps)
		if err == nil {
			err = s.Close()
			if !tt.ok {
				t.Errorf("%s: started", name)
			}
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if tt.ok || !strings.Contains(err.Error(), "belongs to another installation") || !strings.Contains(err.Error(), "proxy.store.keys") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
