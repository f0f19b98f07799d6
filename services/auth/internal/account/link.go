package account

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/sando-dev/sando/access"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	internalproxyv1 "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	"github.com/sando-dev/sando/kit/redact"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/audit"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Request asks to link an account.
type Request struct {
	EnvironmentID string
	TenantID      string
	Integration   string // empty is torii
	Method        string // empty is the integration's default
	Context       []byte // credential fields and open values, one JSON object
	// Consented is the credential that the customer's consent gave; nil for what is typed.
	Consented map[string]string
	LogType   string // admin or link
	// Also runs in the transaction that stores the account.
	Also func(context.Context, store.Writer, store.Account) error
}

// arguments are what the log's digest of a request covers: all but the secret fields.
type arguments struct {
	ID          string                     `json:"id,omitempty"`
	TenantID    string                     `json:"tenant_id,omitempty"`
	Integration string                     `json:"integration,omitempty"`
	Method      string                     `json:"authentication_method,omitempty"`
	Context     map[string]json.RawMessage `json:"context"`
}

// DefaultIntegration is what a request links that names none.
const DefaultIntegration = "torii"

// probeTimeout bounds one try of a credential.
const probeTimeout = 30 * time.Second

// Create tries a credential and, if the provider takes it, links an account with it. Nothing is stored before that.
func (s *Service) Create(ctx context.Context, r Request) (store.Account, error) {
	if r.Integration == "" {
		r.Integration = DefaultIntegration
	}
	in, m, err := s.method(r.Integration, r.Method)
	if err != nil {
		return store.Account{}, err
	}
	values, open, err := split(m, r.Context)
	if err != nil {
		return store.Account{}, err
	}
	ctx, err = audit.WithArguments(ctx, arguments{TenantID: r.TenantID, Integration: r.Integration, Method: m.GetName(), Context: open})
	if err != nil {
		return store.Account{}, err
	}
	values, err = s.obtain(ctx, in.GetName(), m, values, r.Consented)
	var found *internalproxyv1.ProbeCredentialResponse
	if err == nil {
		found, err = s.try(ctx, in.GetName(), m, values)
	}
	if err != nil {
		return store.Account{}, s.failed(ctx, store.Account{EnvironmentID: r.EnvironmentID}, r.LogType, "integrated_account.create", err)
	}
	a, err := s.newAccount(r, m, open, found)
	if err != nil {
		return store.Account{}, err
	}
	sealed, err := s.o.Ring.Seal(a.EnvironmentID, a.ID, a.Version, values)
	if err != nil {
		return store.Account{}, err
	}
	err = s.change(ctx, func(w store.Writer) error {
		if err := w.InsertAccount(ctx, a); err != nil {
			return err
		}
		if err := errors.Join(w.PutCredential(ctx, sealed), w.SetRefresh(ctx, a.ID, oauth.RefreshAt(values))); err != nil {
			return err
		}
		if r.Also != nil {
			if err := r.Also(ctx, w, a); err != nil {
				return err
			}
		}
		return s.record(ctx, w, a, r.LogType, "integrated_account.create")
	})
	return a, err
}

func (s *Service) newAccount(r Request, m *catalogv1.AuthenticationMethod, open map[string]json.RawMessage, found *internalproxyv1.ProbeCredentialResponse) (store.Account, error) {
	id, err := newID()
	if err != nil {
		return store.Account{}, err
	}
	stored, err := encodeOpen(open)
	if err != nil {
		return store.Account{}, err
	}
	now := s.now()
	return store.Account{
		ID: id, EnvironmentID: r.EnvironmentID, TenantID: r.TenantID, Integration: r.Integration, Method: m.GetName(),
		Status: store.StatusActive, Context: stored, OrganizationID: found.GetOrganizationId(), OrganizationName: found.GetOrganizationName(),
		Version: 1, CreatedAt: now, UpdatedAt: now,
	}, nil
}

// Replacement brings a new credential for an account.
type Replacement struct {
	Context []byte
	// Consented is the credential that the customer's consent gave; nil for what is typed.
	Consented map[string]string
	// Open says that open values are replaced too; otherwise only credential fields may be given.
	Open bool
	// Keep keeps open values that the new context does not name.
	Keep    bool
	LogType string
	Also    func(context.Context, store.Writer, store.Account) error
}

