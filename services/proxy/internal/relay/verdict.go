package relay

import (
	"context"
	"net/http"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

// unauthorized makes sure that a 401 is about the credential before it is
// called broken: one probe with the operation that verifies credentials.
func (s *Service) unauthorized(ctx context.Context, c *call, heard complaint) error {
	broken, err := s.refused(ctx, c)
	if err != nil {
		return err
	}
	p := c.lease.Provider
	if !broken {
		e := rpcerr.New(access.CodeUpstreamError, "the provider refused a credential that works").WithDetail("upstream_status", http.StatusUnauthorized)
		e.Origin, e.Raw = p.GetName(), heard.raw
		return e
	}
	report := credential.Verdict{Unauthorized: true, Message: heard.message}
	if err := s.Credentials.Report(ctx, c.lease, report); err != nil {
		s.Log.WarnContext(ctx, "a refused credential could not be reported", "account", c.lease.Account, "error", err)
	}
	e := rpcerr.New(access.CodeNeedsReauth, "")
	e.Raw = heard.raw
	return e.WithDetail("upstream_status", http.StatusUnauthorized)
}

// refused asks the provider whether it still knows the credential.
func (s *Service) refused(ctx context.Context, c *call) (bool, error) {
	op, ok := c.lease.Provider.Operation(c.lease.Provider.GetVerification().GetOperation())
	if !ok {
		return true, nil
	}
	probe := *c
	probe.op, probe.body, probe.bound = op, nil, route.Binding{Target: &op.Target}
	permit, err := s.acquire(ctx, &probe, &op.Target)
	if err != nil {
		return false, err
	}
	resp, err := s.attempt(ctx, &probe, probe.shipment(nil), permit)
	if err != nil {
		return false, s.unanswered(ctx, c, err)
	}
	_ = resp.Body.Close()
	return resp.Status == http.StatusUnauthorized, nil
}

// forbidden tells auth that a permission is missing.
func (s *Service) forbidden(ctx context.Context, c *call, heard complaint) {
	report := credential.Verdict{
		Forbidden: true, Resource: c.op.Resource, Method: c.op.Method, Message: heard.message, MissingScopes: heard.missingScopes,
	}
	if err := s.Credentials.Report(ctx, c.lease, report); err != nil {
		s.Log.WarnContext(ctx, "a missing permission could not be reported", "account", c.lease.Account, "error", err)
	}
}
