package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
)

// A swap lets one proxy stand in front of one provider after the other.
type swap struct{ handler atomic.Pointer[http.Handler] }

func (s *swap) to(h http.Handler) { s.handler.Store(&h) }

func (s *swap) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*s.handler.Load()).ServeHTTP(w, r) }

const shelfSize = 12

// changes are what may happen to a list of shelfSize rows between two of its
// pages, the first of which had so many rows. Whatever happens, a walk ends, and no
// row that stays where it is among the others comes twice or is missed.
//
// What cannot be kept: a row that moves may come twice, once in each place, or be
// missed; and where the last three rows handed out have all gone or moved while
// others came, so may as many rows behind them.
var changes = []struct { //nolint:gochecknoglobals // a table of the test
	name   string
	change func(s *shelf, first int)
	moved  func(first int) []int
}{
	{"nothing", func(*shelf, int) {}, nil},
	{"three rows at the head", func(s *shelf, _ int) { s.insert(101, 102, 103) }, nil},
	{"as many rows at the head as fit on a page", func(s *shelf, first int) {
		for i := range first {
			s.insert(101 + i)
		}
	}, nil},
	{"the first row goes", func(s *shelf, _ int) { s.remove(1) }, nil},
	{"the last row handed out goes", func(s *shelf, first int) { s.remove(first) }, nil},
	{"the next row goes", func(s *shelf, first int) { s.remove(first + 1) }, nil},
	{"all rows handed out go", func(s *shelf, first int) {
		for i := range min(3, first) {
			s.remove(first - i)
		}
	}, nil},
	{"the last row handed out moves to the head", func(s *shelf, first int) { s.moveToHead(first) }, func(first int) []int { return []int{first} }},
	{"the last row handed out moves to the end", func(s *shelf, first int) { s.moveToEnd(first) }, func(first int) []int { return []int{first} }},
	{"the next row moves to the head", func(s *shelf, first int) { s.moveToHead(first + 1) }, func(first int) []int { return []int{first + 1} }},
	{"a later row moves to the head", func(s *shelf, _ int) { s.moveToHead(shelfSize) }, func(int) []int { return []int{shelfSize} }},
	{"the first row moves to the end", func(s *shelf, _ int) { s.moveToEnd(1) }, func(int) []int { return []int{1} }},
	{"rows come and go", func(s *shelf, first int) { s.insert(101, 102); s.remove(first) }, nil},
	{"the list becomes empty but for its head", func(s *shelf, _ int) { s.rows = s.rows[:1] }, nil},
}

// TestD5WalksWhileRowsChange walks every list of the catalog, by pages and as a
// stream, while each of the changes happens once.
func TestD5WalksWhileRowsChange(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		for _, c := range changes {
			for _, limit := range []int{1, 2, 3, 5} {
				// One row handed out is no majority against what happens to it.
				if limit == 1 && c.name == "rows come and go" {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%d", op.GetId(), c.name, limit), func(t *testing.T) {
					b.t = t
					s := newShelf(op, shelfSize)
					s.change = func(s *shelf, served int) {
						if served == 1 {
							c.change(s, limit)
						}
					}
					provider.to(s)
					got := b.walk(op, limit, nil)
					s.judge(t, got.names, c.moved, limit)
					if op.GetPaging().GetStyle() == catalogv1.PagingStyle_PAGING_STYLE_CURSOR && got.shifted {
						t.Error("a list by cursor has no positions that could shift")
					}
					if strings.HasPrefix(c.name, "three rows") && catalog.Local(op) && !got.shifted {
						t.Error("the answer does not say that the list has shifted")
					}
					if c.name == "nothing" && got.shifted {
						t.Error("nothing has shifted")
					}
					{
						again := newShelf(op, shelfSize)
						again.change = s.change
						provider.to(again)
						again.judge(t, b.stream(op, limit), c.moved, limit)
					}
				})
			}
		}
	}
}

// judge holds what came of a walk against the rows that stayed in their places.
func (s *shelf) judge(t *testing.T, got []int, moved func(int) []int, limit int) {
	t.Helper()
	var free []int
	if moved != nil {
		free = moved(limit)
	}
	for _, row := range s.rows {
		if row.name > 100 || slices.Contains(free, row.name) {
			continue // it came later, or changed its place
		}
		if !slices.Contains(got, row.name) {
			t.Errorf("row %d is missing in %v", row.name, got)
		}
	}
	for i, name := range got {
		if !slices.Contains(free, name) && slices.Contains(got[:i], name) {
			t.Errorf("row %d came twice in %v", name, got)
		}
	}
}

// stream walks a list as lines.
func (b *bench) stream(op *catalogv1.Operation, limit int) []int {
	b.t.Helper()
	r := callOf(op, map[string][]string{catalog.ArgumentLimit: {fmt.Sprint(limit)}})
	r.header = map[string]string{"Accept": "application/x-ndjson"}
	a := b.do(r)
	if a.status != http.StatusOK || a.err != nil {
		b.t.Fatalf("%s: %d %v %s", op.GetId(), a.status, a.err, a.body)
	}
	var out []int
	whole := false
	for line := range strings.Lines(string(a.body)) {
		var row struct {
			Name          *int
			Page, Summary json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			b.t.Fatalf("%s: %v", line, err)
		}
		if row.Name != nil {
			out = append(out, *row.Name)
		}
		whole = row.Summary != nil
	}
	if !whole {
		b.t.Errorf("%s: the stream has no summary: %s", op.GetId(), a.body)
	}
	return out
}

