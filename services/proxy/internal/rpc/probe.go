package rpc

import (
	"context"

	internalproxyv1 "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	"github.com/sando-dev/sando/services/proxy/internal/relay"
)

// Probe serves ProbeService.
type Probe struct{ Relay *relay.Service }

// ProbeCredential tries a credential that may not be stored yet.
func (p Probe) ProbeCredential(ctx context.Context, r *internalproxyv1.ProbeCredentialRequest) (*internalproxyv1.ProbeCredentialResponse, error) {
	found, err := p.Relay.Probe(ctx, relay.Credential{
		Integration: r.GetIntegration(), Method: r.GetAuthenticationMethod(), Values: r.GetValues(),
	}, r.GetOperations())
	if err != nil {
		return nil, err
	}
	return &internalproxyv1.ProbeCredentialResponse{
		OrganizationId: found.OrganizationID, OrganizationName: found.OrganizationName,
		Profile: found.Profile, Outcomes: found.Outcomes,
	}, nil
}
