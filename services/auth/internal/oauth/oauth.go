// Package oauth gets and renews OAuth 2.0 access tokens (RFC 6749, PKCE by RFC 7636) as the catalog describes them. Token endpoints are the one
// thing that auth calls at a provider itself; everything else goes through the proxy.
package oauth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/redact"
)

// Names of authentication methods in the catalog.
const (
	ClientCredentials = "oauth2_client_credentials"
	RefreshToken      = "oauth2_refresh_token"
	AuthorizationCode = "oauth2_authorization_code"
)

// Fields of a credential that the provider gives rather than the customer.
const (
	fieldAccess    = "access_token"
	fieldRefresh   = "refresh_token"
	fieldExpiresAt = "access_token_expires_at" // RFC 3339; missing when the token does not end
	fieldObtained  = "access_token_obtained_at"
	fieldID        = "client_id"
	fieldSecret    = "client_secret"
)

// App is the vendor's own client at a provider, for methods whose customers bring none.
type App struct {
	ID     string
	Secret config.Secret
}

// Refused says that the provider turned a credential down for good: asking again will not help.
type Refused struct{ Reason string }

func (e *Refused) Error() string { return "oauth: refused: " + e.Reason }

// ErrUnavailable: the token endpoint could not be asked, or did not make sense; asking again may help.
var ErrUnavailable = errors.New("oauth: the token endpoint is not available")

// Client asks token endpoints. It is safe for concurrent use.
type Client struct {
	http *http.Client
	apps map[string]App
	now  func() time.Time
}

// New makes a client; apps are by the name of the integration.
func New(apps map[string]App, now func() time.Time) *Client {
	transport := &http.Transport{
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 15 * time.Second, IdleConnTimeout: 30 * time.Second, MaxIdleConnsPerHost: 4,
		MaxResponseHeaderBytes: 64 << 10, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
	}
	return &Client{
		apps: apps, now: now,
		http: &http.Client{
			Transport: transport, Timeout: 20 * time.Second,
			// A redirect would carry the client's secret elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("a token endpoint must not redirect") },
		},
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Obtain gets the first access token for what the customer typed, and returns the whole credential.
func (c *Client) Obtain(ctx context.Context, integration string, m *catalogv1.AuthenticationMethod, values map[string]string) (map[string]string, error) {
	if m.GetName() == AuthorizationCode {
		return nil, &Refused{Reason: "this credential is made on the link page, by the customer's consent"}
	}
	return c.Renew(ctx, integration, m, values)
}

// Renew gets a new access token for a credential, and returns the whole credential as it is then: a provider may have replaced the refresh token.
func (c *Client) Renew(ctx context.Context, integration string, m *catalogv1.AuthenticationMethod, values map[string]string) (map[string]string, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.http)
	cfg := c.config(integration, m, values)
	if m.GetName() == ClientCredentials {
		cc := clientcredentials.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, TokenURL: cfg.Endpoint.TokenURL, Scopes: cfg.Scopes, AuthStyle: cfg.Endpoint.AuthStyle,
		}
		t, err := cc.Token(ctx)
		return c.credential(values, t, explain(err, Secrets(m, values, cfg.ClientSecret)))
	}
	if values[fieldRefresh] == "" {
		return nil, &Refused{Reason: "there is no refresh token"}
	}
	t, err := cfg.TokenSource(ctx, &oauth2.Token{RefreshToken: values[fieldRefresh]}).Token()
	return c.credential(values, t, explain(err, Secrets(m, values, cfg.ClientSecret)))
}

// AuthorizeURL is where the customer consents. verifier is the secret of PKCE, kept until the exchange.
func (c *Client) AuthorizeURL(integration string, m *catalogv1.AuthenticationMethod, scopes []string, callback, state, verifier string) (string, error) {
	cfg := c.config(integration, m, nil)
	if cfg.ClientID == "" {
		return "", fmt.Errorf("oauth: auth.oauth_clients has no client for %s", integration)
	}
	cfg.RedirectURL = callback
	if len(scopes) > 0 {
		cfg.Scopes = scopes
	}
	return cfg.AuthCodeURL(state, oauth2.AccessTypeOffline, oauth2.S256ChallengeOption(verifier)), nil
}

// Exchange trades the code of a consent for a credential.
func (c *Client) Exchange(ctx context.Context, integration string, m *catalogv1.AuthenticationMethod, callback, code, verifier string) (map[string]string, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.http)
	cfg := c.config(integration, m, nil)
	cfg.RedirectURL = callback
	t, err := cfg.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	return c.credential(nil, t, explain(err, Secrets(m, nil, cfg.ClientSecret, code, verifier)))
}

