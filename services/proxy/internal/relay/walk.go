package relay

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/cursor"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// maxPages is how many pages of the provider one call reads to find a row.
const maxPages = 5

// errCircle means that the provider's cursors lead back to where they were.
var errCircle = errors.New("relay: the provider's cursors go round in a circle")

// A walk goes through a list page by page, however the provider pages.
//
// Where the next page begins is known by position and by identity. A provider's
// cursor is its own business; only a last row that comes once more as the first
// of the next page is left out. A position in a list is checked: the row before
// it, with which a page by offset is made to overlap, must be the last one handed
// out. If it is not, the list has changed, and the last three rows handed out
// tell where to go on; see [walk.relocate].
type walk struct {
	s     *Service
	c     *call
	scope cursor.Scope
	limit int // rows a page

	at      cursor.Position
	more    bool // there is, or may be, a page at the position
	shifted bool // the page last read begins elsewhere than the position said
	read    int  // pages of the provider read so far
}

// newWalk begins where the caller's cursor says.
func (s *Service) newWalk(c *call, size int) (*walk, error) {
	w := &walk{s: s, c: c, limit: size, more: true}
	if c.limit > 0 {
		w.limit = c.limit
	}
	if !c.op.List {
		return w, nil
	}
	w.scope = cursor.Scope{Account: c.lease.Account, Operation: c.op.GetId(), Query: c.binding}
	if c.cursor == "" {
		return w, nil
	}
	at, err := s.Cursors.Open(c.cursor, w.scope)
	if err != nil {
		return nil, invalidCursor(err)
	}
	w.at = at
	return w, nil
}

// next reads the next page that has a row, and at most maxPages in all. What
// it returns may still be empty.
func (w *walk) next(ctx context.Context, dst io.Writer, lines bool) (splice.Page, error) {
	w.shifted = false
	for reads := 1; ; reads++ {
		page, err := w.page(ctx, dst, lines)
		if err != nil || page.Rows > 0 || !w.more || reads == maxPages {
			return page, err
		}
	}
}

// page reads one page of the provider and moves on.
func (w *walk) page(ctx context.Context, dst io.Writer, lines bool) (splice.Page, error) {
	page, err := w.fetch(ctx, dst, w.window(lines))
	if err == nil && !page.Found {
		w.shifted = true
		if err = w.relocate(ctx); err == nil {
			page, err = w.fetch(ctx, dst, w.window(lines))
		}
	}
	if err != nil || !page.List {
		w.more = false
		return page, err
	}
	at, more, err := w.after(&page)
	if err != nil {
		return page, w.s.unanswered(ctx, w.c, err)
	}
	w.at, w.more = at, more
	return page, nil
}

// window is what is wanted of the page at the position.
func (w *walk) window(lines bool) splice.Window {
	window := splice.Window{Limit: w.limit, Lines: lines, Skip: w.at.Skip}
	switch {
	case w.byOffset():
		window.Track, window.Skip = true, w.overlap()
		if window.Skip > 0 {
			window.After = w.at.After
		}
	case w.at.Skip > 0:
		window.After = w.at.After
	case w.c.op.Plan.IDKey != "":
		window.Border = w.at.After
	}
	window.Repeats = !w.c.op.Local && w.c.op.Plan.IDKey != ""
	return window
}

// byOffset says whether the provider pages by the number of a row.
func (w *walk) byOffset() bool {
	style := w.c.op.GetPaging().GetStyle()
	return style == catalogv1.PagingStyle_PAGING_STYLE_OFFSET || style == catalogv1.PagingStyle_PAGING_STYLE_INDEX
}

// overlap is how many rows before the position a page by offset begins.
func (w *walk) overlap() int {
	if w.at.After == "" || w.at.Offset == 0 || w.c.maxSize() == 1 {
		return 0
	}
	return 1
}

func (w *walk) fetch(ctx context.Context, dst io.Writer, window splice.Window) (splice.Page, error) {
	w.read++
	resp, err := w.s.send(ctx, w.c, w.c.shipment(w.query()))
	if err != nil {
		return splice.Page{}, err
	}
	defer resp.Body.Close()
	makeRoom(dst, resp)
	page, err := w.c.op.Plan.Copy(dst, resp.Body, window)
	w.s.observer.replaced(ctx, w.c.op.GetId(), page.Replaced)
	if err != nil {
		return page, w.s.unanswered(ctx, w.c, err)
	}
	return page, nil
}

// size is the page size to ask the provider for.
func (w *walk) size() int {
	switch {
	case w.c.op.Local:
		return w.c.maxSize()
	case w.at.Size > 0:
		return w.at.Size
	default:
		return min(w.limit+w.overlap(), w.c.maxSize())
	}
}

