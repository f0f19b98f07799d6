package measure

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOf(t *testing.T) {
	for name, tt := range map[string]struct {
		values []float64
		want   Spread
	}{
		"odd":        {[]float64{3, 1, 9}, Spread{3, 1, 9, 3}},
		"even":       {[]float64{4, 1, 2, 9}, Spread{3, 1, 9, 4}},
		"one":        {[]float64{7}, Spread{7, 7, 7, 1}},
		"not finite": {[]float64{math.Inf(1), 2, math.NaN()}, Spread{2, 2, 2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Of(tt.values)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if s := Of(nil); !math.IsNaN(s.Median) || s.Rounds != 0 {
		t.Errorf("nothing measured gives %+v", s)
	}
}

func TestOfLeavesItsArgumentAlone(t *testing.T) {
	values := []float64{3, 1, 2}
	Of(values)
	if diff := cmp.Diff([]float64{3, 1, 2}, values); diff != "" {
		t.Error(diff)
	}
}

func TestRatiosArePairedByRound(t *testing.T) {
	if diff := cmp.Diff([]float64{2, 3}, Ratios([]float64{2, 30, 5}, []float64{1, 10})); diff != "" {
		t.Error(diff)
	}
}

func TestQuantile(t *testing.T) {
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for share, want := range map[float64]int{0: 1, 0.01: 1, 0.5: 50, 0.99: 99, 0.995: 100, 1: 100} {
		if got := Quantile(hundred, share); got != want {
			t.Errorf("quantile %v: got %d, want %d", share, got, want)
		}
	}
	if got := Quantile([]int(nil), 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}
