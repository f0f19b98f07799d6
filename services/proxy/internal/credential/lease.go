// Package credential borrows accounts' credentials from auth and puts them into
// calls. What is cached is sealed under a key that only this process has, and
// is forgotten the moment auth says that the account changed.
package credential

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

// sealPurpose binds sealed credentials to this use of the ring.
const sealPurpose = "proxy.credential"

// redacted stands where a secret stood.
const redacted = "[redacted]"

// minSecret is the shortest text that is searched for when a provider's answer
// is redacted; shorter ones would hit innocent text.
const minSecret = 6

// A Lease is one account's credential and what belongs to it.
type Lease struct {
	Account, Environment string
	// Organization is the provider's own id: accounts that share it share rate
	// budgets.
	Organization string
	// Version tells this credential from its predecessors.
	Version int64
	// Provider is the integration that the account belongs to.
	Provider *route.Provider

	ring      *sealed.Ring
	sealed    string
	expiresAt time.Time
}

// secret is what is sealed.
type secret struct {
	Headers map[string]string `json:"h"`
	Values  []string          `json:"v"`
}

func newLease(ring *sealed.Ring, p *route.Provider, r *internalauthv1.LeaseCredentialResponse) (*Lease, error) {
	s, err := render(p, r.GetAuthenticationMethod(), r.GetValues())
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	text, err := ring.Seal(sealPurpose, plain, []byte(r.GetIntegratedAccountId()))
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	l := &Lease{
		Account: r.GetIntegratedAccountId(), Environment: r.GetEnvironmentId(),
		Organization: r.GetOrganizationId(), Version: r.GetVersion(), Provider: p,
		ring: ring, sealed: text,
	}
	if r.GetExpiresAt() != nil {
		l.expiresAt = r.GetExpiresAt().AsTime()
	}
	return l, nil
}

// render fills the header templates of an authentication method.
func render(p *route.Provider, method string, values map[string]string) (secret, error) {
	m, ok := p.Authentication(method)
	if !ok {
		return secret{}, fmt.Errorf("credential: %s has no authentication method %q", p.GetName(), method)
	}
	s := secret{Headers: make(map[string]string, len(m.GetInjectHeaders()))}
	pairs := make([]string, 0, 2*len(values))
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
		s.Values = append(s.Values, value)
	}
	fill := strings.NewReplacer(pairs...)
	for name, template := range m.GetInjectHeaders() {
		text := fill.Replace(template)
		if strings.ContainsAny(text, "\r\n\x00") {
			return secret{}, fmt.Errorf("credential: the value for the header %s cannot be sent", name)
		}
		s.Headers[http.CanonicalHeaderKey(name)] = text
	}
	return s, nil
}

func (l *Lease) open() (secret, error) {
	plain, err := l.ring.Open(sealPurpose, l.sealed, []byte(l.Account))
	if err != nil {
		return secret{}, fmt.Errorf("credential: %w", err)
	}
	var s secret
	if err := json.Unmarshal(plain, &s); err != nil {
		return secret{}, fmt.Errorf("credential: %w", err)
	}
	return s, nil
}

// Inject puts the credential into the header of a call.
func (l *Lease) Inject(h http.Header) error {
	s, err := l.open()
	if err != nil {
		return err
	}
	for name, value := range s.Headers {
		h[name] = []string{value}
	}
	return nil
}

// Redact takes the credential out of a provider's words.
func (l *Lease) Redact(text []byte) []byte {
	s, err := l.open()
	if err != nil {
		return nil
	}
	for _, value := range s.Values {
		text = redact(text, value)
	}
	for _, value := range s.Headers {
		text = redact(text, value)
	}
	return text
}

func redact(text []byte, value string) []byte {
	if len(value) < minSecret {
		return text
	}
	text = bytes.ReplaceAll(text, []byte(value), []byte(redacted))
	// Inside of JSON the value may stand escaped.
	if quoted, err := json.Marshal(value); err == nil {
		text = bytes.ReplaceAll(text, quoted[1:len(quoted)-1], []byte(redacted))
	}
	return text
}

// expired says whether the lease is over at a time, or so nearly that a call
// begun now could fail.
func (l *Lease) expired(now time.Time) bool {
	return !l.expiresAt.IsZero() && !now.Before(l.expiresAt.Add(-leaseMargin))
}
