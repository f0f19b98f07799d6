package upstream

import (
	"context"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream/retryafter"
)

// Do sends r, again where that is safe and may help.
func (c *client) Do(ctx context.Context, r *Request) (*Response, error) {
	if err := r.check(); err != nil {
		return nil, &Error{Kind: KindInvalid, cause: err}
	}
	body := r.Body
	for n := 1; ; n++ {
		resp, failed := c.attempt(ctx, r, watched(body))
		next, ok := c.again(ctx, r, n, resp, failed)
		if !ok {
			if failed != nil {
				return nil, failed
			}
			return resp, nil
		}
		if resp != nil {
			discard(resp.Body)
		}
		body = next
	}
}

// again decides on a further attempt, waits for its time and gives its body.
// Until it says yes the answer at hand is kept: it may be the best there is.
func (c *client) again(ctx context.Context, r *Request, n int, resp *Response, failed *Error) (io.Reader, bool) {
	if n >= c.cfg.Retry.Attempts || r.Body != nil && r.GetBody == nil || !repeatable(r, resp, failed) {
		return nil, false
	}
	wait := c.backoff(n)
	if resp != nil {
		if asked, ok := retryafter.Parse(resp.Header, c.now()); ok {
			if !r.outwaits(asked) {
				return nil, false
			}
			wait = max(wait, asked)
		}
	}
	if _, bounded := ctx.Deadline(); !bounded && wait > c.cfg.Retry.Max {
		return nil, false
	}
	if !sleep(ctx, wait) {
		return nil, false
	}
	if r.Again != nil && r.Again(ctx) != nil {
		return nil, false
	}
	var body io.Reader
	if r.Body != nil {
		var err error
		if body, err = r.GetBody(); err != nil {
			return nil, false
		}
	}
	c.log.DebugContext(ctx, "upstream attempt repeated", "key", r.Key, "attempt", n+1, "status", status(resp), "kind", kind(failed))
	return body, true
}

// outwaits takes a wait off the caller's patience, if it lasts that long.
func (r *Request) outwaits(wait time.Duration) bool {
	if r.Patience == nil {
		return true
	}
	if wait > *r.Patience {
		return false
	}
	*r.Patience -= wait
	return true
}

// repeatable tells whether sending r again is safe and may help.
func repeatable(r *Request, resp *Response, failed *Error) bool {
	if failed == nil {
		return unavailable(resp.Status) && (!r.Write || r.Idempotent)
	}
	if failed.Sent && r.Write && !r.Idempotent {
		return false
	}
	switch failed.Kind {
	case KindDial, KindDNS, KindReset:
		return true
	case KindTLS:
		return failed.Timeout
	}
	return false
}

// backoff draws the wait before attempt n+1.
func (c *client) backoff(n int) time.Duration {
	most := min(c.cfg.Retry.Base<<min(n-1, 16), c.cfg.Retry.Max)
	return rand.N(most) + 1
}

// sleep waits, unless that would take all the time ctx has left.
func sleep(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// discard reads a short rest, so that the connection can be used again.
func discard(body io.ReadCloser) {
	// Either way the body is done with.
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}

// A callersBody is the body of a request, which remembers its own failure:
// engines do not pass it on as it was.
type callersBody struct {
	io.Reader
	failed atomic.Pointer[bodyError]
}

// watched makes a body tell its failures; nil stays nil.
func watched(r io.Reader) *callersBody {
	if r == nil {
		return nil
	}
	return &callersBody{Reader: r}
}

func (b *callersBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		err := &bodyError{err}
		b.failed.Store(err)
		return n, err
	}
	return n, err
}

// failure is what reading came to; nil while it goes well.
func (b *callersBody) failure() error {
	if b == nil || b.failed.Load() == nil {
		return nil
	}
	return b.failed.Load()
}

func status(r *Response) int {
	if r == nil {
		return 0
	}
	return r.Status
}

func kind(e *Error) string {
	if e == nil {
		return ""
	}
	return string(e.Kind)
}
