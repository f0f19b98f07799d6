package page

import (
	"errors"
	"net/http"
	"strings"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/linking"
)

// state is what the page shows. Each has its own words and its own way out.
type state struct {
	// Name is form, success, closed, expired, used, unknown, session or failed.
	Name string
	// Problem stands above the form and says what went wrong.
	Problem string
	// Refused says that the problem is what was typed, taken together: every field is marked with it.
	Refused bool
	// Fields are the problems of single fields, by name.
	Fields map[string]string
	// ErrorType is what the opening window is told; empty while nothing has ended.
	ErrorType string

	// The rest is filled in from the session.
	Handle      string
	Query       string
	View        view
	Vendor      string
	Integration string
	Label       string
	AccountID   string
	Reconnect   bool
	Inputs      []input
	Methods     []choice
	Consent     bool // the customer is sent to the provider
	ReturnTo    string
	CancelTo    string
}

// input is one field of the form.
type input struct {
	Name, Label, Help, Problem string
	Secret, Required, First    bool
	MaxLength                  int32
}

// choice is another way to authenticate.
type choice struct{ Label, Href string }

func (s state) fill(r *http.Request, session linking.Session) state {
	s.Handle, s.View = r.PathValue("handle"), viewOf(r, session)
	s.Query = s.View.query()
	s.Vendor = session.Environment.Name
	if session.Integration == nil {
		return s
	}
	s.Integration, s.Label = session.Integration.GetName(), session.Integration.GetLabel()
	s.Reconnect = session.Link.AccountID != "" && !session.Done()
	s.AccountID = session.Link.AccountID
	if session.Link.RedirectURI != "" && s.View.Mode == "" {
		result := s.ErrorType
		if s.Name == "success" {
			result = "success"
		}
		s.ReturnTo = returnTo(session, result)
		s.CancelTo = returnTo(session, "closed")
	}
	if s.Name == "form" {
		s.form(session)
	}
	return s
}

func (s *state) form(session linking.Session) {
	method := s.View.method(session)
	s.Consent = asksConsent(method)
	for _, f := range method.GetFields() {
		in := input{
			Name: f.GetName(), Label: f.GetLabel(), Help: strings.TrimSpace(f.GetHelp()), Problem: s.Fields[f.GetName()],
			Secret: f.GetSecret(), Required: f.GetRequired(), MaxLength: f.GetMaxLength(), First: len(s.Inputs) == 0,
		}
		if in.MaxLength == 0 {
			in.MaxLength = 4096
		}
		s.Inputs = append(s.Inputs, in)
	}
	for _, m := range session.Integration.GetAuthenticationMethods() {
		if m.GetName() != method.GetName() && session.Method == "" {
			other := s.View
			other.Method = m.GetName()
			s.Methods = append(s.Methods, choice{Label: m.GetLabel(), Href: "/connect/s/" + s.Handle + other.query()})
		}
	}
}

// refuse shows the form again with what is wrong. Nothing typed is shown again: it is a secret.
func (p *Page) refuse(w http.ResponseWriter, r *http.Request, session linking.Session, cause error) {
	e := p.errors.From(cause)
	s, status := state{Name: "form"}, http.StatusBadRequest
	label := session.Integration.GetLabel()
	switch e.Code {
	case access.CodeCredentialRejected:
		s.Refused = true
		s.Problem = label + " did not accept this credential."
		if e.Message != "" {
			s.Problem += " It answered: " + strings.TrimSuffix(e.Message, ".") + "."
		}
		s.Problem += " Check that you copied all of it and that it still exists in " + label + "."
	case rpcerr.ValidationFailed:
		s.Problem, s.Fields = "Please correct what is marked below.", make(map[string]string)
		for _, v := range e.Violations {
			s.Fields[strings.TrimPrefix(v.Field, "context.")] = v.Description
		}
	case rpcerr.Conflict:
		s.Refused, status = true, http.StatusConflict
		s.Problem = "This credential belongs to another " + label + " organisation than the account that is being reconnected. Use one of the same organisation."
	case access.CodeAccountNotFound:
		p.render(w, r, session, http.StatusNotFound, state{Name: "gone", ErrorType: "account_not_found"})
		return
	case rpcerr.Unavailable:
		// Of ours, such as the database, or of the provider: which, does not help whoever types.
		status = http.StatusServiceUnavailable
		s.Problem = "The link could not be made just now, so nothing was stored. Please try again in a minute."
		p.log.WarnContext(r.Context(), "link not made on the link page", "code", string(e.Code))
	case access.CodeOutcomeUnknown:
		status = http.StatusServiceUnavailable
		s.Problem = "Whether the link was stored is not known. Please open it once more before you try again."
		p.log.WarnContext(r.Context(), "link in doubt on the link page", "code", string(e.Code))
	default:
		status = http.StatusBadGateway
		s.Problem = label + " could not be asked just now, so nothing was stored. Please try again in a minute."
		p.log.WarnContext(r.Context(), "credential not tried on the link page", "code", string(e.Code))
	}
	p.render(w, r, session, status, s)
}

// end shows a link that cannot go on.
func (p *Page) end(w http.ResponseWriter, r *http.Request, session linking.Session, cause error) {
	switch {
	case errors.Is(cause, linking.ErrExpired):
		p.render(w, r, session, http.StatusGone, state{Name: "expired", ErrorType: "link_expired"})
	case errors.Is(cause, linking.ErrUsed), errors.Is(cause, linking.ErrSession) && session.Done():
		p.render(w, r, session, http.StatusGone, state{Name: "used", ErrorType: "link_used"})
	case errors.Is(cause, linking.ErrSession):
		p.render(w, r, session, http.StatusGone, state{Name: "session", ErrorType: "session_expired"})
	case errors.Is(cause, linking.ErrUnknown):
		p.render(w, r, session, http.StatusNotFound, state{Name: "unknown", ErrorType: "link_invalid"})
	default:
		p.log.ErrorContext(r.Context(), "link page failed", "error", cause)
		p.render(w, r, session, http.StatusServiceUnavailable, state{Name: "failed", ErrorType: "unavailable"})
	}
}
