package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sando-dev/sando/bench/internal/fleet"
	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
	"github.com/sando-dev/sando/bench/internal/sando"
)

// rowB5 asks a fresh process for small pages, then for large ones, 16 at once, and compares the high-water marks. Proxy's large page has 20,000
// users; it is asked for by path, because Torii's own maximum is 1000. Unified has no raw path, so its large page is one of 1000.
func (b *bench) rowB5(ctx context.Context) error {
	for _, c := range []struct {
		service, small, large, note string
		must                        float64
		bytes                       int64
	}{
		{"proxy", "/custom/users?size=100&fields=" + userFields, "/custom/users?size=20000&fields=" + userFields, "20,000 users", 1.15, 1e7},
		{"unified", "/unified/user-directory/users?limit=100", "/unified/user-directory/users?limit=1000", "1000 users, the most that one call may ask for", 1.5, 1e5},
	} {
		read := reading{Row: "B5", What: "peak memory of a large page / a page of 100", Case: c.service, Must: c.must, Note: c.note}
		value, err := b.peaks(ctx, c.service, c.small, c.large, c.bytes)
		if err != nil {
			read.Missing = err.Error()
		}
		read.Value = value
		b.add(read)
	}
	return nil
}

// peaks starts four processes anew, so that the service's memory is its own and nothing before has raised it.
func (b *bench) peaks(ctx context.Context, service, small, large string, least int64) (measure.Spread, error) {
	d, err := sando.StartSplit(ctx, b.fleet, sando.Options{Name: "memory-" + service, Bin: b.bin, Upstream: b.upstream})
	if err != nil {
		return measure.Spread{}, err
	}
	defer stopAll(d)
	accounts, err := d.Link(ctx, 1, b.accounts)
	if err != nil {
		return measure.Spread{}, err
	}
	s := &stage{d, accounts}
	base := map[string]string{"proxy": d.Proxy, "unified": d.Unified}[service]
	plan := load.Plan{Connections: 16, Duration: max(b.round, time.Second)}
	var ratios []float64
	for range max(1, b.rounds/2) {
		r, err := b.interleave(ctx, "memory of "+service, []subject{
			{"page of 100", load.Target{Next: s.get(base, small), Bytes: 10_000}, s.process(service)},
			{"large page", load.Target{Next: s.get(base, large), Bytes: least}, s.process(service)},
		}, plan, 1)
		if err != nil {
			return measure.Spread{}, err
		}
		ratios = append(ratios, measure.Ratios(r.of("large page", peak), r.of("page of 100", peak))...)
	}
	if len(ratios) == 0 {
		return measure.Spread{}, errNoRounds
	}
	return measure.Of(ratios), nil
}

// stopAll ends the processes of a deployment.
func stopAll(d *sando.Deployment) {
	for _, p := range d.Processes {
		_ = p.Stop() // the fleet ends whoever is left
	}
}

// rowB15 starts the product on an empty folder, a few times.
func (b *bench) rowB15(ctx context.Context) error {
	var started, idle []float64
	starts := 5
	if b.quick {
		starts = 3
	}
	for i := range starts {
		d, err := sando.StartAllInOne(ctx, b.fleet, sando.Options{Name: fmt.Sprintf("start-%d", i), Bin: b.bin, Upstream: b.upstream})
		if err != nil {
			return err
		}
		started = append(started, d.Ready.Seconds())
		if err := settle(ctx, d.Processes["proxy"]); err != nil {
			return err
		}
		u, err := d.Processes["proxy"].Usage()
		if err != nil {
			return err
		}
		idle = append(idle, float64(u.Resident)/1e6)
		stopAll(d)
	}
	b.add(reading{Row: "B15", What: "start to ready, empty database", Unit: "s", Value: measure.Of(started), Must: 0.5})
	b.add(reading{Row: "B15", What: "idle memory, all in one", Unit: "MB", Value: measure.Of(idle), Must: 40})
	for _, name := range []string{"sando", "authd", "proxyd", "unifiedd", "mcpd"} {
		read := reading{Row: "B15", What: "size of the binary", Case: name, Unit: "MB", Must: 60}
		if info, err := os.Stat(filepath.Join(b.bin, name)); err != nil {
			read.Missing = err.Error()
		} else {
			read.Value = once(float64(info.Size()) / 1e6)
		}
		b.add(read)
	}
	return nil
}

// settle waits until a process has used no CPU to speak of for a second.
func settle(ctx context.Context, p *fleet.Process) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Duration(-1)
	for range 10 {
		u, err := p.Usage()
		if err != nil {
			return err
		}
		if last >= 0 && u.CPU-last <= 20*time.Millisecond {
			return nil
		}
		last = u.CPU
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
