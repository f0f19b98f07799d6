package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"go.uber.org/goleak"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tokens and accounts of every test.
const (
	tokenAll      = "sando_api_all"
	tokenRead     = "sando_api_read"
	tokenAccount  = "sando_acct_one"
	tokenForeign  = "sando_api_foreign"
	tokenSelected = "sando_mcp_selected"
	account       = "account-1"
	accountOther  = "account-2"
	accountBad    = "account-bad-key"
	environment   = "env-1"
)

// A bench is a proxy with a stand-in provider in front of it and a stand-in auth behind.
type bench struct {
	t        testing.TB
	auth     *fakeAuth
	emulator *emulator.Emulator
	service  *Service
	log      *kittest.Log
	url      string
	handler  http.Handler
	open     atomic.Int64 // connections to the stand-in provider
}

// newBench starts one. Change may set options before anything is built.
func newBench(t testing.TB, options emulator.Options, change ...func(*Config, *Deps)) *bench {
	t.Helper()
	b := &bench{t: t, auth: newFakeAuth(t), emulator: emulator.New(options), log: kittest.Logger(t)}
	torii := httptest.NewUnstartedServer(b.emulator)
	torii.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			b.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			b.open.Add(-1)
		}
	}
	torii.Start()
	t.Cleanup(torii.Close)
	b.link()
	cfg := DefaultConfig()
	cfg.BaseURLs = map[string]string{"torii": torii.URL + emulator.BasePath}
	cfg.SealingKeys = []sealed.Key{sealed.Generate()}
	cfg.Store.URL = config.Secret("sqlite:" + t.TempDir() + "/proxy.db")
	deps := Deps{Log: b.log.Logger, Telemetry: telemetry.Off(), Auth: b.auth.client(t)}
	for _, f := range change {
		f(&cfg, &deps)
	}
	var err error
	b.service, err = New(t.Context(), cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	b.run()
	return b
}

// link makes the tokens and accounts.
func (b *bench) link() {
	b.auth.allow(tokenAll, grant.Grant{Kind: access.KindAPI, EnvironmentID: environment, Read: true, Write: true})
	b.auth.allow(tokenRead, grant.Grant{Kind: access.KindAPI, EnvironmentID: environment, Read: true})
	b.auth.allow(tokenAccount, grant.Grant{Kind: access.KindAccount, EnvironmentID: environment, Accounts: []string{account}, Read: true, Write: true})
	b.auth.allow(tokenForeign, grant.Grant{Kind: access.KindAPI, EnvironmentID: "env-2", Read: true, Write: true})
	b.auth.allow(tokenSelected, grant.Grant{
		Kind: access.KindMCP, EnvironmentID: environment, Accounts: []string{account}, Read: true, Write: true,
		Operations: []string{"torii.users.list", "torii.users.update"}, MCPServerID: "mcp-1",
	})
	b.auth.link(account, environment, "10", emulator.DefaultKey)
	b.auth.link(accountOther, environment, "10", emulator.DefaultReadOnlyKey)
	b.auth.link(accountBad, environment, "11", "a-key-that-nobody-knows")
}

// run starts the service and its listener, and sees to it that both end.
func (b *bench) run() {
	b.t.Helper()
	errs, err := access.ErrorTable()
	if err != nil {
		b.t.Fatal(err)
	}
	mux := edge.NewMux(edge.MuxOptions{Errors: errs, JSON: access.JSON(), Log: b.log.Logger})
	if err := b.service.Mount(mux, nil); err != nil {
		b.t.Fatal(err)
	}
	b.handler = mux.Handler()
	front := httptest.NewUnstartedServer(b.handler)
	front.Config.Protocols = new(http.Protocols)
	front.Config.Protocols.SetHTTP1(true)
	front.Config.Protocols.SetUnencryptedHTTP2(true)
	// Broken-off answers are part of the tests; net/http would tell of each.
	front.Config.ErrorLog = nil
	front.Start()
	b.url = front.URL
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.service.Run(ctx) }()
	b.t.Cleanup(func() {
		front.Close()
		cancel()
		if err := <-ended; err != nil && ctx.Err() == nil {
			b.t.Errorf("Run: %v", err)
		}
		if err := b.service.Close(); err != nil {
			b.t.Errorf("Close: %v", err)
		}
		b.eventually("no connection to the provider is left", func() bool { return b.open.Load() == 0 })
	})
	b.eventually("the service is ready", func() bool { return b.service.Ready() == nil })
}

