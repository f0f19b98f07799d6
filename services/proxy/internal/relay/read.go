package relay

import (
	"bytes"
	"context"
	"io"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// A Result is what stands beside the data of an answer.
type Result struct {
	// List says that the data is a list; the rest is about lists only.
	List bool
	// NextCursor continues it; empty at its end.
	NextCursor string
	// Count is the number of rows, Limit the page size in force.
	Count, Limit int
	// Total is the number of all matches; -1 where the provider does not say.
	Total int64
	// Aggregations is what the provider computed over the matches, as JSON; empty
	// when nothing was asked for.
	Aggregations string
	// Shifted says that the page begins elsewhere than where the one before it
	// ended, because the list has changed.
	Shifted bool
}

// A Typed writer wants to know the media type of bytes that are handed on as
// they are, before they come.
type Typed interface{ ContentType(mediaType string) }

// Read carries a call that changes nothing: it writes the data to dst, a JSON
// value, and returns what stands beside it. When it fails, what was written is
// not to be completed.
func (s *Service) Read(ctx context.Context, aim *Aim, dst io.Writer) (Result, error) {
	c, err := s.beginRead(ctx, aim)
	if err != nil {
		return Result{}, err
	}
	result, err := s.read(ctx, c, dst)
	s.note(ctx, c, err)
	return result, err
}

// beginRead is begin for calls that must not change anything: those are not in
// the ledger of writes.
func (s *Service) beginRead(ctx context.Context, aim *Aim) (*call, error) {
	c, err := s.begin(ctx, aim)
	if err == nil && c.op.Writes {
		return nil, rpcerr.Newf(rpcerr.MethodNotAllowed, "%s changes something", c.op.GetId()).WithFix("Use Invoke, or POST.")
	}
	return c, err
}

func (s *Service) read(ctx context.Context, c *call, dst io.Writer) (Result, error) {
	switch {
	case c.raw:
		return Result{}, s.readRaw(ctx, c, dst)
	case c.op.List:
		return s.readPage(ctx, c, dst)
	default:
		return Result{}, s.readSingle(ctx, c, dst)
	}
}

func (s *Service) readPage(ctx context.Context, c *call, dst io.Writer) (Result, error) {
	w, err := s.newWalk(c, c.defaultSize())
	if err != nil {
		return Result{}, err
	}
	page, err := w.next(ctx, dst, false)
	if err != nil {
		return Result{}, err
	}
	if !page.List {
		return Result{}, w.whole()
	}
	if page.Rows == 0 {
		if _, err := io.WriteString(dst, "[]"); err != nil {
			return Result{}, written(ctx, err)
		}
	}
	return w.result(&page)
}

func (s *Service) readSingle(ctx context.Context, c *call, dst io.Writer) error {
	resp, err := s.send(ctx, c, c.shipment(c.bound.Query))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	makeRoom(dst, resp)
	page, err := c.op.Plan.Copy(dst, resp.Body, splice.Window{})
	s.observer.replaced(ctx, c.op.GetId(), page.Replaced)
	if err != nil {
		return s.unanswered(ctx, c, err)
	}
	return nil
}

// A Growing writer keeps what is written and can make room for it at once.
type Growing interface{ Grow(bytes int) }

// makeRoom tells a writer how much will come, where the provider says so. Data
// is never longer than its answer.
func makeRoom(dst io.Writer, resp *upstream.Response) {
	if growing, ok := dst.(Growing); ok && resp.ContentLength > 0 {
		growing.Grow(int(resp.ContentLength))
	}
}

// readRaw hands the provider's bytes on as they are.
func (s *Service) readRaw(ctx context.Context, c *call, dst io.Writer) error {
	w, err := s.newWalk(c, c.defaultSize())
	if err != nil {
		return err
	}
	q := c.bound.Query
	if c.op.List {
		if err := w.rawPage(); err != nil {
			return err
		}
		q = w.query()
	}
	resp, err := s.send(ctx, c, c.shipment(q))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	mediaType := mediaTypeOf(c.lease, resp)
	if typed, ok := dst.(Typed); ok {
		typed.ContentType(mediaType)
	}
	if !isPage(mediaType, nil) {
		return s.pour(ctx, c, dst, resp.Body)
	}
	// A page that takes the place of an answer is an error by another name.
	page := &bounded{most: s.Limits.Answer}
	if _, err := io.Copy(page, resp.Body); err != nil {
		return s.unanswered(ctx, c, err)
	}
	return s.pour(ctx, c, dst, bytes.NewReader(c.lease.Secrets().Bytes(page.Bytes())))
}

// rawPage refuses what cannot be had in the provider's own bytes: a page that is
// cut here.
func (w *walk) rawPage() error {
	switch {
	case w.c.limit > 0 && w.c.op.GetPaging().GetSizeParameter() == "":
		return rpcerr.Invalid(catalog.ArgumentLimit, "the provider does not page this list, and "+headerRaw+" leaves it whole").
			WithFix("Leave out limit or " + headerRaw + ".")
	case w.c.cursor != "" && (w.c.op.Local || w.at.Size > 0):
		return rpcerr.Invalid(catalog.ArgumentCursor, "goes on inside of a page of the provider, and "+headerRaw+" leaves that whole").
			WithFix("Leave out next_cursor or " + headerRaw + ".")
	}
	return nil
}

// pour copies bytes and tells which side failed.
func (s *Service) pour(ctx context.Context, c *call, dst io.Writer, src io.Reader) error {
	if _, err := io.Copy(marked{dst}, src); err != nil {
		return s.unanswered(ctx, c, err)
	}
	return nil
}

// marked marks the errors of a writer.
type marked struct{ w io.Writer }

func (m marked) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	if err != nil {
		return n, &splice.WriteError{Err: err}
	}
	return n, nil
}