// query adds size and position to the caller's query.
func (w *walk) query() query.Query {
	paging := w.c.op.GetPaging()
	q := slices.Clone(w.c.bound.Query)
	if name := paging.GetSizeParameter(); name != "" {
		q = q.Add(name, strconv.Itoa(w.size()))
	}
	position := ""
	switch paging.GetStyle() {
	case catalogv1.PagingStyle_PAGING_STYLE_CURSOR:
		position = w.at.Upstream
	case catalogv1.PagingStyle_PAGING_STYLE_OFFSET:
		if from := w.from(); from > 0 {
			position = strconv.FormatInt(from, 10)
		}
	case catalogv1.PagingStyle_PAGING_STYLE_INDEX:
		position = strconv.FormatInt(w.from()+1, 10)
	case catalogv1.PagingStyle_PAGING_STYLE_PAGE_NUMBER:
		position = strconv.FormatInt(w.at.Offset+1, 10)
	}
	if position != "" {
		q = q.Add(paging.GetPositionParameter(), position)
	}
	return q
}

// from is the number of the first row to ask for, by offset.
func (w *walk) from() int64 { return w.at.Offset - int64(w.overlap()) }

// after works out where the list goes on behind a page, and whether it does.
func (w *walk) after(page *splice.Page) (cursor.Position, bool, error) {
	inside := cursor.Position{After: page.Last, Earlier: w.earlier(page), Skip: page.To}
	switch w.c.op.GetPaging().GetStyle() {
	case catalogv1.PagingStyle_PAGING_STYLE_CURSOR:
		if page.More {
			// The provider sent more rows than it was asked for.
			inside.Upstream, inside.Size, inside.Trail = w.at.Upstream, w.size(), w.at.Trail
			return inside, true, nil
		}
		if page.Next == "" {
			return cursor.Position{}, false, nil
		}
		trail, circle := w.at.Trail.Step(page.Next)
		if circle || page.Next == w.at.Upstream {
			return cursor.Position{}, false, errCircle
		}
		return cursor.Position{Upstream: page.Next, Trail: trail, After: w.last(page)}, true, nil
	case catalogv1.PagingStyle_PAGING_STYLE_OFFSET, catalogv1.PagingStyle_PAGING_STYLE_INDEX:
		at := cursor.Position{Offset: w.from() + int64(page.To), After: page.Last, Earlier: inside.Earlier}
		if page.Rows == 0 {
			// Nothing came but the row before. If there is more, that was a page.
			at = cursor.Position{Offset: w.from() + int64(page.Seen)}
		}
		more := page.More || page.Seen >= w.size()
		if page.Total >= 0 {
			more = page.Rows+w.overlap() > 0 && at.Offset < page.Total
		}
		return at, more, nil
	case catalogv1.PagingStyle_PAGING_STYLE_PAGE_NUMBER:
		return cursor.Position{Offset: w.at.Offset + 1, After: w.last(page)}, page.Seen >= w.limit, nil
	default:
		return inside, page.More, nil
	}
}

// last is the identity of the row before the next page: the last of this page or,
// if that has none, of the one before.
func (w *walk) last(page *splice.Page) string {
	if page.Rows == 0 {
		return w.at.After
	}
	return page.Last
}

// earlier are the marks of the rows before the last one of a page, some of which
// are of the page before.
func (w *walk) earlier(page *splice.Page) [2]uint64 {
	switch page.Rows {
	case 0:
		return w.at.Earlier
	case 1:
		return [2]uint64{splice.Mark(w.at.After), w.at.Earlier[0]}
	case 2:
		return [2]uint64{page.Earlier[0], splice.Mark(w.at.After)}
	default:
		return page.Earlier
	}
}

// result is what is said beside the rows of a page.
func (w *walk) result(page *splice.Page) (Result, error) {
	next, err := w.cursor()
	return Result{
		List: true, NextCursor: next, Count: page.Rows, Limit: w.limit, Total: page.Total,
		Aggregations: page.Aggregations, Shifted: w.shifted,
	}, err
}

// whole refuses to page what turned out to be no list.
func (w *walk) whole() error {
	switch {
	case w.c.limit > 0:
		return rpcerr.Invalid(catalog.ArgumentLimit, "the provider answered no list").WithFix("Leave limit out.")
	case w.c.cursor != "":
		return rpcerr.Invalid(catalog.ArgumentCursor, "the provider answered no list").WithFix("Leave next_cursor out.")
	default:
		return nil
	}
}

// cursor seals the position; empty at the end of the list.
func (w *walk) cursor() (string, error) {
	if !w.more {
		return "", nil
	}
	return w.s.Cursors.Seal(w.at, w.scope)
}
