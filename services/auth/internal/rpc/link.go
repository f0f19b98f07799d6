package rpc

import (
	"context"
	"net/url"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/services/auth/internal/linking"
)

// Links serves sando.auth.v1.LinkTokenService.
type Links struct {
	Linking *linking.Service
	// PublicURL is how browsers reach the page.
	PublicURL string
}

// CreateLinkToken makes a token for one attempt to link or reconnect.
func (h Links) CreateLinkToken(ctx context.Context, r *authv1.CreateLinkTokenRequest) (*authv1.CreateLinkTokenResponse, error) {
	ctx, caller, err := acting(ctx, r)
	if err != nil {
		return nil, err
	}
	l, secret, err := h.Linking.Create(ctx, caller, linking.Request{
		TenantID: r.GetTenantId(), AccountID: r.GetIntegratedAccountId(), Integration: r.GetIntegration(), Context: r.GetContext().GetJson(),
		Scopes: r.GetScopes(), RedirectURI: r.GetRedirectUri(), Persist: r.GetPersistPreviousContext(),
	})
	if err != nil {
		return nil, err
	}
	return &authv1.CreateLinkTokenResponse{
		LinkToken: secret, LinkUrl: strings.TrimSuffix(h.PublicURL, "/") + "/connect?link_token=" + url.QueryEscape(secret),
		ExpiresAt: timestamppb.New(l.ExpiresAt),
	}, nil
}
