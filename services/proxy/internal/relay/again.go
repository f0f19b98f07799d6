package relay

import (
	"context"
	"net/http"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/upstream/retryafter"
)

// mostSent is how often a call is sent that the provider refuses for the time
// being. Time bounds it as well: no call waits longer than it may.
const mostSent = 10

// grace is how much longer than it may a call waits for a provider that asks
// for just that long: taking leave takes a moment, too.
const grace = 250 * time.Millisecond

// again decides whether a call is sent once more. It counts what was sent.
type again struct {
	s       *Service
	c       *call
	sent    int
	renewed bool // the credential was replaced once
}

func (s *Service) again(c *call) again { return again{s: s, c: c} }

// after decides by the provider's answer whether the call is sent once more,
// and waits where the rate budget does not. An answer that is done with is
// closed. A write is sent again only where the answer says that nothing was
// done: 429 and 401, but not 503.
func (a *again) after(ctx context.Context, resp *upstream.Response) (bool, error) {
	a.sent++
	switch {
	case resp.Status == http.StatusUnauthorized && !a.renewed:
		a.renewed = true
		return true, a.s.challenge(ctx, a.c, resp)
	case a.sent >= mostSent:
		return false, nil
	case resp.Status == http.StatusTooManyRequests && a.c.mayOutwait(resp.Header):
		// The permit has learned it: the next one is given when it is over.
		_ = resp.Body.Close()
		return true, nil
	case resp.Status == http.StatusServiceUnavailable && !a.c.op.Writes:
		wait, ok := retryafter.Parse(resp.Header, time.Now())
		if !ok || wait <= 0 || wait > a.c.patience(ctx) {
			return false, nil
		}
		_ = resp.Body.Close()
		a.c.maxWait -= wait
		return true, sleep(ctx, wait)
	}
	return false, nil
}

// mayOutwait tells whether a call found over the limit may wait until it is
// over. A wait that is bound to be too long is not begun.
func (c *call) mayOutwait(h http.Header) bool {
	if c.maxWait <= 0 {
		return false
	}
	asked, ok := retryafter.Parse(h, time.Now())
	if !ok {
		return true // the budget knows how long
	}
	if asked > c.maxWait+grace {
		return false
	}
	c.maxWait = max(c.maxWait, asked+grace)
	return true
}

// useTime is how much of its time a call keeps for the provider, and no more
// than a quarter of it.
const useTime = 10 * time.Second

// patience is how long a call may wait before it is sent: as long as its caller
// lets it, and not so long that the provider has no time left to answer.
func (c *call) patience(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return c.maxWait
	}
	left := time.Until(deadline)
	return max(0, min(c.maxWait, left-min(left/4, useTime)))
}

// late says of a call that got no answer in time whose time it was; empty when
// it was the provider's alone.
func (c *call) late() string {
	if c.waited < time.Second {
		return ""
	}
	return "the provider did not answer in the time that was left after the call had waited " + c.waited.Round(time.Second).String() + " for rate budget"
}

// leave takes leave to send a call once more. Since the first time the caller
// may have lost it, and the account its credential.
func (s *Service) leave(ctx context.Context, c *call, sh *shipment) (budget.Permit, error) {
	permit, err := s.acquire(ctx, c, sh.target)
	if err != nil {
		return nil, err
	}
	allowed := s.Watch.AllowRead
	if c.op.Writes {
		allowed = s.Watch.AllowWrite
	}
	if err := allowed(); err != nil {
		return nil, err
	}
	if c.lease, err = s.Credentials.Lease(ctx, c.lease.Environment, c.lease.Account); err != nil {
		return nil, err
	}
	return permit, sh.rewind()
}

// rewind has the body ready once more.
func (sh *shipment) rewind() error {
	if sh.getBody == nil {
		return nil
	}
	body, err := sh.getBody()
	sh.body = body
	return err
}

// sleep waits until ctx ends at most.
func sleep(ctx context.Context, wait time.Duration) error {
	over, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	<-over.Done()
	return ctx.Err()
}
