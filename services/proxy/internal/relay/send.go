package relay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/budget"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/upstream/retryafter"
)

// mostLimited is how often a read is sent again after the provider itself
// found it over a limit, which then is learned and waited for.
const mostLimited = 3

// mostReset is the longest reset that is shown, in seconds. A call is remembered
// for a little more than the minute that the limit is about.
const mostReset = 60

// grace is how much longer than it may a call waits for a provider that asks
// for just that long: taking leave takes a moment, too.
const grace = 250 * time.Millisecond

// A shipment is a request on its way to a provider.
type shipment struct {
	target *route.Target
	params map[string]string
	query  query.Query
	// body is what to send, of the given type and length; nil for none.
	body        io.Reader
	getBody     func() (io.Reader, error)
	length      int64
	contentType string
	accept      string
	// redirect says that a redirect is an answer.
	redirect bool
}

// shipment makes the request of a bound call.
func (c *call) shipment(q query.Query) *shipment {
	sh := &shipment{target: c.bound.Target, params: c.bound.Params, query: q, accept: "application/json"}
	if len(c.body) > 0 {
		body := c.body
		sh.body, sh.length, sh.contentType = bytes.NewReader(body), int64(len(body)), cmp.Or(c.media, "application/json")
		sh.getBody = func() (io.Reader, error) { return bytes.NewReader(body), nil }
	}
	return sh
}

// acquire takes rate budget for one attempt, out of what is left of the time
// that the call may wait.
func (s *Service) acquire(ctx context.Context, c *call, t *route.Target) (budget.Permit, error) {
	before := time.Now()
	permit, err := s.Budget.Acquire(ctx, c.budgetKey(t), t.PerMinute, budget.Caller{
		Account: c.lease.Account, Principal: c.caller.Grant.TokenID,
	}, c.maxWait)
	took := time.Since(before)
	c.maxWait = max(0, c.maxWait-took)
	s.observer.waited(ctx, t.Budget, took, err)
	if err == nil {
		return permit, nil
	}
	if exhausted, ok := errors.AsType[*budget.Exhausted](err); ok {
		s.showBudget(c, t)
		c.header.Set("Retry-After", strconv.Itoa(seconds(exhausted.RetryAfter)))
		return nil, rpcerr.New(rpcerr.RateLimited, "").WithRetryAfter(exhausted.RetryAfter)
	}
	return nil, err
}

func (c *call) budgetKey(t *route.Target) budget.Key {
	organization := c.lease.Organization
	if organization == "" {
		organization = "account " + c.lease.Account
	}
	return budget.Key{Origin: c.lease.Provider.Origin, Organization: organization, Operation: t.Budget}
}

// send carries a read to the provider and returns its answer, whose status is
// 2xx, or 3xx where that is wanted. The caller closes the body.
func (s *Service) send(ctx context.Context, c *call, sh *shipment) (*upstream.Response, error) {
	for sent := 1; ; sent++ {
		permit, err := s.acquire(ctx, c, sh.target)
		if err != nil {
			return nil, err
		}
		resp, err := s.attempt(ctx, c, sh, permit)
		if err != nil {
			return nil, s.unanswered(ctx, c, err)
		}
		switch {
		case resp.Status/100 == 2, resp.Status/100 == 3 && sh.redirect:
			return resp, nil
		case resp.Status == http.StatusTooManyRequests && sent < mostLimited && c.mayOutwait(resp.Header):
			// The permit has learned it: the next one is given when it is over.
			_ = resp.Body.Close()
		default:
			return nil, s.refusal(ctx, c, resp)
		}
	}
}

// mayOutwait tells whether a call found over the limit may wait until it is
// over. A wait that is bound to be too long is not begun.
func (c *call) mayOutwait(h http.Header) bool {
	if c.op.Writes || c.maxWait <= 0 {
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

// attempt sends once, as far as the caller can tell.
func (s *Service) attempt(ctx context.Context, c *call, sh *shipment, permit budget.Permit) (*upstream.Response, error) {
	p := c.lease.Provider
	header := make(http.Header, len(p.Header)+3)
	maps.Copy(header, p.Header)
	header["Accept"] = []string{sh.accept}
	if sh.contentType != "" {
		header["Content-Type"] = []string{sh.contentType}
	}
	if err := c.lease.Inject(header); err != nil {
		return nil, err
	}
	req := &upstream.Request{
		Method: sh.target.HTTPMethod, URL: sh.target.URL(p.Base, sh.params, sh.query.String()),
		Header: header, Body: sh.body, GetBody: sh.getBody, ContentLength: sh.length,
		// That a write leaves the same state twice does not make it one: what it
		// starts, a workflow say, may start twice.
		Write: c.op.Writes, Key: p.Origin + " " + c.lease.Organization,
		Again: func(ctx context.Context) error {
			again, err := s.acquire(ctx, c, sh.target)
			if err == nil {
				permit = again
			}
			return err
		},
	}
	resp, err := s.observer.do(ctx, s.Upstream, c.op.GetId(), p.Base.Hostname(), req)
	if err != nil {
		return nil, err
	}
	c.upstreamStatus = resp.Status
	if c.caller.Grant.Kind == access.KindMCP {
		c.header.Set(access.HeaderUpstreamStatus, strconv.Itoa(resp.Status))
	}
	permit.Learn(resp.Status, resp.Header)
	s.showBudget(c, sh.target)
	return resp, nil
}

// showBudget puts the state of the rate budget into the answer's header.
func (s *Service) showBudget(c *call, t *route.Target) {
	limit, remaining, reset := s.Budget.State(c.budgetKey(t))
	if limit == 0 {
		return
	}
	values := []string{strconv.Itoa(limit), strconv.Itoa(remaining), strconv.Itoa(min(seconds(reset), mostReset))}
	c.header.SetValues("Ratelimit-Limit", values[0:1:1])
	c.header.SetValues("Ratelimit-Remaining", values[1:2:2])
	c.header.SetValues("Ratelimit-Reset", values[2:3:3])
}

// seconds rounds up, so that whoever waits that long does not come too early.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
