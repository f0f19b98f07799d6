package relay

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
	"github.com/sando-dev/sando/services/proxy/internal/upstream/retryafter"
)

// refusal turns the provider's answer into our error: its status for a 4xx,
// 502 or 504 for its own faults, and its words, redacted.
func (s *Service) refusal(ctx context.Context, c *call, resp *upstream.Response) error {
	heard := s.hearAll(ctx, c, resp)
	p := c.lease.Provider
	switch resp.Status {
	case http.StatusUnauthorized:
		// The call has been sent with the new credential already.
		return notRefused(p, resp, heard, credentialRefused)
	case http.StatusForbidden:
		if foreign(p, resp, heard) {
			return edgePage(p, resp, heard)
		}
		s.forbidden(ctx, c, heard)
	case http.StatusTooManyRequests:
		// Whose limit it is makes no difference to when to come again.
	default:
		// Plain text may be the provider's own words; a page never is.
		if resp.Status/100 == 4 && foreign(p, resp, heard) && isPage(resp.Header.Get(headerContentType), nil) {
			return edgePage(p, resp, heard)
		}
	}
	e := newRefusal(p, resp, heard)
	if e.RetryAfter > 0 {
		c.header.Set("Retry-After", strconv.Itoa(seconds(e.RetryAfter)))
	}
	return e
}

func newRefusal(p *route.Provider, resp *upstream.Response, heard complaint) *rpcerr.Error {
	e := rpcerr.New(codeOf(resp.Status), heard.message)
	e.Origin = p.GetName()
	e.Raw = heard.raw
	if resp.Status/100 == 5 && foreign(p, resp, heard) {
		e.Message = "a page came instead of the provider's answer, perhaps from something in front of it"
	}
	switch {
	case resp.Status == http.StatusTooManyRequests:
		e.RetryAfter = retryAfter(resp.Header, time.Duration(p.GetDefaultRetryAfterSeconds())*time.Second)
	case resp.Status == http.StatusServiceUnavailable:
		e.RetryAfter = retryAfter(resp.Header, 0)
	case resp.Status/100 == 4:
		e.Status = resp.Status
	}
	if heard.code != "" {
		e = e.WithDetail("upstream_code", heard.code)
	}
	return e.WithDetail("upstream_status", resp.Status)
}

func codeOf(status int) rpcerr.Code {
	switch {
	case status == http.StatusForbidden:
		return access.CodeUpstreamForbidden
	case status == http.StatusNotFound:
		return access.CodeUpstreamNotFound
	case status == http.StatusTooManyRequests:
		return rpcerr.RateLimited
	case status/100 == 4:
		return access.CodeUpstreamRejected
	case status == http.StatusGatewayTimeout:
		return access.CodeUpstreamTimeout
	case status/100 == 5:
		return access.CodeUpstreamError
	default:
		return access.CodeUpstreamBadResponse
	}
}

// retryAfter is the wait that an answer asks for. One that asks for none at
// all gets a second: the same answer would come again.
func retryAfter(h http.Header, fallback time.Duration) time.Duration {
	if wait, ok := retryafter.Parse(h, time.Now()); ok {
		return max(wait, time.Second)
	}
	return fallback
}

// unanswered turns the failure to get an answer, or a whole one, into our
// error.
func (s *Service) unanswered(ctx context.Context, c *call, err error) error {
	if own, ok := errors.AsType[*rpcerr.Error](err); ok {
		return own
	}
	if bad, ok := errors.AsType[*splice.WriteError](err); ok {
		return written(ctx, bad.Err)
	}
	err = c.lease.Secrets().Error(err)
	origin := c.lease.Provider.GetName()
	fault := func(code rpcerr.Code, message string) *rpcerr.Error {
		e := rpcerr.New(code, message).WithCause(err)
		e.Origin = origin
		return e
	}
	up, ok := errors.AsType[*upstream.Error](err)
	if !ok {
		return s.unreadable(ctx, err, fault)
	}
	switch up.Kind {
	case upstream.KindTimeout:
		return fault(access.CodeUpstreamTimeout, c.late())
	case upstream.KindCancelled:
		return rpcerr.New(rpcerr.Cancelled, "").WithCause(err)
	case upstream.KindBody:
		return bodyFault(err)
	case upstream.KindInvalid:
		return rpcerr.New(rpcerr.Internal, "").WithCause(err)
	case upstream.KindProtocol, upstream.KindTooLarge:
		return fault(access.CodeUpstreamBadResponse, "")
	case upstream.KindBreakerOpen:
		return fault(access.CodeUpstreamError, "the provider kept failing and is given a pause").WithRetryAfter(max(up.RetryAfter, time.Second))
	default:
		return fault(access.CodeUpstreamError, "")
	}
}

// unreadable is for answers that came but are not what they should be.
func (s *Service) unreadable(ctx context.Context, err error, fault func(rpcerr.Code, string) *rpcerr.Error) error {
	malformed := new(splice.MalformedError)
	switch {
	case interrupted(ctx, err):
		return err
	case errors.Is(err, splice.ErrTruncated):
		return fault(access.CodeUpstreamBadResponse, "the provider's answer broke off")
	case errors.Is(err, errTooLong):
		return fault(access.CodeUpstreamBadResponse, "the provider's answer is longer than is kept")
	case errors.As(err, &malformed):
		return fault(access.CodeUpstreamBadResponse, "the provider's answer is not JSON")
	case errors.Is(err, splice.ErrCursor):
		return fault(access.CodeUpstreamBadResponse, "the provider's next cursor is neither text nor null")
	case errors.Is(err, splice.ErrAggregations):
		return rpcerr.New(rpcerr.ResultTooLarge, "the aggregations have more than 1 MiB").WithCause(err).
			WithFix("Ask for fewer groups, for example by options.size.")
	case errors.Is(err, splice.ErrNoData), errors.Is(err, splice.ErrShape):
		return fault(access.CodeUpstreamBadResponse, "the provider's answer does not hold the data where its documents say")
	case errors.Is(err, errCircle):
		return fault(access.CodeUpstreamBadResponse, "the provider's pages go round in a circle").WithFix("Start again without next_cursor, or narrow the filters.")
	default:
		return err
	}
}

// written explains why the answer could not be handed on.
func written(ctx context.Context, err error) error {
	if own, ok := errors.AsType[*rpcerr.Error](err); ok {
		return own
	}
	if ctx.Err() != nil {
		return rpcerr.New(rpcerr.Cancelled, "").WithCause(err)
	}
	return err
}

// bodyFault explains why the caller's own body could not be sent.
func bodyFault(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return rpcerr.New(rpcerr.RequestTooLarge, "").WithDetail("limit_bytes", tooLarge.Limit).WithCause(err)
	}
	if own, ok := errors.AsType[*rpcerr.Error](err); ok {
		return own
	}
	return rpcerr.New(rpcerr.Cancelled, "").WithCause(err)
}