// Replace tries a new credential and, if the provider takes it for the same organisation, puts it in place of the old one.
func (s *Service) Replace(ctx context.Context, caller *access.Caller, id string, r Replacement) (store.Account, error) {
	a, err := s.Find(ctx, caller, id)
	if err != nil {
		return a, err
	}
	in, m, err := s.method(a.Integration, a.Method)
	if err != nil {
		return a, err
	}
	values, open, err := split(m, r.Context)
	if err != nil {
		return a, err
	}
	if _, err := s.mergeOpen(a, m, open, r); err != nil { // refused before the provider is asked
		return a, err
	}
	if ctx, err = audit.WithArguments(ctx, arguments{ID: id, Context: open}); err != nil {
		return a, err
	}
	values, err = s.obtain(ctx, in.GetName(), m, values, r.Consented)
	var found *internalproxyv1.ProbeCredentialResponse
	if err == nil {
		found, err = s.try(ctx, in.GetName(), m, values)
	}
	if err == nil {
		err = sameOrganization(a, found)
	}
	if err != nil {
		return a, s.failed(ctx, a, r.LogType, "integrated_account.replace_credentials", err)
	}
	err = s.change(ctx, func(w store.Writer) error {
		// The account may have changed while the provider was asked.
		if a, err = find(ctx, w, caller, id); err != nil {
			return err
		}
		if a.Context, err = s.mergeOpen(a, m, open, r); err != nil {
			return err
		}
		a.Version, a.UpdatedAt = a.Version+1, s.now()
		a.Status, a.LastError, a.Forbidden = store.StatusActive, "", nil
		a.OrganizationID, a.OrganizationName = found.GetOrganizationId(), found.GetOrganizationName()
		sealed, err := s.o.Ring.Seal(a.EnvironmentID, a.ID, a.Version, values)
		if err != nil {
			return err
		}
		if err := errors.Join(w.UpdateAccount(ctx, a), w.PutCredential(ctx, sealed), w.SetRefresh(ctx, id, oauth.RefreshAt(values))); err != nil {
			return err
		}
		if err := w.Publish(ctx, store.Event{AccountIDs: []string{id}, At: s.now()}); err != nil {
			return err
		}
		if r.Also != nil {
			if err := r.Also(ctx, w, a); err != nil {
				return err
			}
		}
		return s.record(ctx, w, a, r.LogType, "integrated_account.replace_credentials")
	})
	return a, err
}

// mergeOpen decides what the open values are after a replacement.
func (s *Service) mergeOpen(a store.Account, m *catalogv1.AuthenticationMethod, open map[string]json.RawMessage, r Replacement) (json.RawMessage, error) {
	if r.Open && !r.Keep {
		return encodeOpen(open)
	}
	before, err := openOf(a)
	if err != nil {
		return nil, err
	}
	if !r.Open {
		for name := range open {
			if !isField(m.GetFields(), name) {
				return nil, invalid("context."+name, "is not a field of this credential")
			}
		}
	}
	maps.Copy(before, open)
	return encodeOpen(before)
}

func sameOrganization(a store.Account, found *internalproxyv1.ProbeCredentialResponse) error {
	if a.OrganizationID == "" || a.OrganizationID == found.GetOrganizationId() {
		return nil
	}
	return rpcerr.New(rpcerr.Conflict, "the credential belongs to another organisation than the account").
		WithFix("Use a credential of the organisation that is linked, or link the other one as a new account.")
}

// try has the proxy call the provider with a credential.
func (s *Service) try(ctx context.Context, integration string, m *catalogv1.AuthenticationMethod, values map[string]string, operations ...string) (*internalproxyv1.ProbeCredentialResponse, error) {
	if s.o.Probe == nil {
		return nil, rpcerr.New(rpcerr.Unavailable, "credentials cannot be tried: this process has no connection to the proxy")
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	found, err := s.o.Probe.ProbeCredential(ctx, &internalproxyv1.ProbeCredentialRequest{
		Integration: integration, AuthenticationMethod: m.GetName(), Values: injected(m, values), Operations: operations,
	})
	if err == nil {
		return found, nil
	}
	if connect.CodeOf(err) == connect.CodeUnavailable && s.o.Errors.From(err).Origin == "" {
		return nil, rpcerr.New(rpcerr.Unavailable, "the credential could not be tried now").WithCause(err)
	}
	return nil, s.shown(err, oauth.Secrets(m, values))
}

// shown passes an error of the proxy on. The proxy leaves out what it was lent; the rest of a credential it does not know.
func (s *Service) shown(err error, secrets redact.Secrets) error {
	e := *s.o.Errors.From(rpcerr.Relay(err))
	e.Message, e.Raw = secrets.Text(e.Message), secrets.Bytes(e.Raw)
	for name, detail := range e.Details {
		if text, ok := detail.(string); ok {
			e = *e.WithDetail(name, secrets.Text(text))
		}
	}
	return e.WithCause(secrets.Error(err))
}

// injected leaves the values that the method's headers need. Whoever makes calls has no use for a client's secret or a refresh token.
func injected(m *catalogv1.AuthenticationMethod, values map[string]string) map[string]string {
	needed := make(map[string]string)
	for name, value := range values {
		for _, header := range m.GetInjectHeaders() {
			if strings.Contains(header, "{"+name+"}") {
				needed[name] = value
			}
		}
	}
	return needed
}

// failed records an attempt that the provider or a rule refused, and gives back why.
func (s *Service) failed(ctx context.Context, a store.Account, logType, action string, cause error) error {
	e := entryFor(ctx, a, logType, action)
	why := s.o.Errors.From(cause)
	code := string(why.Code)
	e.Code, e.Status = &code, new(int32(s.status(why)))
	if err := s.o.Store.Update(ctx, func(w store.Writer) error { return audit.Record(ctx, w, s.now(), e) }); err != nil {
		return rpcerr.New(access.CodeAuditUnavailable, "").WithCause(errors.Join(err, cause))
	}
	return cause
}

// status is the HTTP status that an error is shown with.
func (s *Service) status(e *rpcerr.Error) int {
	if e.Status != 0 {
		return e.Status
	}
	entry, ok := s.o.Errors.Entry(e.Code)
	if !ok {
		return 500
	}
	return entry.HTTP
}
