// Package linking runs attempts to link an account on the hosted page. A vendor's back end makes a link token; the page trades it for a handle
// that lives for half an hour, so that the token leaves the browser's history; only success uses the token up.
package linking

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/account"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/store"
	"github.com/sando-dev/sando/services/auth/internal/token"
)

const (
	// TokenLife is how long a link token works.
	TokenLife = 7 * 24 * time.Hour
	// handleLife is how long the page stays usable after it was opened.
	handleLife = 30 * time.Minute
)

// What may be wrong with a link, each with a page of its own.
var (
	ErrUnknown = errors.New("linking: no such link")
	ErrExpired = errors.New("linking: the link has expired")
	ErrUsed    = errors.New("linking: the link was used")
	// ErrSession: the page was open for too long; the link itself may still work.
	ErrSession = errors.New("linking: the page's handle has expired")
)

// Options are what a Service needs.
type Options struct {
	Store    store.Store
	Hasher   *token.Hasher
	Catalog  *catalog.Catalog
	Accounts *account.Service
	OAuth    *oauth.Client
	// States seals the state of a consent, which travels through the provider.
	States *sealed.Ring
	// PublicURL is how browsers reach the page.
	PublicURL string
	Now       func() time.Time
}

// Service makes and follows links. It is safe for concurrent use.
type Service struct{ o Options }

// New makes a service.
func New(o Options) *Service { return &Service{o: o} }

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Request describes an attempt. Exactly one of TenantID and AccountID is set.
type Request struct {
	TenantID    string
	AccountID   string
	Integration string
	Context     json.RawMessage
	Scopes      []string
	RedirectURI string
	Persist     bool
}

// Create makes a link and returns its token, which cannot be read again.
func (s *Service) Create(ctx context.Context, caller *access.Caller, r Request) (store.Link, string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Link{}, "", err
	}
	now := s.now()
	l := store.Link{
		ID: id.String(), EnvironmentID: caller.Grant.EnvironmentID, TenantID: r.TenantID, AccountID: r.AccountID, Integration: r.Integration,
		Context: r.Context, Scopes: r.Scopes, RedirectURI: r.RedirectURI, Persist: r.Persist, CreatedBy: caller.Grant.TokenID,
		CreatedAt: now, ExpiresAt: now.Add(TokenLife),
	}
	if l, err = s.check(ctx, caller, l); err != nil {
		return l, "", err
	}
	secret := token.New(token.PrefixLink)
	err = s.o.Store.Update(ctx, func(w store.Writer) error {
		if err := w.InsertLink(ctx, l, s.o.Hasher.Hash(secret)); err != nil {
			return err
		}
		e := audit.Act(ctx, "admin", "link_token.create")
		if l.AccountID != "" {
			e.IntegratedAccountId = &l.AccountID
		}
		return audit.Record(ctx, w, now, e)
	})
	return l, secret, err
}

// check refuses what the page could not carry out, and fills in what the request leaves open.
func (s *Service) check(ctx context.Context, caller *access.Caller, l store.Link) (store.Link, error) {
	switch {
	case (l.TenantID == "") == (l.AccountID == ""):
		return l, rpcerr.Invalid("tenant_id", "give tenant_id for a new account or integrated_account_id to reconnect one, and not both")
	case l.TenantID != "" && caller.Grant.Accounts != nil:
		return l, rpcerr.New(rpcerr.PermissionDenied, "a token that is narrowed to accounts cannot link others")
	}
	if l.AccountID != "" {
		a, err := s.o.Accounts.Find(ctx, caller, l.AccountID)
		if err != nil {
			return l, err
		}
		if l.Integration != "" && l.Integration != a.Integration {
			return l, rpcerr.Invalid("integration", "is not that of the account")
		}
		l.Integration = a.Integration
	}
	if l.Integration == "" {
		l.Integration = account.DefaultIntegration
	}
	in, ok := s.o.Catalog.Integration(l.Integration)
	if !ok {
		return l, rpcerr.Invalid("integration", "is not one of "+strings.Join(s.o.Catalog.Integrations(), ", "))
	}
	if len(l.Scopes) > 0 && !slices.ContainsFunc(in.GetAuthenticationMethods(), usesScopes) {
		return l, rpcerr.Invalid("scopes", "this integration has none")
	}
	if err := s.o.Accounts.CheckOpen(l.Integration, l.Context); err != nil {
		return l, err
	}
	e, err := s.o.Store.Environment(ctx, l.EnvironmentID)
	if err != nil {
		return l, err
	}
	if l.RedirectURI != "" && !slices.Contains(e.RedirectURIs, l.RedirectURI) {
		return l, rpcerr.Invalid("redirect_uri", "is not listed in the environment").
			WithFix("Add it to allowed_redirect_uris with PATCH /environment/{id}; it is compared letter by letter.")
	}
	return l, nil
}

