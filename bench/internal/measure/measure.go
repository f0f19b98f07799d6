// Package measure has the few statistics that short, noisy rounds need.
package measure

import (
	"cmp"
	"math"
	"slices"
)

// Spread is a median with the least and the greatest value around it.
type Spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Rounds int     `json:"rounds"`
}

// Of takes the spread of the finite values; without any, all is NaN.
func Of(values []float64) Spread {
	finite := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(finite) == 0 {
		return Spread{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	slices.Sort(finite)
	half := len(finite) / 2
	median := finite[half]
	if len(finite)%2 == 0 {
		median = (finite[half-1] + finite[half]) / 2
	}
	return Spread{median, finite[0], finite[len(finite)-1], len(finite)}
}

// Ratios divides round by round: what disturbs one round disturbs both sides of its ratio.
func Ratios(above, below []float64) []float64 {
	n := min(len(above), len(below))
	out := make([]float64, n)
	for i := range n {
		out[i] = above[i] / below[i]
	}
	return out
}

// Quantile is the smallest value that the given share of all does not exceed, by the nearest-rank method; the zero value when there are none.
func Quantile[T cmp.Ordered](values []T, share float64) T {
	if len(values) == 0 {
		var none T
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
