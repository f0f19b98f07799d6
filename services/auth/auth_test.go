package auth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	internalproxyv1 "github.com/sando-dev/sando/gen/sando/internalproxy/v1"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/interceptor"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// provider stands in for the proxy and the provider behind it: keys by organisation.
type provider struct {
	mu       sync.Mutex
	keys     map[string]string // key to organisation id
	outage   bool
	probes   int
	check    func(values map[string]string) (organization string, ok bool) // in place of keys
	outcomes map[string]string
	quote    func(key string) string // what a refusal says of the key
}

func (p *provider) set(change func(*provider)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *provider) ProbeCredential(_ context.Context, r *internalproxyv1.ProbeCredentialRequest) (*internalproxyv1.ProbeCredentialResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probes++
	if p.outage {
		e := rpcerr.New(access.CodeUpstreamError, "the provider failed")
		e.Origin = "torii"
		return nil, e
	}
	organization, ok := p.keys[r.GetValues()["api_key"]]
	if p.check != nil {
		organization, ok = p.check(r.GetValues())
	}
	if !ok && p.quote != nil {
		quoted := p.quote(r.GetValues()["api_key"])
		e := rpcerr.New(access.CodeCredentialRejected, "Torii answered: "+quoted).WithDetail("upstream_code", quoted)
		e.Raw, _ = json.Marshal(map[string]string{"message": quoted})
		return nil, e
	}
	if !ok {
		return nil, rpcerr.New(access.CodeCredentialRejected, "Torii answered: invalid API key")
	}
	return &internalproxyv1.ProbeCredentialResponse{OrganizationId: organization, OrganizationName: "Org " + organization, Outcomes: p.outcomes}, nil
}

// world is a running auth with everything around it.
type world struct {
	t           *testing.T
	cfg         auth.Config
	service     *auth.Service
	provider    *provider
	log         *kittest.Log
	url         string
	environment string
	token       string
	internal    *connect.Client
	clock       *clock
}

// clock is the time of a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const goodKey, otherKey = "torii-key-of-acme-0001", "torii-key-of-other-0002"

// newConfig makes a configuration on a fresh folder.
func newConfig(t *testing.T) auth.Config {
	t.Helper()
	dir := t.TempDir()
	keys := filepath.Join(dir, "keys.yaml")
	if err := os.WriteFile(keys, auth.GenerateKeys(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := auth.DefaultConfig()
	cfg.Store.URL = config.Secret("sqlite:" + filepath.Join(dir, "auth.db"))
	cfg.Keys.File = keys
	cfg.PublicURL = "https://connect.example.com"
	return cfg
}

func start(t *testing.T) *world { return startWith(t, newConfig(t)) }

func startWith(t *testing.T, cfg auth.Config) *world { return startOn(t, cfg, nil) }

// startOn starts auth on a catalog; nil is the one that is compiled in.
func startOn(t *testing.T, cfg auth.Config, integrations *catalog.Catalog) *world {
	t.Helper()
	w := &world{
		t: t, cfg: cfg, log: kittest.Logger(t), clock: &clock{now: time.Now()},
		provider: &provider{keys: map[string]string{goodKey: "77", "torii-key-of-acme-0003": "77", otherKey: "88"}},
	}
	table, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	proxy := connect.NewServer(shaping(table))
	internalproxyv1connect.RegisterProbeServiceHandler(proxy, w.provider)
	w.service, err = auth.New(t.Context(), cfg, auth.Deps{
		Log: w.log.Logger, Telemetry: telemetry.Off(), Proxy: connect.NewClient(connectinprocess.New(proxy)), Now: w.clock.Now,
		Catalog: integrations,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.service.Run(ctx) }()
	mux := edge.NewMux(edge.MuxOptions{Errors: table, JSON: access.JSON(), Log: w.log.Logger})
	if err := w.service.Mount(mux, nil); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(mux.Handler())
	t.Cleanup(func() {
		server.Close()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := w.service.Close(); err != nil {
			t.Error(err)
		}
	})
	w.url = server.URL
	w.internal = connect.NewClient(connectinprocess.New(w.service.InternalServer()), access.BearerOut())
	w.environment, w.token = w.newEnvironment("Acme")
	return w
}

// shaping gives the errors of a stand-in the shape of the real service's.
func shaping(table *rpcerr.Table) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if err := next(ctx, spec, stream); err != nil {
				return table.Connect(err, interceptor.RequestIDFrom(ctx))
			}
			return nil
		}
	}
}

func (w *world) newEnvironment(name string) (id, token string) {
	w.t.Helper()
	id, err := w.service.Operator().CreateEnvironment(w.t.Context(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	_, token, err = w.service.Operator().CreateToken(w.t.Context(), auth.TokenSpec{EnvironmentID: id, Name: "first"})
	if err != nil {
		w.t.Fatal(err)
	}
	return id, token
}

// answer is what REST said.
type answer struct {
	t      *testing.T
	status int
	body   map[string]any
	raw    string
}

// call makes a REST call with a token.
func (w *world) call(token, method, path, body string) answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{t: w.t, status: res.StatusCode, raw: string(raw)}
	decodeInto(w.t, raw, &a.body)
	return a
}

// want checks status and, for errors, the code.
func (a answer) want(status int, code ...string) answer {
	a.t.Helper()
	if a.status != status || len(code) > 0 && a.body["code"] != code[0] {
		a.t.Fatalf("got %d %s, want %d %v", a.status, a.raw, status, code)
	}
	return a
}

func (a answer) text(member string) string {
	a.t.Helper()
	s, ok := a.body[member].(string)
	if !ok {
		a.t.Fatalf("%s has no text %q", a.raw, member)
	}
	return s
}

func (a answer) list() []map[string]any {
	a.t.Helper()
	rows, ok := a.body["result"].([]any)
	if !ok {
		a.t.Fatalf("%s has no list", a.raw)
	}
	out := make([]map[string]any, len(rows))
	for i, row := range rows {
		out[i] = row.(map[string]any)
	}
	return out
}

// link links an account and returns its id.
func (w *world) link(token, tenant, key string) string {
	w.t.Helper()
	return w.call(token, "POST", "/integrated-account",
		`{"tenant_id":"`+tenant+`","integration":"torii","authentication_method":"api_key","context":{"api_key":"`+key+`","plan":"gold"}}`).want(200).text("id")
}

// wantCode checks the code of an RPC error.
func (w *world) wantCode(err error, code rpcerr.Code) {
	w.t.Helper()
	table, tableErr := access.ErrorTable()
	if tableErr != nil {
		w.t.Fatal(tableErr)
	}
	if err == nil || table.From(err).Code != code {
		w.t.Fatalf("got %v, want %s", err, code)
	}
}
