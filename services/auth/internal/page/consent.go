package page

import (
	"errors"
	"net/http"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/services/auth/internal/linking"
	"github.com/sando-dev/sando/services/auth/internal/oauth"
)

// asksConsent says whether a method sends the customer to the provider instead of asking for a credential.
func asksConsent(m *catalogv1.AuthenticationMethod) bool {
	return m.GetName() == oauth.AuthorizationCode
}

// consent sends the customer to the provider.
func (p *Page) consent(w http.ResponseWriter, r *http.Request, session linking.Session) {
	view := viewOf(r, session)
	to, err := p.linking.Consent(session, r.PathValue("handle"), view.method(session).GetName(), view.query())
	if err != nil {
		p.log.ErrorContext(r.Context(), "consent cannot be asked for", "error", err)
		p.render(w, r, session, http.StatusServiceUnavailable, state{Name: "failed", ErrorType: "unavailable"})
		return
	}
	secure(w, session, view)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback is where the provider sends the customer back to.
func (p *Page) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	session, handle, query, err := p.linking.Back(r.Context(), q.Get("state"))
	if errors.Is(err, linking.ErrState) {
		err = linking.ErrUnknown
	}
	if err != nil {
		p.end(w, r, session, err)
		return
	}
	// From here on the page is the one that the customer left: the same handle, the same view.
	r = r.Clone(r.Context())
	r.SetPathValue("handle", handle)
	r.URL.RawQuery = ""
	if query != "" {
		r.URL.RawQuery = query[1:]
	}
	if session.Done() {
		p.again(w, r, session)
		return
	}
	if q.Get("code") == "" {
		p.render(w, r, session, http.StatusOK, state{Name: "closed", ErrorType: "closed"})
		return
	}
	_, err = p.linking.Exchange(r.Context(), session, q.Get("state"), q.Get("code"))
	switch {
	case err == nil:
		p.again(w, r, session)
	case errors.Is(err, linking.ErrUsed):
		p.end(w, r, session, err)
	default:
		p.refuse(w, r, session, err)
	}
}
