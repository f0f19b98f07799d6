// Package page is the hosted page on which a customer links an account. It is rendered on the server, works without JavaScript, and loads
// nothing from elsewhere. A small script, which is all there is, tells the window that opened the page how it ended.
package page

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/gateway"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/services/auth/internal/linking"
)

//go:embed templates/*.html
var templates embed.FS

//go:embed assets
var assets embed.FS

// maxForm bounds a posted form, in bytes.
const maxForm = 64 << 10

// Page serves the link page.
type Page struct {
	linking *linking.Service
	errors  *rpcerr.Table
	log     *slog.Logger
	html    *template.Template
	assets  fs.FS
}

// New makes the page.
func New(l *linking.Service, errs *rpcerr.Table, log *slog.Logger) (*Page, error) {
	html, err := template.ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return &Page{linking: l, errors: errs, log: log, html: html, assets: files}, nil
}

// Register adds the page's routes, given as net/http patterns.
func (p *Page) Register(handle func(pattern string, h http.Handler)) {
	handle("GET /connect", http.HandlerFunc(p.begin))
	handle("GET /connect-account", http.HandlerFunc(p.begin))
	handle("GET /connect/s/{handle}", http.HandlerFunc(p.show))
	handle("POST /connect/s/{handle}", http.HandlerFunc(p.submit))
	handle("GET /connect/s/{handle}/closed", http.HandlerFunc(p.closed))
	handle("GET /connect/callback", http.HandlerFunc(p.callback))
	handle("GET /connect/assets/{name}", http.HandlerFunc(p.asset))
}

// begin takes the link token out of the URL: it is traded for a handle, which is worth nothing after half an hour.
func (p *Page) begin(w http.ResponseWriter, r *http.Request) {
	handle, session, err := p.linking.Begin(r.Context(), r.URL.Query().Get("link_token"))
	if err != nil {
		p.end(w, r, session, err)
		return
	}
	secure(w, session, viewOf(r, session))
	http.Redirect(w, r, "/connect/s/"+handle+viewOf(r, session).query(), http.StatusSeeOther)
}

func (p *Page) show(w http.ResponseWriter, r *http.Request) { p.present(w, r, state{Name: "form"}) }

func (p *Page) closed(w http.ResponseWriter, r *http.Request) {
	p.present(w, r, state{Name: "closed", ErrorType: "closed"})
}

// present shows a state of a link that has not ended. One that has linked its account says so at every address: going back in the browser, to
// the form or to the page of who cancelled, does not undo it.
func (p *Page) present(w http.ResponseWriter, r *http.Request, s state) {
	session, err := p.linking.Resume(r.Context(), r.PathValue("handle"))
	switch {
	case err != nil:
		p.end(w, r, session, err)
	case session.Done():
		p.render(w, r, session, http.StatusOK, state{Name: "success"})
	default:
		p.render(w, r, session, http.StatusOK, s)
	}
}

func (p *Page) submit(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	handle := r.PathValue("handle")
	session, err := p.linking.Resume(r.Context(), handle)
	if err != nil {
		p.end(w, r, session, err)
		return
	}
	if session.Done() {
		p.again(w, r, session)
		return
	}
	// The handle stands in the form as well, so that a form elsewhere cannot be pointed here.
	if err := r.ParseForm(); err != nil || r.PostForm.Get("handle") != handle {
		// What is wrong is not logged: it may quote what was typed.
		p.log.InfoContext(r.Context(), "link form not readable", "request_id", interceptor.RequestIDFrom(r.Context()))
		p.render(w, r, session, http.StatusBadRequest, state{Name: "form", Problem: "The form could not be read. Please fill it in again."})
		return
	}
	view := viewOf(r, session)
	if asksConsent(view.method(session)) {
		p.consent(w, r, session)
		return
	}
	typed := make(map[string]string)
	for _, f := range view.method(session).GetFields() {
		if value := r.PostForm.Get("field." + f.GetName()); value != "" {
			typed[f.GetName()] = value
		}
	}
	_, err = p.linking.Submit(r.Context(), session, view.Method, typed)
	switch {
	case err == nil:
		p.again(w, r, session)
	case errors.Is(err, linking.ErrUsed):
		p.end(w, r, session, err)
	default:
		p.refuse(w, r, session, err)
	}
}

