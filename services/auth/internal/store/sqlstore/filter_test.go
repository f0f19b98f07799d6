package sqlstore

import (
	"fmt"
	"testing"
)

func TestAFilterHoldsWhatItWasMadeOf(t *testing.T) {
	for _, size := range []int{0, 1, 3, 50, 2000} {
		digests := make(map[uint64]bool)
		for i := range size {
			digests[digestOf("account_id", fmt.Sprint(i))] = true
		}
		f := newFilter(digests)
		for i := range size {
			if !f.mayHold(digestOf("account_id", fmt.Sprint(i))) {
				t.Errorf("of %d the filter lacks %d", size, i)
			}
		}
		const others = 10_000
		wrong := 0
		for i := range others {
			if f.mayHold(digestOf("tool_name", fmt.Sprint(i))) {
				wrong++
			}
		}
		if wrong > others*3/100 {
			t.Errorf("the filter of %d claims %d of %d that it does not hold", size, wrong, others)
		}
	}
}

// Filters are stored: the digest stays what it is.
func TestDigestsStay(t *testing.T) {
	if got := digestOf("status", "200"); got != 0x5844507a8078cb03 {
		t.Errorf("the digest is %#x", got)
	}
}