func usesScopes(m *catalogv1.AuthenticationMethod) bool { return m.GetOauth2() != nil }

// Session is an open page.
type Session struct {
	Link        store.Link
	Environment store.Environment
	Integration *catalog.Integration
	// Method is the authentication method of the account to reconnect, which stays; empty leaves the choice.
	Method string
	handle []byte // its hash
}

// Done says whether the account is linked.
func (s Session) Done() bool { return !s.Link.CompletedAt.IsZero() }

// Begin trades a link token for a handle. It does not use the token up: mail scanners open links too.
func (s *Service) Begin(ctx context.Context, linkToken string) (handle string, session Session, err error) {
	if !token.Plausible(linkToken, token.PrefixLink) {
		return "", session, ErrUnknown
	}
	if session, err = s.find(ctx, linkToken); err != nil {
		return "", session, err
	}
	switch now := s.now(); {
	case session.Done():
		return "", session, ErrUsed
	case !now.Before(session.Link.ExpiresAt):
		return "", session, ErrExpired
	}
	handle = token.New("")
	session.handle = s.o.Hasher.Hash(handle)
	err = s.o.Store.Update(ctx, func(w store.Writer) error {
		return w.AddLinkSecret(ctx, session.Link.ID, session.handle, s.now().Add(handleLife))
	})
	return handle, session, err
}

// Resume finds the page of a handle.
func (s *Service) Resume(ctx context.Context, handle string) (Session, error) {
	if !token.Plausible(handle, "") {
		return Session{}, ErrSession
	}
	session, err := s.find(ctx, handle)
	switch {
	case errors.Is(err, ErrUnknown):
		return session, ErrSession
	case err != nil:
		return session, err
	case !s.now().Before(session.Link.SecretExpiresAt):
		return session, ErrSession
	}
	return session, nil
}

func (s *Service) find(ctx context.Context, secret string) (Session, error) {
	for _, hash := range s.o.Hasher.Hashes(secret) {
		l, err := s.o.Store.LinkByHash(ctx, hash)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return Session{}, err
		}
		e, err := s.o.Store.Environment(ctx, l.EnvironmentID)
		if err != nil {
			return Session{}, err
		}
		in, ok := s.o.Catalog.Integration(l.Integration)
		if !ok {
			return Session{}, ErrUnknown
		}
		session := Session{Link: l, Environment: e, Integration: in, handle: hash}
		if l.AccountID != "" && !session.Done() {
			a, err := s.o.Store.Account(ctx, l.EnvironmentID, l.AccountID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return Session{}, err
			}
			session.Method = a.Method // an account that is gone shows when the form is sent
		}
		return session, nil
	}
	return Session{}, ErrUnknown
}

// Submit links or reconnects with what the customer typed. Only success uses the link up; two at once cannot both succeed.
func (s *Service) Submit(ctx context.Context, session Session, method string, typed map[string]string) (store.Account, error) {
	if session.Done() {
		return store.Account{}, ErrUsed
	}
	open := make(map[string]json.RawMessage)
	if len(session.Link.Context) > 0 {
		if err := json.Unmarshal(session.Link.Context, &open); err != nil {
			return store.Account{}, err
		}
	}
	for name, value := range typed {
		text, err := json.Marshal(value)
		if err != nil {
			return store.Account{}, err
		}
		open[name] = text
	}
	context, err := json.Marshal(open)
	if err != nil {
		return store.Account{}, err
	}
	return s.finish(ctx, session, method, context, nil)
}

func (s *Service) finish(ctx context.Context, session Session, method string, values []byte, consented map[string]string) (store.Account, error) {
	l := session.Link
	caller := &access.Caller{Grant: &grant.Grant{
		TokenID: l.ID, Kind: access.KindLink, EnvironmentID: l.EnvironmentID, Accounts: []string{l.AccountID}, Read: true, Write: true,
	}}
	ctx = access.WithCaller(ctx, caller)
	use := func(ctx context.Context, w store.Writer, a store.Account) error {
		now, err := w.LinkByHash(ctx, session.handle)
		if err != nil {
			return err
		}
		if !now.CompletedAt.IsZero() {
			return ErrUsed
		}
		now.CompletedAt, now.AccountID = s.now(), a.ID
		return w.UpdateLink(ctx, now)
	}
	if l.AccountID != "" {
		return s.o.Accounts.Replace(ctx, caller, l.AccountID, account.Replacement{
			Context: values, Consented: consented, Open: true, Keep: l.Persist || len(l.Context) == 0 || string(l.Context) == "{}", LogType: "link", Also: use,
		})
	}
	return s.o.Accounts.Create(ctx, account.Request{
		EnvironmentID: l.EnvironmentID, TenantID: l.TenantID, Integration: l.Integration, Method: method, Context: values, Consented: consented,
		LogType: "link", Also: use,
	})
}
