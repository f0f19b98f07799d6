package mcptest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/mcp"
)

// Drain is how long a replica that is stopped lets calls finish; they are cancelled when three quarters of it are over.
const Drain = 4 * time.Second

// A Stack is the service on a loopback port, and what it talks to.
type Stack struct {
	Auth    *Auth
	Proxy   *Proxy
	Unified *Unified
	Log     *kittest.Log
	// URL is where the service is.
	URL string

	errs   *rpcerr.Table
	config mcp.Config
}

// Start runs the service until the test ends.
func Start(t testing.TB, change ...func(*mcp.Config)) *Stack {
	t.Helper()
	errorTable, err := access.ErrorTable()
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{
		Auth: newAuth(t, errorTable), Proxy: &Proxy{errs: errorTable, rows: 250, fill: 100}, Unified: &Unified{}, Log: kittest.Logger(t),
		errs: errorTable, config: mcp.DefaultConfig(),
	}
	s.config.SealingKeys = []sealed.Key{sealed.Generate()}
	for _, f := range change {
		f(&s.config)
	}
	s.URL, _ = s.Replica(t)
	return s
}

// Replica runs one more replica of the service, of the same configuration and with the same others; stop ends it within Drain.
func (s *Stack) Replica(t testing.TB) (url string, stop func()) {
	t.Helper()
	outgoing, err := access.Outgoing(telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	auth, proxy, unified := connect.NewServer(), connect.NewServer(), connect.NewServer()
	s.Auth.register(auth)
	s.Unified.register(unified)
	proxyv1connect.RegisterProxyServiceHandler(proxy, s.Proxy)
	service, err := mcp.New(t.Context(), s.config, mcp.Deps{
		Log: s.Log.Logger, Telemetry: telemetry.Off(),
		Auth:    connect.NewClient(connectinprocess.New(auth), outgoing...),
		Proxy:   connect.NewClient(connectinprocess.New(proxy), outgoing...),
		Unified: connect.NewClient(connectinprocess.New(unified), outgoing...),
	})
	if err != nil {
		t.Fatal(err)
	}
	options := edge.MuxOptions{Errors: s.errs, JSON: access.JSON(), Log: s.Log.Logger}
	public := edge.NewMux(options)
	if err := service.Mount(public, edge.NewMux(options)); err != nil {
		t.Fatal(err)
	}
	listener, err := edge.Listen(edge.DefaultConfig("127.0.0.1:0"), public.Handler(), nil)
	if err != nil {
		t.Fatal(err)
	}
	url = "http://" + listener.Addr()
	return url, s.serve(t, url, service.Run, listener)
}

// serve runs the parts, waits until the service answers, and gives what stops them.
func (s *Stack) serve(t testing.TB, url string, run func(context.Context) error, listener *edge.Server) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- run(ctx) }()
	go func() { ended <- listener.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		within, done := context.WithTimeout(context.Background(), Drain)
		defer done()
		if err := listener.Close(within); err != nil {
			t.Error(err)
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	})
	t.Cleanup(stop)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if status, _ := do(t, "GET", url+"/integrated-account/"+Account+"/mcp", ""); status == http.StatusOK {
			return stop
		}
		<-tick.C
	}
	t.Fatal("the service does not answer")
	return nil
}

// Do makes a REST call with the API token.
func (s *Stack) Do(t testing.TB, method, path, body string) (int, map[string]any) {
	t.Helper()
	return do(t, method, s.URL+path, body)
}

func do(t testing.TB, method, url, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+APIToken)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, url, res.StatusCode, b, err)
	}
	return res.StatusCode, out
}

// A Server is an MCP server that a test made.
type Server struct{ ID, Token, URL string }

// Create makes an MCP server with a configuration in JSON.
func (s *Stack) Create(t testing.TB, config string) Server {
	t.Helper()
	if config == "" {
		config = "{}"
	}
	status, got := s.Do(t, "POST", "/integrated-account/"+Account+"/mcp", `{"name":"test","config":`+config+`}`)
	if status != http.StatusOK {
		t.Fatalf("create: %d %v", status, got)
	}
	return Server{ID: got["id"].(string), Token: got["token"].(string), URL: got["url"].(string)}
}