// TestD5ShiftIsSaid inserts three rows at the head of the lists that are walked by
// position, which the answer must say.
func TestD5ShiftIsSaid(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		if op.GetPaging().GetStyle() == catalogv1.PagingStyle_PAGING_STYLE_CURSOR {
			continue
		}
		s := newShelf(op, shelfSize)
		provider.to(s)
		s.change = func(s *shelf, served int) {
			if served == 1 {
				s.insert(101, 102, 103)
			}
		}
		if got := b.walk(op, 4, nil); !got.shifted {
			t.Errorf("%s: nothing said: %v", op.GetId(), got.names)
		}
		again := newShelf(op, shelfSize)
		again.change = s.change
		provider.to(again)
		r := callOf(op, map[string][]string{catalog.ArgumentLimit: {"4"}})
		r.header = map[string]string{"Accept": "application/x-ndjson"}
		if a := b.do(r); !strings.Contains(string(a.body), `,"meta":{"shifted":true}}}`) {
			t.Errorf("%s: the stream does not say it: %s", op.GetId(), a.body)
		}
	}
}

// TestD5RepeatedBorder has every page by cursor begin with the last row of the one
// before.
func TestD5RepeatedBorder(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		if op.GetPaging().GetStyle() != catalogv1.PagingStyle_PAGING_STYLE_CURSOR || op.GetResponse().GetIdKey() == "" {
			continue // without ids rows that are alike may well be two
		}
		for _, limit := range []int{1, 2, 5} {
			s := newShelf(op, shelfSize)
			s.repeats = true
			provider.to(s)
			got := b.walk(op, limit, nil).names
			s.judge(t, got, nil, limit)
			again := newShelf(op, shelfSize)
			again.repeats = true
			provider.to(again)
			again.judge(t, b.stream(op, limit), nil, limit)
		}
	}
}

// TestD5RepeatedRowTakesAPlace has pages by cursor begin with the last row of the
// one before and yet be no longer, so that one row less is handed out of each.
func TestD5RepeatedRowTakesAPlace(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		if op.GetPaging().GetStyle() != catalogv1.PagingStyle_PAGING_STYLE_CURSOR || op.GetResponse().GetIdKey() == "" {
			continue
		}
		for _, limit := range []int{2, 3, 5, 7} {
			s := newShelf(op, shelfSize)
			s.repeats, s.tight = true, true
			provider.to(s)
			s.judge(t, b.walk(op, limit, nil).names, nil, limit)
			s.judge(t, b.stream(op, limit), nil, limit)
		}
	}
}

// TestD5EqualIDs walks lists that come at once and whose rows share their ids.
func TestD5EqualIDs(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		key := op.GetResponse().GetIdKey()
		if !catalog.Local(op) || key == "" {
			continue
		}
		for _, ids := range [][]int{{1, 1, 1, 2}, {1, 2, 1, 2}, {2, 1, 1, 1}, {1, 1, 1, 1}} {
			var rows []string
			for i, id := range ids {
				rows = append(rows, fmt.Sprintf(`{%q:%d,"name":%d}`, key, id, i+1))
			}
			array := "[" + strings.Join(rows, ",") + "]"
			if keys := op.GetResponse().GetDataKeys(); len(keys) > 0 {
				array = fmt.Sprintf(`{%q:%s}`, keys[0], array)
			}
			provider.to(answering(array))
			for limit := 1; limit <= 5; limit++ {
				if got := b.walk(op, limit, nil); !slices.Equal(got.names, []int{1, 2, 3, 4}) || got.shifted {
					t.Errorf("%s: %v in pages of %d: %+v", op.GetId(), ids, limit, got)
				}
			}
			if got := b.stream(op, 1); !slices.Equal(got, []int{1, 2, 3, 4}) {
				t.Errorf("%s: %v as lines: %v", op.GetId(), ids, got)
			}
		}
	}
}

// TestD5LargestPages walks lists by position in the largest pages, which leave no
// room for the row that overlaps.
func TestD5LargestPages(t *testing.T) {
	provider := &swap{}
	b := newProviderBench(t, provider, unlimited(t))
	for _, op := range lists(t) {
		most := int(op.GetPaging().GetMaxSize())
		if catalog.Local(op) {
			continue
		}
		for _, size := range []int{most - 1, most, most + 1, 2*most - 1, 2 * most, 2*most + 1} {
			s := newShelf(op, size)
			provider.to(s)
			got := b.walk(op, most, nil)
			if len(got.names) != size || got.shifted {
				t.Errorf("%s: %d of %d rows in %d pages, shifted: %v", op.GetId(), len(got.names), size, got.pages, got.shifted)
			}
			s.judge(t, got.names, nil, most)
		}
	}
}
