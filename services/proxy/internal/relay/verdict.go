package relay

import (
	"context"
	"net/http"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// challenge answers a 401. Where the account has another credential by now, it
// takes that one for the call and returns nil: the call did nothing and may be
// sent once more. Else it is the error to answer.
func (s *Service) challenge(ctx context.Context, c *call, resp *upstream.Response) error {
	heard := s.hearAll(ctx, c, resp)
	if renewed, err := s.renewed(ctx, c); renewed || err != nil {
		return err
	}
	verdict, err := s.verdict(ctx, c)
	if err != nil {
		return err
	}
	p := c.lease.Provider
	if verdict != credentialRefused {
		return notRefused(p, resp, heard, verdict)
	}
	report := credential.Verdict{Unauthorized: true, Message: heard.message}
	reported := s.Credentials.Report(ctx, c.lease, report)
	if reported != nil {
		s.Log.WarnContext(ctx, "a refused credential could not be reported", "account", c.lease.Account, "error", reported)
	}
	// Auth has either renewed the credential or found that it cannot.
	renewed, err := s.renewed(ctx, c)
	switch {
	case renewed:
		return nil
	case err != nil && rpcerr.CodeOf(err) != access.CodeNeedsReauth:
		return err
	case err == nil && reported != nil:
		return rpcerr.New(rpcerr.Unavailable, "the provider refused the credential, and it cannot be renewed at the moment").WithCause(reported)
	}
	e := rpcerr.New(access.CodeNeedsReauth, "")
	e.Raw = heard.raw
	return e.WithDetail("upstream_status", http.StatusUnauthorized)
}

// renewed takes the account's credential for the call if it is another one than
// the call was sent with.
func (s *Service) renewed(ctx context.Context, c *call) (bool, error) {
	lease, err := s.Credentials.Lease(ctx, c.lease.Environment, c.lease.Account)
	if err != nil || lease.Version == c.lease.Version {
		return false, err
	}
	c.lease = lease
	return true, nil
}

// notRefused is the error for a 401 that is no verdict on the credential.
func notRefused(p *route.Provider, resp *upstream.Response, heard complaint, v verdict) error {
	if foreign(p, resp, heard) {
		return edgePage(p, resp, heard)
	}
	message := "the provider refused a credential that works"
	switch v {
	case credentialRefused:
		message = "the provider refused the credential, which was renewed for this call"
	case credentialUnclear:
		message = "the provider refused the credential, and whether it still works could not be found out"
	}
	return ofProvider(p, resp, heard, rpcerr.New(access.CodeUpstreamError, message))
}

// ofProvider puts what the provider said into an error.
func ofProvider(p *route.Provider, resp *upstream.Response, heard complaint, e *rpcerr.Error) *rpcerr.Error {
	e.Origin, e.Raw = p.GetName(), heard.raw
	return e.WithDetail("upstream_status", resp.Status)
}

// A verdict is what is known of a credential.
type verdict int

const (
	credentialWorks verdict = iota
	credentialRefused
	credentialUnclear
)

// verdict asks the provider whether it still knows the credential, with the
// operation that verifies credentials: a 401 may be about something else.
func (s *Service) verdict(ctx context.Context, c *call) (verdict, error) {
	op, ok := c.lease.Provider.Operation(c.lease.Provider.GetVerification().GetOperation())
	if !ok {
		return credentialRefused, nil
	}
	probe := *c
	probe.op, probe.body, probe.bound = op, nil, route.Binding{Target: &op.Target}
	permit, err := s.acquire(ctx, &probe, &op.Target)
	if err != nil {
		return credentialUnclear, err
	}
	resp, err := s.attempt(ctx, &probe, probe.shipment(nil), permit)
	if err != nil {
		return credentialUnclear, s.unanswered(ctx, c, err)
	}
	heard := s.hearAll(ctx, c, resp)
	switch {
	case resp.Status/100 == 2:
		return credentialWorks, nil
	case resp.Status == http.StatusUnauthorized && !foreign(c.lease.Provider, resp, heard):
		return credentialRefused, nil
	default:
		return credentialUnclear, nil
	}
}

// hearAll reads a provider's error and closes it.
func (s *Service) hearAll(ctx context.Context, c *call, resp *upstream.Response) complaint {
	defer resp.Body.Close()
	return s.hear(ctx, c, resp.Body)
}

// foreign says whether an error is not the provider's but that of something in
// front of it, such as a content delivery network: the provider's errors are
// JSON where the catalog says how to read them. An error without a body may be
// anybody's and counts as the provider's.
func foreign(p *route.Provider, resp *upstream.Response, heard complaint) bool {
	f := p.GetErrorFormat()
	declared := f.GetMessagePointer() != "" || len(f.GetMessagePointers()) > 0
	return declared && heard.text && !isJSON(resp.Header.Get(headerContentType))
}

// edgePage is the error for a refusal by what stands in front of a provider.
func edgePage(p *route.Provider, resp *upstream.Response, heard complaint) *rpcerr.Error {
	e := rpcerr.Newf(access.CodeUpstreamBadResponse, "something in front of the provider refused the call with status %d; its answer is not the provider's", resp.Status).
		WithFix("Try again; if it persists, ask the provider whether a firewall or content delivery network of theirs refuses these calls.")
	return ofProvider(p, resp, heard, e)
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
