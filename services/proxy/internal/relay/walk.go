package relay

import (
	"context"
	"errors"
	"io"
	"slices"
	"strconv"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/services/proxy/internal/cursor"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// mostPages is how many pages of the provider one call reads to find a row.
const mostPages = 5

// errCircle means that the provider's cursors lead back to where they were.
var errCircle = errors.New("relay: the provider's cursors go round in a circle")

// A walk goes through a list page by page, however the provider pages.
type walk struct {
	s     *Service
	c     *call
	scope cursor.Scope
	limit int // rows a page

	at   cursor.Position
	more bool // there is, or may be, a page at the position
	read int  // pages of the provider read so far
}

// newWalk begins where the caller's cursor says.
func (s *Service) newWalk(c *call, size int) (*walk, error) {
	w := &walk{s: s, c: c, limit: size, more: true}
	if c.limit > 0 {
		w.limit = c.limit
	}
	if !c.op.Pages {
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

// next reads the next page that has a row, and at most mostPages in all. What
// it returns may still be empty.
func (w *walk) next(ctx context.Context, dst io.Writer, lines bool) (splice.Page, error) {
	for reads := 1; ; reads++ {
		page, err := w.page(ctx, dst, splice.Window{Limit: w.limit, After: w.at.After, Skip: w.at.Skip, Lines: lines})
		if err != nil || page.Rows > 0 || !w.more || reads == mostPages {
			return page, err
		}
	}
}

// page reads one page of the provider and moves on.
func (w *walk) page(ctx context.Context, dst io.Writer, window splice.Window) (splice.Page, error) {
	page, err := w.fetch(ctx, dst, window)
	if err == nil && !page.Found {
		// The row to go on behind is gone, and one less came before it.
		window.After, window.Skip = "", max(0, window.Skip-1)
		page, err = w.fetch(ctx, dst, window)
	}
	if err != nil {
		return page, err
	}
	at, more, err := w.after(&page)
	if err != nil {
		return page, w.s.unanswered(ctx, w.c, err)
	}
	w.at, w.more = at, more
	return page, nil
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
	if err != nil {
		return page, w.s.unanswered(ctx, w.c, err)
	}
	return page, nil
}

// size is the page size to ask the provider for.
func (w *walk) size() int {
	if w.at.Size > 0 {
		return w.at.Size
	}
	return w.limit
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
		if w.at.Offset > 0 {
			position = strconv.FormatInt(w.at.Offset, 10)
		}
	case catalogv1.PagingStyle_PAGING_STYLE_INDEX, catalogv1.PagingStyle_PAGING_STYLE_PAGE_NUMBER:
		position = strconv.FormatInt(w.at.Offset+1, 10)
	}
	if position != "" {
		q = q.Add(paging.GetPositionParameter(), position)
	}
	return q
}

// after works out where the list goes on behind a page, and whether it does.
func (w *walk) after(page *splice.Page) (cursor.Position, bool, error) {
	if !w.c.op.Pages {
		return cursor.Position{}, false, nil
	}
	inside := cursor.Position{After: page.Last, Skip: page.Before + page.Rows}
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
		return cursor.Position{Upstream: page.Next, Trail: trail}, true, nil
	case catalogv1.PagingStyle_PAGING_STYLE_OFFSET, catalogv1.PagingStyle_PAGING_STYLE_INDEX:
		offset := w.at.Offset + int64(page.Rows)
		more := page.More || page.Seen >= w.limit
		if page.Total >= 0 {
			more = page.Rows > 0 && offset < page.Total
		}
		return cursor.Position{Offset: offset}, more, nil
	case catalogv1.PagingStyle_PAGING_STYLE_PAGE_NUMBER:
		return cursor.Position{Offset: w.at.Offset + 1}, page.Seen >= w.limit, nil
	default:
		return inside, page.More, nil
	}
}

// cursor seals the position; empty at the end of the list.
func (w *walk) cursor() (string, error) {
	if !w.more {
		return "", nil
	}
	return w.s.Cursors.Seal(w.at, w.scope)
}
