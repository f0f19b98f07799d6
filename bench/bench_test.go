package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sando-dev/sando/bench/internal/measure"
)

func TestVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		reading reading
		want    string
	}{
		"goal":         {reading{Value: once(0.5), Must: 1, Goal: 0.5}, "met, and the goal"},
		"must":         {reading{Value: once(1), Must: 1, Goal: 0.5}, "met"},
		"no goal":      {reading{Value: once(0.1), Must: 1}, "met"},
		"short":        {reading{Value: once(3), Must: 2, Goal: 1}, "short by 1.50 times"},
		"nothing":      {reading{Value: once(0), Must: 0}, "met"},
		"not nothing":  {reading{Value: once(12), Must: 0}, "short: 12 instead of 0"},
		"not measured": {reading{Missing: "no nginx", Must: 1}, "not measured: no nginx"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.reading.verdict(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"--rows", "b1, B15", "--rounds", "7", "--seconds", "0.5"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"B1", "B15"}, o.rows); diff != "" || o.rounds != 7 || o.round != 500*time.Millisecond {
		t.Errorf("got %+v (%s)", o, diff)
	}
}

func TestQuickKeepsWhatIsSetAndLeavesOutWhatIsSlow(t *testing.T) {
	o, err := parse([]string{"--quick", "--rounds", "9"})
	if err != nil {
		t.Fatal(err)
	}
	if o.rounds != 9 || o.round >= time.Second {
		t.Errorf("rounds %d of %s", o.rounds, o.round)
	}
	if all := strings.Join(o.rows, ","); strings.Contains(all, "B6") || !strings.Contains(all, "B15") {
		t.Errorf("rows %s", all)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rows", "B99"}, {"--rounds", "0"}, {"--seconds", "-1"}, {"stray"}, {"--unknown"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}

// Every reading names a row, and what has no number says why instead of breaking the JSON file.
func TestNothingMeasuredIsNoNumber(t *testing.T) {
	b := &bench{report: &report{}}
	b.add(reading{Row: "B1", Value: measure.Of(nil), Must: 1})
	if got := b.report.Readings[0]; got.Missing == "" || got.Value != (measure.Spread{}) {
		t.Errorf("got %+v", got)
	}
	folder := t.TempDir()
	if err := b.report.write(new(strings.Builder), folder); err != nil {
		t.Error(err)
	}
}

func TestAddedTakesTheUpstreamOff(t *testing.T) {
	r := runs{"direct": {{P50: 1}, {P50: 2}}, "sando": {{P50: 4}, {P50: 3}, {P50: 9}}}
	if diff := cmp.Diff([]float64{3, 1}, added(r, "sando", p50)); diff != "" {
		t.Error(diff)
	}
}

func TestScripts(t *testing.T) {
	stats := "# Commandstats\ncmdstat_evalsha:calls=40,usec=9,usec_per_call=1.0\ncmdstat_hget:calls=900,usec=1\ncmdstat_eval:calls=2,usec=1\n"
	if got := scripts(stats); got != 42 {
		t.Errorf("got %d", got)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 12.345: "12.3", 123456: "123456", 0.00012: "0.00012"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}