// NewVerifier makes the secret of PKCE.
func NewVerifier() string { return oauth2.GenerateVerifier() }

func (c *Client) config(integration string, m *catalogv1.AuthenticationMethod, values map[string]string) *oauth2.Config {
	o := m.GetOauth2()
	style := oauth2.AuthStyleInHeader
	if o.GetClientAuthentication() == "client_secret_post" {
		style = oauth2.AuthStyleInParams
	}
	cfg := &oauth2.Config{
		ClientID: values[fieldID], ClientSecret: values[fieldSecret], Scopes: o.GetScopes(),
		Endpoint: oauth2.Endpoint{AuthURL: o.GetAuthorizationUrl(), TokenURL: o.GetTokenUrl(), AuthStyle: style},
	}
	if cfg.ClientID == "" {
		app := c.apps[integration]
		cfg.ClientID, cfg.ClientSecret = app.ID, app.Secret.Reveal()
	}
	return cfg
}

// credential puts a token into a copy of the values.
func (c *Client) credential(values map[string]string, t *oauth2.Token, err error) (map[string]string, error) {
	if err != nil {
		return nil, err
	}
	next := make(map[string]string, len(values)+4)
	maps.Copy(next, values)
	next[fieldAccess] = t.AccessToken
	next[fieldObtained] = c.now().UTC().Format(time.RFC3339)
	if t.RefreshToken != "" {
		next[fieldRefresh] = t.RefreshToken
	}
	delete(next, fieldExpiresAt)
	if life := lifeOf(t); life > 0 {
		next[fieldExpiresAt] = c.now().Add(life).UTC().Format(time.RFC3339)
	}
	return next, nil
}

// lifeOf is how long a fresh token lives; zero is for ever. The library keeps what the answer said for some flows, and for others only the end
// by its own clock.
func lifeOf(t *oauth2.Token) time.Duration {
	switch {
	case t.ExpiresIn > 0:
		return time.Duration(t.ExpiresIn) * time.Second
	case t.Expiry.IsZero():
		return 0
	default:
		return time.Until(t.Expiry).Round(time.Second)
	}
}

// Secrets are what nobody may be shown of a credential of any kind, and of what is sent beside it.
func Secrets(m *catalogv1.AuthenticationMethod, values map[string]string, sent ...string) redact.Secrets {
	for name, value := range values {
		declaredOpen := func(f *catalogv1.CredentialField) bool { return f.GetName() == name && !f.GetSecret() }
		if name != fieldExpiresAt && name != fieldObtained && !slices.ContainsFunc(m.GetFields(), declaredOpen) {
			sent = append(sent, value)
		}
	}
	return redact.New(sent...)
}

// Most bytes of a token endpoint's own text that are shown.
const (
	longestCode   = 100
	longestReason = 300
)

// explain tells a refusal from a failure. Whatever text of the endpoint is in what comes of it is without the secrets.
func explain(err error, secrets redact.Secrets) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if transport, ok := errors.AsType[*url.Error](err); ok {
			return fmt.Errorf("%w: %w", ErrUnavailable, secrets.Error(transport.Err))
		}
		return ErrUnavailable
	}
	switch answer.ErrorCode {
	case "invalid_client", "invalid_grant", "unauthorized_client", "access_denied", "invalid_scope":
		reason := answer.ErrorCode
		if answer.ErrorDescription != "" {
			reason += ": " + shortened(secrets.Text(answer.ErrorDescription), longestReason)
		}
		return &Refused{Reason: reason}
	}
	return fmt.Errorf("%w: it answered %d %s", ErrUnavailable, answer.Response.StatusCode, shortened(secrets.Text(answer.ErrorCode), longestCode))
}

// shortened is the beginning of a text, in whole characters.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "..."
}

// ExpiresAt is when the access token of a credential ends; zero is never.
func ExpiresAt(values map[string]string) time.Time { return parse(values[fieldExpiresAt]) }

// RefreshAt is when a credential should be renewed: when between 70 and 80 % of its token's life is over, so that many accounts linked at once
// are not renewed at once. Zero is never.
func RefreshAt(values map[string]string) time.Time {
	end, start := ExpiresAt(values), parse(values[fieldObtained])
	if end.IsZero() || start.IsZero() {
		return time.Time{}
	}
	life := end.Sub(start)
	return start.Add(life*7/10 + time.Duration(rand.Float64()*float64(life)/10))
}

func parse(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
