package account

import (
	"context"
	"errors"
	"time"

	"github.com/sando-dev/sando/access"
	internalproxyv1 "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Validate tries the stored credential now and sets the status by the outcome. A provider that does not answer changes nothing.
func (s *Service) Validate(ctx context.Context, caller *access.Caller, id string) (store.Account, error) {
	a, _, err := s.Probe(ctx, caller, id)
	var rejected *rejection
	if err != nil && !errors.As(err, &rejected) {
		return a, err
	}
	return a, nil
}

// rejection says that the provider, or a rule, refused a stored credential; the account shows why.
type rejection struct{ cause error }

func (r *rejection) Error() string { return "account: " + r.cause.Error() }
func (r *rejection) Unwrap() error { return r.cause }

// Probe tries the stored credential, and the operations given besides. The account is as it is after that.
func (s *Service) Probe(ctx context.Context, caller *access.Caller, id string, operations ...string) (store.Account, *internalproxyv1.ProbeCredentialResponse, error) {
	a, err := s.Find(ctx, caller, id)
	if err != nil {
		return a, nil, err
	}
	_, m, err := s.method(a.Integration, a.Method)
	if err != nil {
		return a, nil, err
	}
	values, version, err := s.open(ctx, a)
	if err != nil {
		return a, nil, err
	}
	found, err := s.try(ctx, a.Integration, m, values, operations...)
	status, text := store.StatusActive, ""
	switch {
	case err == nil:
		if other := sameOrganization(a, found); other != nil {
			err = &rejection{other}
			status, text = store.StatusValidationError, s.o.Errors.From(other).Message
		}
	case s.o.Errors.From(err).Code == access.CodeCredentialRejected:
		status, text = store.StatusNeedsReauth, s.o.Errors.From(err).Message
		err = &rejection{err}
	default:
		return a, nil, err
	}
	a, saved := s.setStatus(ctx, caller, id, version, status, text)
	return a, found, errors.Join(err, saved)
}

// setStatus writes the outcome of a check, unless the credential was replaced meanwhile.
func (s *Service) setStatus(ctx context.Context, caller *access.Caller, id string, version int64, status, text string) (store.Account, error) {
	var a store.Account
	err := s.change(ctx, func(w store.Writer) error {
		var err error
		if a, err = find(ctx, w, caller, id); err != nil {
			return err
		}
		if a.Version != version || a.Status == status && a.LastError == text {
			return nil
		}
		a.Status, a.LastError, a.UpdatedAt = status, text, s.now()
		if err := w.UpdateAccount(ctx, a); err != nil {
			return err
		}
		if err := w.Publish(ctx, store.Event{AccountIDs: []string{id}, At: s.now()}); err != nil {
			return err
		}
		return s.record(ctx, w, a, "admin", "integrated_account.validate")
	})
	return a, err
}

// open reads and opens an account's credential.
func (s *Service) open(ctx context.Context, a store.Account) (values map[string]string, version int64, err error) {
	c, err := s.o.Store.Credential(ctx, a.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, 0, errNotFound()
	}
	if err != nil {
		return nil, 0, err
	}
	// A key of another environment under this account's id must not pass.
	if c.EnvironmentID != a.EnvironmentID {
		return nil, 0, rpcerr.New(rpcerr.Internal, "").WithCause(errors.New("account: the credential is of another environment"))
	}
	values, err = s.o.Ring.Open(c)
	return values, c.Version, err
}

// Lease is a credential on loan to the proxy.
type Lease struct {
	Account store.Account
	Values  map[string]string
	Version int64
	// ExpiresAt is when it must be leased again; zero lasts until an account event.
	ExpiresAt time.Time
}

// Lease answers the credential of an account that works.
func (s *Service) Lease(ctx context.Context, caller *access.Caller, id string) (Lease, error) {
	a, err := s.Find(ctx, caller, id)
	if err != nil {
		return Lease{}, err
	}
	switch a.Status {
	case store.StatusActive:
	case store.StatusNeedsReauth:
		return Lease{}, rpcerr.New(access.CodeNeedsReauth, "")
	default:
		return Lease{}, rpcerr.Newf(access.CodeAccountNotActive, "the account is %s", a.Status)
	}
	_, m, err := s.method(a.Integration, a.Method)
	if err != nil {
		return Lease{}, err
	}
	values, version, err := s.open(ctx, a)
	if err != nil {
		return Lease{}, err
	}
	l := Lease{Account: a, Version: version}
	if end := oauth.ExpiresAt(values); !end.IsZero() {
		if !s.now().Before(end.Add(-leaseMargin)) {
			return s.leaseRenewed(ctx, caller, a)
		}
		l.ExpiresAt = end.Add(-leaseMargin)
	}
	l.Values = injected(m, values)
	return l, nil
}

// leaseRenewed lends a credential whose access token has to be renewed first.
func (s *Service) leaseRenewed(ctx context.Context, caller *access.Caller, a store.Account) (Lease, error) {
	next, err := s.renew(ctx, a.ID, a.Version)
	if err != nil {
		return Lease{}, err
	}
	if next.Version == a.Version {
		return Lease{}, rpcerr.New(rpcerr.Unavailable, "the credential could not be renewed")
	}
	return s.Lease(ctx, caller, a.ID)
}

// Report is what the provider thought of a credential.
type Report struct {
	AccountID    string
	Version      int64
	Unauthorized bool
	Forbidden    *store.Forbidden
	Message      string
}

// Report takes down what the provider thought, if it was about the credential that is in use now; it says whether it was.
func (s *Service) Report(ctx context.Context, caller *access.Caller, r Report) (applied bool, err error) {
	if r.Unauthorized {
		if renewed, err := s.renewRefused(ctx, caller, r); renewed || err != nil {
			return renewed, err
		}
	}
	if err := s.redact(ctx, caller, &r); err != nil {
		return false, err
	}
	err = s.change(ctx, func(w store.Writer) error {
		applied = false
		a, err := find(ctx, w, caller, r.AccountID)
		if err != nil {
			return err
		}
		if a.Version != r.Version {
			return nil
		}
		applied = true
		a.UpdatedAt = s.now()
		if !r.Unauthorized {
			a.Forbidden = r.Forbidden
			a.Forbidden.OccurredAt = s.now()
			return w.UpdateAccount(ctx, a)
		}
		if a.Status == store.StatusNeedsReauth {
			return nil
		}
		a.Status, a.LastError = store.StatusNeedsReauth, r.Message
		if err := w.UpdateAccount(ctx, a); err != nil {
			return err
		}
		if err := w.Publish(ctx, store.Event{AccountIDs: []string{a.ID}, At: s.now()}); err != nil {
			return err
		}
		return s.record(ctx, w, a, "admin", "integrated_account.needs_reauth")
	})
	return applied, err
}

// redact takes the account's whole credential out of a report: the proxy knows what it was lent, and that may have been renewed.
func (s *Service) redact(ctx context.Context, caller *access.Caller, r *Report) error {
	a, err := s.Find(ctx, caller, r.AccountID)
	if err != nil {
		return err
	}
	_, m, err := s.method(a.Integration, a.Method)
	if err != nil {
		return err
	}
	values, _, err := s.open(ctx, a)
	if err != nil {
		return err
	}
	secrets := oauth.Secrets(m, values)
	r.Message = secrets.Text(r.Message)
	if r.Forbidden != nil {
		for i, scope := range r.Forbidden.MissingScopes {
			r.Forbidden.MissingScopes[i] = secrets.Text(scope)
		}
	}
	return nil
}

// renewRefused answers a refused access token with a new one, where there can be one: providers end tokens early. If the provider gives no more,
// renewing marks the account.
func (s *Service) renewRefused(ctx context.Context, caller *access.Caller, r Report) (bool, error) {
	a, err := s.Find(ctx, caller, r.AccountID)
	if err != nil || a.Version != r.Version || a.Status != store.StatusActive {
		return false, err
	}
	if _, err := s.refreshable(a); err != nil {
		return false, nil
	}
	_, err = s.renew(ctx, a.ID, a.Version)
	if rpcerr.CodeOf(err) == access.CodeNeedsReauth {
		return true, nil
	}
	return err == nil, err
}
