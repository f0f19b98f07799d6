package linking

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// ErrState: the state that came back from a provider is not one of ours, or too old.
var ErrState = errors.New("linking: not a state of ours")

// consent is what has to be known when the customer comes back from the provider. It travels through the provider, sealed.
type consent struct {
	Handle   string `json:"h"`
	Method   string `json:"m"`
	Verifier string `json:"v"`
	Query    string `json:"q"`
	Expires  int64  `json:"e"`
}

// purpose keeps other sealed values from passing as a state.
const purpose = "auth.consent"

func (s *Service) callback() string {
	return strings.TrimSuffix(s.o.PublicURL, "/") + "/connect/callback"
}

// Consent is where the customer consents at the provider. query is that of the page, to be shown again when the customer is back.
func (s *Service) Consent(session Session, handle, method, query string) (string, error) {
	m, ok := session.Integration.Authentication(method)
	if !ok {
		return "", ErrUnknown
	}
	c := consent{Handle: handle, Method: method, Verifier: oauth.NewVerifier(), Query: query, Expires: s.now().Add(handleLife).Unix()}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	state, err := s.o.States.Seal(purpose, plain, nil)
	if err != nil {
		return "", err
	}
	return s.o.OAuth.AuthorizeURL(session.Integration.GetName(), m, session.Link.Scopes, s.callback(), state, c.Verifier)
}

// Back finds the page that a customer comes back to, with its handle and query.
func (s *Service) Back(ctx context.Context, state string) (session Session, handle, query string, err error) {
	c, err := s.open(state)
	if err != nil {
		return session, "", "", err
	}
	session, err = s.Resume(ctx, c.Handle)
	return session, c.Handle, c.Query, err
}

// Exchange links an account with the code of a consent.
func (s *Service) Exchange(ctx context.Context, session Session, state, code string) (store.Account, error) {
	if session.Done() {
		return store.Account{}, ErrUsed
	}
	c, err := s.open(state)
	if err != nil {
		return store.Account{}, err
	}
	m, ok := session.Integration.Authentication(c.Method)
	if !ok {
		return store.Account{}, ErrUnknown
	}
	values, err := s.o.OAuth.Exchange(ctx, session.Integration.GetName(), m, s.callback(), code, c.Verifier)
	if err != nil {
		return store.Account{}, s.o.Accounts.Explain(session.Integration.GetName(), err)
	}
	return s.finish(ctx, session, m.GetName(), session.Link.Context, values)
}

func (s *Service) open(state string) (consent, error) {
	var c consent
	plain, err := s.o.States.Open(purpose, state, nil)
	if err != nil || json.Unmarshal(plain, &c) != nil || s.now().After(time.Unix(c.Expires, 0)) {
		return c, ErrState
	}
	return c, nil
}
