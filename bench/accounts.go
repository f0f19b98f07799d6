package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/measure"
	"github.com/sando-dev/sando/bench/internal/sando"
)

// rowB6 links a tenth of the accounts, asks for a page of each so that all are hot, and measures; then links the rest and does the same.
func (b *bench) rowB6(ctx context.Context) error {
	d, err := sando.StartAllInOne(ctx, b.fleet, sando.Options{Name: "many", Bin: b.bin, Upstream: b.upstream})
	if err != nil {
		return err
	}
	defer stopAll(d)
	s := &stage{Deployment: d}
	few, err := b.crowd(ctx, s, b.many/10)
	if err != nil {
		return err
	}
	most, err := b.crowd(ctx, s, b.many)
	if err != nil {
		return err
	}
	which := fmt.Sprintf("%d accounts, and %d", b.many, b.many/10)
	perAccount := float64(most.heap-few.heap) / float64(b.many-b.many/10)
	b.add(reading{Row: "B6", What: "CPU per page with many accounts / a tenth", Case: which, Must: 1.10, Value: measure.Of(measure.Ratios(most.cpu, few.cpu))})
	b.add(reading{Row: "B6", What: "memory per hot account", Case: which, Unit: "B", Must: 512, Value: once(perAccount), Note: most.source})
	b.add(reading{Row: "B6", What: "resident memory, all hot", Case: which, Unit: "MB", Must: 96, Value: once(float64(most.resident) / 1e6)})
	return nil
}

// footprint is what a number of hot accounts needs.
type footprint struct {
	cpu            []float64
	heap, resident int64
	source         string
}

func (b *bench) crowd(ctx context.Context, s *stage, n int) (footprint, error) {
	have := len(s.accounts)
	further, err := s.Link(ctx, have+1, n-have)
	if err != nil {
		return footprint{}, err
	}
	s.accounts = append(s.accounts, further...)
	if err := warm(ctx, load.Target{Next: s.page(1)}, n); err != nil {
		return footprint{}, err
	}
	name := fmt.Sprintf("%d hot accounts", n)
	r, err := b.interleave(ctx, name, []subject{{name, load.Target{Next: s.page(1)}, s.process("proxy")}}, b.plan(), b.rounds)
	if err != nil {
		return footprint{}, err
	}
	f := footprint{cpu: r.of(name, cpu), source: "live heap after a collection"}
	if err := settle(ctx, s.Processes["proxy"]); err != nil {
		return f, err
	}
	if f.heap, err = liveHeap(ctx, s.Debug["proxy"]); err != nil {
		f.source = "resident memory, for want of the heap's size: " + err.Error()
	}
	u, err := s.Processes["proxy"].Usage()
	f.resident = u.Resident
	if f.heap == 0 {
		f.heap = u.Resident
	}
	return f, err
}

// liveHeap is the heap in use after a collection, by the process's own word.
func liveHeap(ctx context.Context, debug string) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, debug+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "# HeapAlloc = "); ok {
			return strconv.ParseInt(text, 10, 64)
		}
	}
	return 0, fmt.Errorf("%s does not say the size of the heap", r.URL)
}
