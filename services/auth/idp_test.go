package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/go-oauth2/oauth2/v4/manage"
	"github.com/go-oauth2/oauth2/v4/models"
	"github.com/go-oauth2/oauth2/v4/server"
	oauthstore "github.com/go-oauth2/oauth2/v4/store"

	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/services/auth"
)

// idp is a provider with a real OAuth server, and an API that takes its tokens.
type idp struct {
	t       *testing.T
	manager *manage.Manager
	url     string
	catalog *catalog.Catalog
	asked   atomic.Int64 // token requests
	down    atomic.Bool
	echoes  atomic.Bool // it refuses, quoting what it was sent
	spell   atomic.Pointer[kittest.Spelling]
	unsure  atomic.Bool // what it quotes is in place of an error's code

	mu    sync.Mutex
	heard kittest.Secrets // what came to the token endpoint and went from it
	// stuck, when set, keeps token requests waiting until it is closed; asking hears of each.
	stuck  chan struct{}
	asking chan struct{}
}

const tokenLife = 2 * time.Minute

func newIDP(t *testing.T) *idp {
	t.Helper()
	p := &idp{t: t, manager: manage.NewDefaultManager(), heard: kittest.Secrets{}, asking: make(chan struct{}, 100)}
	tokens, err := oauthstore.NewMemoryTokenStore()
	if err != nil {
		t.Fatal(err)
	}
	clients := oauthstore.NewClientStore()
	for id, secret := range map[string]string{"customer": "customer-secret-1", "vendor": "vendor-secret-1"} {
		if err := clients.Set(id, &models.Client{ID: id, Secret: secret, Domain: "https://connect.example.com"}); err != nil {
			t.Fatal(err)
		}
	}
	p.manager.MapTokenStorage(tokens)
	p.manager.MapClientStorage(clients)
	p.manager.SetClientTokenCfg(&manage.Config{AccessTokenExp: tokenLife})
	p.manager.SetAuthorizeCodeTokenCfg(&manage.Config{AccessTokenExp: tokenLife, RefreshTokenExp: time.Hour, IsGenerateRefresh: true})
	cfg := server.NewConfig()
	cfg.ForcePKCE = true
	s := server.NewServer(cfg, p.manager)
	s.UserAuthorizationHandler = func(http.ResponseWriter, *http.Request) (string, error) { return "somebody", nil }
	s.ClientInfoHandler = func(r *http.Request) (string, string, error) {
		if id, secret, ok := r.BasicAuth(); ok {
			return id, secret, nil
		}
		return server.ClientFormHandler(r)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		if err := s.HandleAuthorizeRequest(w, r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		if p.down.Load() {
			http.Error(w, "maintenance, customer-secret-1", http.StatusServiceUnavailable)
			return
		}
		p.listen(s, w, r)
	})
	running := httptest.NewServer(mux)
	t.Cleanup(running.Close)
	p.url = running.URL
	if p.catalog, err = withAcme(p.url); err != nil {
		t.Fatal(err)
	}
	return p
}

// listen answers a token request and keeps what is secret about it.
func (p *idp) listen(s *server.Server, w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.hear("request", r.PostForm.Get, "code", "code_verifier", "refresh_token", "client_secret")
	p.mu.Lock()
	stuck := p.stuck
	p.mu.Unlock()
	if stuck != nil {
		p.asking <- struct{}{}
		select {
		case <-r.Context().Done():
		case <-stuck:
		}
		http.Error(w, "no more", http.StatusServiceUnavailable)
		return
	}
	if p.echoes.Load() {
		p.echo(w, r)
		return
	}
	answer := httptest.NewRecorder()
	_ = s.HandleTokenRequest(answer, r)
	var given map[string]any
	if json.Unmarshal(answer.Body.Bytes(), &given) == nil {
		p.hear("answer", func(name string) string { text, _ := given[name].(string); return text }, "access_token", "refresh_token")
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = answer.Body.WriteTo(w)
}

// echo refuses a token request and quotes the secrets in it.
func (p *idp) echo(w http.ResponseWriter, r *http.Request) {
	quoted := r.PostForm.Get("refresh_token") + " " + r.PostForm.Get("code") + " " + r.PostForm.Get("client_secret")
	if _, basic, ok := r.BasicAuth(); ok {
		if secret, err := url.QueryUnescape(basic); err == nil {
			quoted += " " + secret
		}
	}
	if spelling := p.spell.Load(); spelling != nil {
		quoted = spelling.Write(strings.TrimSpace(quoted))
	}
	refusal := map[string]string{"error": "invalid_grant", "error_description": "no such token: " + quoted}
	if p.unsure.Load() {
		refusal["error"] = quoted
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(refusal)
}

func (p *idp) hear(in string, get func(string) string, names ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		if value := get(name); value != "" {
			p.heard[fmt.Sprintf("%s %d of a token %s", name, len(p.heard), in)] = value
		}
	}
}

// stick keeps token requests waiting, or no more.
func (p *idp) stick(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stuck != nil {
		close(p.stuck)
		p.stuck = nil
	}
	if on {
		p.stuck = make(chan struct{})
	}
}

// withAcme loads the test-only integration, at an origin, beside the real one.
func withAcme(origin string) (*catalog.Catalog, error) {
	tree := fstest.MapFS{}
	for _, name := range []string{"acme/integration.yaml", "acme/account.yaml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			return nil, err
		}
		tree[name] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(text), "ORIGIN", origin))}
	}
	return catalog.Load(catalog.Data(), tree)
}

// vendorClients are the vendor's own clients at the provider.
func vendorClients() []auth.OAuthClient {
	return []auth.OAuthClient{{Integration: "acme", ID: "vendor", Secret: "vendor-secret-1"}}
}

// check is what the proxy would find with a credential; nothing but the access token may be in it.
func (p *idp) check(values map[string]string) (string, bool) {
	if len(values) != 1 {
		return "", false
	}
	info, err := p.manager.LoadAccessToken(context.Background(), values["access_token"])
	return "org-1", err == nil && info != nil
}

// start starts auth with the provider's integration.
func (p *idp) start(cfg auth.Config) *world {
	p.t.Helper()
	cfg.OAuthClients = vendorClients()
	w := startOn(p.t, cfg, p.catalog)
	w.provider.set(func(stub *provider) { stub.check = p.check })
	return w
}