// eventually waits for what happens in the background, for a bounded time.
func (b *bench) eventually(what string, ok func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain until %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// rpc gives a client within the process that calls with a token.
func (b *bench) rpc(token string, options ...connectinprocess.Option) proxyv1connect.ProxyServiceClient {
	bearer := func(next connect.ClientFunc) connect.ClientFunc {
		return func(ctx context.Context, spec connect.Spec) (connect.ClientStream, error) {
			info, _ := connect.CallInfoForClientContext(ctx)
			info.RequestHeader().Set("Authorization", "Bearer "+token)
			return next(ctx, spec)
		}
	}
	return proxyv1connect.NewProxyServiceClient(connect.NewClient(connectinprocess.New(b.service.PublicServer(), options...), bearer))
}

// An answer of REST.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // of reading the body
}

// A request to REST; empty fields take what most tests want.
type request struct {
	method, path, token, body string
	header                    map[string]string
}

// do sends a request.
func (b *bench) do(r request) answer {
	b.t.Helper()
	if r.method == "" {
		r.method = http.MethodGet
	}
	if r.token == "" {
		r.token = tokenAccount
	}
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(b.t.Context(), r.method, b.url+r.path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close()
	var a answer
	a.status, a.header = res.StatusCode, res.Header
	a.body, a.err = io.ReadAll(res.Body)
	return a
}

func (b *bench) get(path string) answer {
	b.t.Helper()
	return b.do(request{path: path})
}

// An envelope is an answer's, of any kind.
type envelope struct {
	Result     json.RawMessage `json:"result"`
	NextCursor *string         `json:"next_cursor"`
	Count      int             `json:"result_count"`
	Limit      int             `json:"limit"`
	Total      *int            `json:"total"`
	Meta       struct {
		Shifted bool `json:"shifted"`
	} `json:"meta"`
	Aggregations json.RawMessage `json:"aggregations"`

	StatusCode  int             `json:"statusCode"`
	Code        string          `json:"code"`
	Message     string          `json:"message"`
	Origin      string          `json:"origin"`
	Retryable   bool            `json:"retryable"`
	RetryAfter  int             `json:"retry_after"`
	Fix         string          `json:"suggested_fix"`
	Details     map[string]any  `json:"details"`
	RawResponse json.RawMessage `json:"raw_response"`
}

// decode reads an answer that must be one JSON object.
func (b *bench) decode(a answer) envelope {
	b.t.Helper()
	if a.err != nil {
		b.t.Fatalf("the answer broke off: %v", a.err)
	}
	var e envelope
	if err := json.Unmarshal(a.body, &e); err != nil {
		b.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return e
}

// ok decodes an answer that must be good.
func (b *bench) ok(a answer) envelope {
	b.t.Helper()
	e := b.decode(a)
	if a.status != http.StatusOK {
		b.t.Fatalf("status %d: %s", a.status, a.body)
	}
	return e
}

// refused decodes an answer that must be an error of a code.
func (b *bench) refused(a answer, status int, code string) envelope {
	b.t.Helper()
	e := b.decode(a)
	if a.status != status || e.Code != code {
		b.t.Fatalf("got %d %s, want %d %s: %s", a.status, e.Code, status, code, a.body)
	}
	if bytes.Contains(a.body, []byte(emulator.DefaultKey)) {
		b.t.Fatalf("the answer shows the credential: %s", a.body)
	}
	return e
}

// rows decodes the rows of a list.
func (b *bench) rows(e envelope) []map[string]any {
	b.t.Helper()
	var rows []map[string]any
	if err := json.Unmarshal(e.Result, &rows); err != nil {
		b.t.Fatalf("result %s: %v", e.Result, err)
	}
	return rows
}

// fault orders the stand-in provider to go wrong.
func (b *bench) fault(f emulator.Fault) {
	b.t.Helper()
	b.emulator.ClearFaults()
	if err := b.emulator.Inject(f); err != nil {
		b.t.Fatal(err)
	}
}

// ids gives the ids of rows as text.
func ids(rows []map[string]any) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = fmt.Sprint(row["id"])
	}
	return out
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }

func rawJSON(text string) *rpcv1.RawJson { return &rpcv1.RawJson{Json: []byte(text)} }