// again shows the page anew by a GET, so that reloading does not post twice. A window of its own goes straight to where the vendor wants it.
func (p *Page) again(w http.ResponseWriter, r *http.Request, session linking.Session) {
	view := viewOf(r, session)
	secure(w, session, view)
	to := "/connect/s/" + r.PathValue("handle") + view.query()
	if session, err := p.linking.Resume(r.Context(), r.PathValue("handle")); err == nil && view.Mode == "" && session.Link.RedirectURI != "" {
		to = returnTo(session, "success")
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (p *Page) asset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.PathValue("name"))
	if _, err := fs.Stat(p.assets, name); err != nil {
		p.errors.WriteHTTP(w, interceptor.RequestIDFrom(r.Context()), gateway.Unroutable(r, http.StatusNotFound))
		return
	}
	w.Header().Set("Cache-Control", "max-age=300")
	http.ServeFileFS(w, r, p.assets, name)
}

// view is how the page was opened: by itself, in a frame or in a popup.
type view struct {
	// Mode is `iframe`, `popup` or empty.
	Mode string
	// Origin is the window to tell; only one that the environment lists.
	Origin string
	// Method is the authentication method chosen; empty is the default.
	Method string
	NoBack bool
}

func viewOf(r *http.Request, session linking.Session) view {
	q := r.URL.Query()
	v := view{NoBack: q.Get("no_back") == "1"}
	if mode := q.Get("mode"); mode == "iframe" || mode == "popup" {
		v.Mode = mode
	}
	if origin := q.Get("origin"); slices.Contains(session.Environment.FrameOrigins, origin) {
		v.Origin = origin
	}
	if session.Integration != nil && session.Method == "" {
		if m, ok := session.Integration.Authentication(q.Get("method")); ok && q.Get("method") != "" {
			v.Method = m.GetName()
		}
	}
	return v
}

// query keeps the view from page to page.
func (v view) query() string {
	q := url.Values{}
	for name, value := range map[string]string{"mode": v.Mode, "origin": v.Origin, "method": v.Method} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if v.NoBack {
		q.Set("no_back", "1")
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// method is the authentication method that the form is for.
func (v view) method(session linking.Session) *catalogv1.AuthenticationMethod {
	if session.Integration == nil {
		return nil
	}
	m, _ := session.Integration.Authentication(cmp.Or(session.Method, v.Method))
	return m
}

// returnTo is the vendor's own page, with how it ended.
func returnTo(session linking.Session, result string) string {
	u, err := url.Parse(session.Link.RedirectURI)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("result", result)
	if result == "success" {
		q.Set("integration", session.Link.Integration)
		q.Set("integrated_account_id", session.Link.AccountID)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// secure sets the headers that keep the page to itself and to those who may frame it.
func secure(w http.ResponseWriter, session linking.Session, v view) {
	ancestors, forms := "'none'", "'self'"
	if origins := session.Environment.FrameOrigins; len(origins) > 0 {
		ancestors = strings.Join(origins, " ")
	} else {
		w.Header().Set("X-Frame-Options", "DENY")
	}
	// Browsers hold the redirect after a post to the same rule as the post.
	if u, err := url.Parse(session.Link.RedirectURI); err == nil && u.Host != "" && v.Mode == "" {
		forms += " " + u.Scheme + "://" + u.Host
	}
	if m := v.method(session); asksConsent(m) {
		if u, err := url.Parse(m.GetOauth2().GetAuthorizationUrl()); err == nil {
			forms += " " + u.Scheme + "://" + u.Host
		}
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action "+forms+
		"; frame-ancestors "+ancestors)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
}

// render writes one state of the page.
func (p *Page) render(w http.ResponseWriter, r *http.Request, session linking.Session, status int, s state) {
	secure(w, session, viewOf(r, session))
	var b bytes.Buffer
	if err := p.html.ExecuteTemplate(&b, "page.html", s.fill(r, session)); err != nil {
		p.log.ErrorContext(r.Context(), "link page not rendered", "error", err)
		http.Error(w, "The page could not be shown. Please try again.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w) // nobody is left to tell
}
