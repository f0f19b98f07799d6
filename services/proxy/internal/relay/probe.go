package relay

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/proxy/internal/credential"
	"github.com/sando-dev/sando/services/proxy/internal/query"
	"github.com/sando-dev/sando/services/proxy/internal/route"
	"github.com/sando-dev/sando/services/proxy/internal/splice"
)

// A Credential is one that is tried before it is stored.
type Credential struct {
	Integration, Method string
	Values              map[string]string
}

// A Finding is what a credential turned out to be.
type Finding struct {
	OrganizationID, OrganizationName string
	// Profile is the data of the verification operation.
	Profile json.RawMessage
	// Outcomes say for each operation asked for: ok, forbidden or error.
	Outcomes map[string]string
}

// Probe tries a credential: CREDENTIAL_REJECTED when the provider refuses it.
func (s *Service) Probe(ctx context.Context, cred Credential, operations []string) (*Finding, error) {
	p, ok := s.Routes.Provider(cred.Integration)
	if !ok {
		return nil, rpcerr.Invalid("integration", "there is no such integration")
	}
	verification, ok := p.Operation(p.GetVerification().GetOperation())
	if !ok {
		return nil, rpcerr.Newf(rpcerr.Unimplemented, "%s has no way to verify a credential", p.GetName())
	}
	lease, err := s.Credentials.Probe(p, cred.Method, cred.Values)
	if err != nil {
		return nil, rpcerr.New(access.CodeCredentialRejected, "the credential cannot be sent").WithCause(err)
	}
	lease.Organization = "probe " + fingerprint(cred.Values)
	c := &call{
		caller: &access.Caller{Grant: &grant.Grant{}}, lease: lease, header: new(connect.Header),
		op: verification, bound: route.Binding{Target: &verification.Target},
		began: s.Now(), maxWait: s.Limits.MaxWait,
	}
	f, err := s.verify(ctx, c)
	if err != nil {
		return nil, err
	}
	f.Outcomes = make(map[string]string, len(operations))
	for _, id := range operations {
		f.Outcomes[id] = s.try(ctx, c, p, id)
	}
	return f, nil
}

// verify calls the operation that names the organisation.
func (s *Service) verify(ctx context.Context, c *call) (*Finding, error) {
	permit, err := s.acquire(ctx, c, c.bound.Target)
	if err != nil {
		return nil, err
	}
	resp, err := s.attempt(ctx, c, c.shipment(nil), permit)
	if err != nil {
		return nil, s.unanswered(ctx, c, err)
	}
	defer resp.Body.Close()
	switch resp.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		heard := s.hear(ctx, c, resp.Body)
		if foreign(c.lease.Provider, resp, heard) {
			return nil, edgePage(c.lease.Provider, resp, heard)
		}
		e := newRefusal(c.lease.Provider, resp, heard)
		e.Code, e.Status = access.CodeCredentialRejected, 0
		return nil, e
	}
	if resp.Status/100 != 2 {
		return nil, s.refusal(ctx, c, resp)
	}
	data := &bounded{most: s.Limits.Answer}
	if _, err := c.op.Plan.Copy(data, resp.Body, splice.Window{}); err != nil {
		return nil, s.unanswered(ctx, c, err)
	}
	return findingOf(c.lease, data.Bytes())
}

// findingOf reads the answer of the verification operation. What is stored of
// it holds nothing of the credential.
func findingOf(lease *credential.Lease, data []byte) (*Finding, error) {
	v, secrets := lease.Provider.GetVerification(), lease.Secrets()
	id := catalog.FirstText(data, v.GetOrganizationIdPointer())
	if secrets.Text(id) != id {
		e := rpcerr.New(access.CodeUpstreamBadResponse, "the provider names the organisation by the credential")
		e.Origin = lease.Provider.GetName()
		return nil, e
	}
	return &Finding{
		OrganizationID:   id,
		OrganizationName: secrets.Text(catalog.FirstText(data, v.GetOrganizationNamePointer())),
		Profile:          secrets.Bytes(data),
	}, nil
}

// try finds out whether a credential reaches an operation.
func (s *Service) try(ctx context.Context, c *call, p *route.Provider, id string) string {
	op, ok := p.Operation(id)
	if !ok || op.Writes {
		return "error"
	}
	probe := *c
	probe.op = op
	bound, err := op.Bind("", nil, nil)
	if err != nil {
		return "error"
	}
	probe.bound = bound
	q := bound.Query
	if name := op.GetPaging().GetSizeParameter(); name != "" {
		q = append(query.Query(nil), q...).Add(name, "1")
	}
	permit, err := s.acquire(ctx, &probe, bound.Target)
	if err != nil {
		return "error"
	}
	resp, err := s.attempt(ctx, &probe, probe.shipment(q), permit)
	if err != nil {
		return "error"
	}
	heard := s.hearAll(ctx, c, resp)
	switch {
	case resp.Status/100 == 2:
		return "ok"
	case resp.Status == http.StatusForbidden && !foreign(p, resp, heard):
		return "forbidden"
	default:
		return "error"
	}
}

// fingerprint tells credentials apart without showing them.
func fingerprint(values map[string]string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		h.Write([]byte(name + "\x00" + values[name] + "\x00"))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
