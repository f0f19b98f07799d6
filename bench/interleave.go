package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sando-dev/sando/bench/internal/fleet"
	"github.com/sando-dev/sando/bench/internal/load"
	"github.com/sando-dev/sando/bench/internal/procfs"
)

// tolerated is the share of failures above which a turn is no measurement.
const tolerated = 0.005

// A subject is what is measured: a target, and the processes whose cost it is.
type subject struct {
	name      string
	target    load.Target
	processes []*fleet.Process
}

// A sample is one turn of a subject.
type sample struct {
	// CPU is seconds per 10,000 requests, of all its processes.
	CPU float64 `json:"cpu_seconds_per_10k"`
	// Parts is the same by process, where there are several.
	Parts     map[string]float64 `json:"parts,omitempty"`
	PerSecond float64            `json:"requests_per_second"`
	P50       float64            `json:"p50_ms"`
	P99       float64            `json:"p99_ms"`
	// Peak is the highest resident memory of the processes during the turn, in MB.
	Peak     float64 `json:"peak_mb"`
	Requests int     `json:"requests"`
	Failed   int     `json:"failed,omitempty"`
}

// runs are the samples by subject, one a round.
type runs map[string][]sample

// of takes one figure of a subject, round by round.
func (r runs) of(name string, figure func(sample) float64) []float64 {
	values := make([]float64, len(r[name]))
	for i, s := range r[name] {
		values[i] = figure(s)
	}
	return values
}

func cpu(s sample) float64  { return s.CPU }
func p50(s sample) float64  { return s.P50 }
func p99(s sample) float64  { return s.P99 }
func peak(s sample) float64 { return s.Peak }

// interleave gives every subject a turn, round after round: A B C, A B C. A turn before the first warms everything up. Who fails is left out from
// then on, with the reason on stderr.
func (b *bench) interleave(ctx context.Context, title string, subjects []subject, plan load.Plan, rounds int) (runs, error) {
	out, failed := make(runs), make(map[string]bool)
	for round := -1; round < rounds; round++ {
		for _, s := range subjects {
			if failed[s.name] {
				continue
			}
			turn := plan
			if round < 0 {
				turn.Duration = max(plan.Duration/2, 300*time.Millisecond)
			}
			measured, err := s.measure(ctx, turn)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil && round >= 0 {
				fmt.Fprintf(os.Stderr, "  %s, %s: left out: %v\n", title, s.name, err)
				failed[s.name] = true
				delete(out, s.name)
				continue
			}
			if round >= 0 {
				out[s.name] = append(out[s.name], measured)
			}
		}
	}
	b.report.keep(title, subjects, out)
	return out, nil
}

// measure is one turn.
func (s subject) measure(ctx context.Context, plan load.Plan) (sample, error) {
	for _, p := range s.processes {
		if err := procfs.ResetPeak(p.PID()); err != nil {
			return sample{}, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	before, _, err := s.usage()
	if err != nil {
		return sample{}, err
	}
	r, err := load.Run(ctx, s.target, plan)
	if err != nil {
		return sample{}, err
	}
	after, peak, err := s.usage()
	if err != nil {
		return sample{}, err
	}
	if float64(r.Failed) > tolerated*float64(r.Requests) {
		return sample{}, fmt.Errorf("%d of %d requests failed: %s", r.Failed, r.Requests, r.Failure)
	}
	out := sample{
		PerSecond: r.PerSecond(), P50: milliseconds(r.Quantile(0.5)), P99: milliseconds(r.Quantile(0.99)),
		Peak: float64(peak) / 1e6, Requests: r.Requests, Failed: r.Failed,
	}
	if len(s.processes) > 1 {
		out.Parts = make(map[string]float64)
	}
	for i, p := range s.processes {
		part := (after[i] - before[i]).Seconds() * 10_000 / float64(r.Requests)
		out.CPU += part
		if out.Parts != nil {
			out.Parts[p.Name] = part
		}
	}
	return out, nil
}

// usage is the CPU time of each process, and the sum of their high-water marks.
func (s subject) usage() (cpu []time.Duration, peak int64, err error) {
	for _, p := range s.processes {
		u, err := p.Usage()
		if err != nil {
			return nil, 0, err
		}
		cpu, peak = append(cpu, u.CPU), peak+u.Peak
	}
	return cpu, peak, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
