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
)

// mostReset is the longest reset that is shown, in seconds. A call is remembered
// for a little more than the minute that the limit is about.
const mostReset = 60

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
	sh := &shipment{target: c.bound.Target, params: c.bound.Params, query: q, accept: mediaJSON}
	if len(c.body) > 0 {
		body := c.body
		sh.body, sh.length, sh.contentType = bytes.NewReader(body), int64(len(body)), cmp.Or(c.media, mediaJSON)
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
	}, c.patience(ctx))
	took := time.Since(before)
	c.maxWait, c.waited = max(0, c.maxWait-took), c.waited+took
	s.observer.waited(ctx, t.Budget, took, err)
	if err == nil {
		return permit, nil
	}
	if exhausted, ok := errors.AsType[*budget.Exhausted](err); ok {
		s.showBudget(c, t)
		return nil, c.overBudget(exhausted.RetryAfter)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		_, _, reset := s.Budget.State(c.budgetKey(t))
		return nil, c.overBudget(max(reset, time.Second))
	}
	return nil, err
}

// overBudget is the error of a call that had no more time to wait for rate
// budget. It is ours: the provider was not asked.
func (c *call) overBudget(after time.Duration) error {
	c.header.Set("Retry-After", strconv.Itoa(seconds(after)))
	e := rpcerr.New(rpcerr.RateLimited, "").WithRetryAfter(after)
	if c.waited >= time.Second {
		e = rpcerr.Newf(rpcerr.RateLimited, "the rate budget of this operation is used up: the call waited %s for it", c.waited.Round(time.Second)).
			WithRetryAfter(after)
	}
	return e
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
	again := s.again(c)
	permit, err := s.acquire(ctx, c, sh.target)
	for err == nil {
		var resp *upstream.Response
		if resp, err = s.attempt(ctx, c, sh, permit); err != nil {
			return nil, s.unanswered(ctx, c, err)
		}
		if resp.Status/100 == 2 || resp.Status/100 == 3 && sh.redirect {
			return resp, nil
		}
		more, refused := again.after(ctx, resp)
		switch {
		case refused != nil:
			return nil, refused
		case !more:
			return nil, s.refusal(ctx, c, resp)
		}
		permit, err = s.leave(ctx, c, sh)
	}
	return nil, err
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
		Write: c.op.Writes, Key: p.Origin + " " + c.lease.Organization, Patience: &c.maxWait,
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
