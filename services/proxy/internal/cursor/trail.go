package cursor

import "hash/fnv"

// A Trail finds out that a provider's cursors go round in circles, in a few
// bytes that travel with the cursor: it keeps one mark, and moves it to the
// present place after 1, 2, 4, 8 ... steps (Brent's cycle detection). A circle
// of n pages is found within about 3n pages of entering it.
type Trail struct {
	mark         uint64
	steps, reach uint32
}

// Step notes the next cursor of the provider and reports whether the walk has
// been there before.
func (t Trail) Step(next string) (Trail, bool) {
	h := fnv.New64a()
	// Write of a hash never fails.
	_, _ = h.Write([]byte(next))
	here := h.Sum64()
	switch {
	case t.reach == 0:
		return Trail{mark: here, reach: 1}, false
	case here == t.mark:
		return t, true
	case t.steps+1 == t.reach:
		return Trail{mark: here, reach: t.reach * 2}, false
	default:
		t.steps++
		return t, false
	}
}
