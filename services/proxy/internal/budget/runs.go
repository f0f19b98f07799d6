package budget

import (
	"iter"
	"slices"
)

// runs counts calls by bucket, for the buckets that have any: most keys see a
// few calls a minute, and a list of these takes a fraction of the room that a
// counter for every bucket would. The oldest comes first.
type runs []run

type run struct{ index, calls uint32 }

// roomy is the capacity from which on a list that is nearly empty is replaced
// by a small one.
const roomy = 16

// add counts n calls in a bucket.
func (r *runs) add(index int64, n int) {
	at := len(*r)
	for at > 0 && int64((*r)[at-1].index) > index {
		at--
	}
	if at > 0 && int64((*r)[at-1].index) == index {
		(*r)[at-1].calls += uint32(n)
		return
	}
	*r = slices.Insert(*r, at, run{uint32(index), uint32(n)})
}

// sub takes up to n calls out of a bucket, and returns how many.
func (r *runs) sub(index int64, n int) int {
	for at := len(*r) - 1; at >= 0 && int64((*r)[at].index) >= index; at-- {
		if one := &(*r)[at]; int64(one.index) == index {
			n = min(n, int(one.calls))
			if one.calls -= uint32(n); one.calls == 0 {
				*r = slices.Delete(*r, at, at+1)
			}
			return n
		}
	}
	return 0
}

// forget drops the buckets before one, and returns their calls.
func (r *runs) forget(before int64) (calls int) {
	old := 0
	for old < len(*r) && int64((*r)[old].index) < before {
		calls += int((*r)[old].calls)
		old++
	}
	switch left := (*r)[old:]; {
	case old == 0:
	case len(left) == 0 && cap(*r) >= roomy:
		*r = nil
	case cap(*r) >= roomy && len(left) < cap(*r)/4:
		*r = slices.Clone(left)
	default:
		*r = (*r)[:copy(*r, left)]
	}
	return calls
}

// all yields the buckets that have calls, and how many.
func (r runs) all() iter.Seq2[int64, int] {
	return func(yield func(int64, int) bool) {
		for _, one := range r {
			if !yield(int64(one.index), int(one.calls)) {
				return
			}
		}
	}
}
