package relay

import (
	"context"
	"errors"
	"io"

	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// A Summary is what a whole stream came to.
type Summary struct {
	Rows  int64
	Pages int
}

// Stream walks a whole list from the caller's cursor on: it writes the rows of
// each page to dst, as a JSON array or one a line, and then calls page with what
// stands beside them. Nothing is read ahead: a slow receiver slows the provider.
// A stream that breaks off goes on from the cursor of the last page.
func (s *Service) Stream(ctx context.Context, aim *Aim, lines bool, dst io.Writer, page func(Result) error) (Summary, error) {
	c, err := s.begin(ctx, aim)
	if err != nil {
		return Summary{}, err
	}
	if !c.op.List {
		return Summary{}, noList(c)
	}
	summary, err := s.stream(ctx, c, lines, dst, page)
	s.note(ctx, c, err)
	return summary, err
}

func (s *Service) stream(ctx context.Context, c *call, lines bool, dst io.Writer, page func(Result) error) (Summary, error) {
	var sum Summary
	if c.raw {
		return sum, rpcerr.Invalid(headerRaw, "a stream of rows is not the provider's own bytes").WithFix("Leave out " + headerRaw + ", or ask for pages.")
	}
	w, err := s.newWalk(c, c.maxSize())
	if err != nil {
		return sum, err
	}
	patience := max(c.maxWait, s.Limits.MostWait)
	for w.more {
		// A stream may wait for budget anew for each page. It must also find out
		// that its account has been unlinked, or its credential replaced.
		c.maxWait = patience
		if c.lease, err = s.Credentials.Lease(ctx, c.lease.Environment, c.lease.Account); err != nil {
			return sum, err
		}
		if err := s.Watch.AllowRead(); err != nil {
			return sum, err
		}
		rows, err := w.next(ctx, dst, lines)
		if errors.Is(err, splice.ErrNoList) {
			return sum, noList(c)
		}
		if err != nil {
			return sum, err
		}
		if !rows.List {
			return sum, noList(c)
		}
		if rows.Rows == 0 && !lines {
			if _, err := io.WriteString(dst, "[]"); err != nil {
				return sum, written(ctx, err)
			}
		}
		result, err := w.result(&rows)
		if err != nil {
			return sum, err
		}
		if err := page(result); err != nil {
			return sum, written(ctx, err)
		}
		sum.Rows += int64(rows.Rows)
		sum.Pages++
	}
	return sum, nil
}

func noList(c *call) error {
	return rpcerr.Newf(rpcerr.ValidationFailed, "%s does not answer a list, so there are no rows to stream", c.op.GetId()).
		WithFix("Leave out Accept: application/x-ndjson; over RPC, use List, Get or Invoke.")
}
