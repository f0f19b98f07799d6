package relay

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// relocate finds the position again in a list that has changed: it reads the marks
// of the rows around, of the whole list where that comes at once, and looks for
// the last rows handed out.
func (w *walk) relocate(ctx context.Context) error {
	there := *w
	there.at.After = "" // no overlap
	base, expected := int64(0), w.at.Skip
	if w.byOffset() {
		there.limit = w.c.maxSize()
		base = max(0, w.at.Offset-int64(there.limit/2))
		there.at.Offset, expected = base, int(w.at.Offset-base)
	}
	marks := []uint64{}
	if _, err := there.fetch(ctx, io.Discard, splice.Window{Marks: &marks}); err != nil {
		return err
	}
	w.read = there.read
	last := [3]uint64{splice.Mark(w.at.After), w.at.Earlier[0], w.at.Earlier[1]}
	found := place(marks, last, expected)
	if w.byOffset() {
		w.at.Offset = base + int64(found)
	} else {
		w.at.Skip = found
	}
	w.at.After = "" // the row there need not be the last one handed out
	return nil
}

// farthest is by how many rows a list may have shifted for one row alone to tell:
// found farther away, that row has more likely moved.
const farthest = 10

// place is the index of the row to go on with among rows with these marks. The
// rows handed out last, the latest first, were expected before an index. Each of
// them says by how much the list has shifted; most of them are right, as single
// rows may be gone or have moved. Among equals the smallest shift counts, then the
// one that hands out fewest of these rows again.
//
// With none of them left the list goes on where it would if just these had been
// removed.
func place(marks []uint64, last [3]uint64, expected int) int {
	known, best, found := 0, guess{}, false
	for i, mark := range last {
		if mark == 0 {
			continue
		}
		known++
		for index, other := range marks {
			if other != mark {
				continue
			}
			g := guess{next: index + 1, shift: index - (expected - 1 - i)}
			g.weigh(marks, last, expected)
			if (g.votes > 1 || g.distance() <= farthest) && (!found || g.better(best)) {
				best, found = g, true
			}
		}
	}
	if !found {
		return min(max(0, expected-known), len(marks))
	}
	return best.next
}

// A guess says where a list goes on.
type guess struct {
	next, shift int
	votes       int // rows handed out that are where the shift puts them
	again       int // rows handed out that come again
}

func (g *guess) weigh(marks []uint64, last [3]uint64, expected int) {
	for i, mark := range last {
		at := g.shift + expected - 1 - i
		if mark == 0 {
			continue
		}
		if at >= 0 && at < len(marks) && marks[at] == mark {
			g.votes++
		}
		if g.next < len(marks) && slices.Contains(marks[g.next:], mark) {
			g.again++
		}
	}
}

func (g guess) better(than guess) bool {
	return cmp.Or(than.votes-g.votes, g.distance()-than.distance(), g.again-than.again) < 0
}

func (g guess) distance() int { return max(g.shift, -g.shift) }
