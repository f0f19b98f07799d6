// Package credential borrows accounts' credentials from auth and puts them into
// calls. What is cached is sealed under a key that only this process has, and
// is forgotten the moment auth says that the account changed.
package credential

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unique"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/kit/redact"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/proxy/internal/route"
)

// sealPurpose binds sealed credentials to this use of the ring.
const sealPurpose = "proxy.credential"

// A Lease is one account's credential and what belongs to it. There is one for
// every account in use, so it is kept small.
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
	sealed    string // not text
	expiresAt int64  // in nanoseconds since 1970; 0 for never
}

// secret is what is sealed: the headers to inject, by name and value, and the
// values that must never be shown.
type secret struct {
	headers []string
	values  []string
}

// encode writes both lists with lengths in front, so that opening one costs no
// more than cutting a string into pieces. What was written before is not
// written again: a value stands in the header that it is injected with.
func (s *secret) encode() []byte {
	var b []byte
	for _, list := range [][]string{s.headers, s.values} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, text := range list {
			at := bytes.Index(b, []byte(text))
			b = binary.AppendUvarint(b, uint64(len(text)))
			if b = binary.AppendUvarint(b, uint64(at+1)); at < 0 {
				b = append(b, text...)
			}
		}
	}
	return b
}

// decodeSecret cuts one string into pieces: one copy of the plain text, however
// many there are.
func decodeSecret(plain []byte) secret {
	var s secret
	text := string(plain)
	at := 0
	number := func() int {
		n, size := binary.Uvarint(plain[at:])
		at += size
		return int(n)
	}
	for _, list := range []*[]string{&s.headers, &s.values} {
		*list = make([]string, number())
		for i := range *list {
			length := number()
			if before := number(); before > 0 {
				(*list)[i] = text[before-1 : before-1+length]
				continue
			}
			(*list)[i] = text[at : at+length]
			at += length
		}
	}
	return s
}

func newLease(ring *sealed.Ring, p *route.Provider, r *internalauthv1.LeaseCredentialResponse) (*Lease, error) {
	s, err := render(p, r.GetAuthenticationMethod(), r.GetValues())
	if err != nil {
		return nil, err
	}
	account, organization := r.GetIntegratedAccountId(), r.GetOrganizationId()
	secret, err := ring.SealBytes(sealPurpose, s.encode(), []byte(account))
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	// One piece of memory holds all texts of the account; many share an
	// environment.
	text := account + organization + string(secret)
	l := &Lease{
		Account: text[:len(account)], Environment: unique.Make(r.GetEnvironmentId()).Value(),
		Organization: text[len(account) : len(account)+len(organization)], Version: r.GetVersion(), Provider: p,
		ring: ring, sealed: text[len(account)+len(organization):],
	}
	if r.GetExpiresAt() != nil {
		l.expiresAt = r.GetExpiresAt().AsTime().UnixNano()
	}
	return l, nil
}

// render fills the header templates of an authentication method.
func render(p *route.Provider, method string, values map[string]string) (secret, error) {
	m, ok := p.Authentication(method)
	if !ok {
		return secret{}, fmt.Errorf("credential: %s has no authentication method %q", p.GetName(), method)
	}
	var s secret
	pairs := make([]string, 0, 2*len(values))
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
		// A short value that is no secret, such as a user's name, is left in texts.
		if len(value) >= redact.Distinct || !open(m, name) {
			s.values = append(s.values, value)
		}
	}
	fill := strings.NewReplacer(pairs...)
	for name, template := range m.GetInjectHeaders() {
		text := fill.Replace(template)
		if strings.ContainsAny(text, "\r\n\x00") {
			return secret{}, fmt.Errorf("credential: the value for the header %s cannot be sent", name)
		}
		s.headers = append(s.headers, http.CanonicalHeaderKey(name), text)
	}
	return s, nil
}

// open says whether a value is one that the catalog declares to be no secret.
func open(m *catalogv1.AuthenticationMethod, name string) bool {
	return slices.ContainsFunc(m.GetFields(), func(f *catalogv1.CredentialField) bool { return f.GetName() == name && !f.GetSecret() })
}

func (l *Lease) open() (secret, error) {
	plain, err := l.ring.OpenBytes(sealPurpose, []byte(l.sealed), []byte(l.Account))
	if err != nil {
		return secret{}, fmt.Errorf("credential: %w", err)
	}
	// What this process sealed, it can read: an altered text does not open.
	return decodeSecret(plain), nil
}

// Inject puts the credential into the header of a call.
func (l *Lease) Inject(h http.Header) error {
	s, err := l.open()
	if err != nil {
		return err
	}
	for i := 0; i+1 < len(s.headers); i += 2 {
		h[s.headers[i]] = s.headers[i+1 : i+2 : i+2]
	}
	return nil
}

// Secrets are the values of the credential, for taking them out of a provider's
// words. It opens the lease, which only a call that went wrong should pay for.
func (l *Lease) Secrets() redact.Secrets {
	s, err := l.open()
	if err != nil {
		return redact.All()
	}
	return redact.New(s.values...)
}

// expired says whether the lease is over at a time, or so nearly that a call
// begun now could fail.
func (l *Lease) expired(now time.Time) bool {
	return l.expiresAt != 0 && now.UnixNano() >= l.expiresAt-int64(leaseMargin)
}
