package relay

import (
	"context"
	"io"

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
	if page.Rows == 0 {
		if _, err := io.WriteString(dst, "[]"); err != nil {
			return Result{}, written(ctx, err)
		}
	}
	result := Result{List: true, Count: page.Rows, Limit: w.limit, Total: page.Total}
	result.NextCursor, err = w.cursor()
	return result, err
}

func (s *Service) readSingle(ctx context.Context, c *call, dst io.Writer) error {
	resp, err := s.send(ctx, c, c.shipment(c.bound.Query))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	makeRoom(dst, resp)
	if _, err := c.op.Plan.Copy(dst, resp.Body, splice.Window{}); err != nil {
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
		q = w.query()
	}
	resp, err := s.send(ctx, c, c.shipment(q))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if typed, ok := dst.(Typed); ok {
		typed.ContentType(mediaTypeOf(c.lease, resp))
	}
	return s.pour(ctx, c, dst, resp.Body)
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
