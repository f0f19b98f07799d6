package unified_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	internalauthv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	proxyv1 "github.com/sando-dev/sando/gen/sando/proxy/v1"
	"github.com/sando-dev/sando/gen/sando/proxy/v1/proxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/grant"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/unified"
)

const (
	environment = "env-1"
	account     = "acct-1"
)

// fakeProxy answers from rows, and remembers what it was asked.
type fakeProxy struct {
	proxyv1connect.UnimplementedProxyServiceHandler

	mu      sync.Mutex
	rows    map[string][]string // of lists, by resource
	singles map[string]string   // of gets and updates, by resource/id
	fail    map[string]error    // by resource
	failGet error               // of every get
	filter  func(resource string, query url.Values, row string) bool
	order   bool     // sorts as asked, by texts and numbers
	quiet   bool     // remembers nothing
	shifted bool     // says of every page after the first that rows have moved
	replay  bool     // answers updates as replays of earlier ones
	calls   []string // method resource?query
	bodies  []string
	bearers []string
	keys    []string // method and Idempotency-Key
}

func (f *fakeProxy) note(ctx context.Context, method, resource, query string) (url.Values, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, _ := connect.CallInfoForServerContext(ctx)
	f.bearers = append(f.bearers, info.RequestHeader().Get("Authorization"))
	if f.quiet {
		return nil, nil
	}
	f.keys = append(f.keys, method+" "+info.RequestHeader().Get("Idempotency-Key"))
	call := method + " " + resource
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	if query != "" {
		decoded, err := url.QueryUnescape(values.Encode())
		if err != nil {
			return nil, err
		}
		call += "?" + decoded
	}
	f.calls = append(f.calls, call)
	return values, f.fail[resource]
}

func (f *fakeProxy) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

func raw(s string) *rpcv1.RawJson { return &rpcv1.RawJson{Json: []byte(s)} }

// List pages the rows that pass the filter; its cursors are plain offsets.
func (f *fakeProxy) List(ctx context.Context, req *proxyv1.ListRequest) (*proxyv1.ListResponse, error) {
	query, err := f.note(ctx, "list", req.Resource, req.GetQuery())
	if err != nil {
		return nil, err
	}
	if single, ok := f.singles[req.Resource]; ok {
		return &proxyv1.ListResponse{Result: raw(single)}, nil
	}
	var rows []string
	for _, row := range f.rows[req.Resource] {
		if f.filter == nil || f.filter(req.Resource, query, row) {
			rows = append(rows, row)
		}
	}
	if sort := query.Get("sort"); f.order && sort != "" {
		sortRows(rows, sort)
	}
	from, _ := strconv.Atoi(req.GetNextCursor())
	to := len(rows)
	if req.Limit != nil {
		to = min(from+int(req.GetLimit()), len(rows))
	}
	res := &proxyv1.ListResponse{Result: raw("["), ResultCount: int32(to - from), Limit: req.GetLimit()}
	for i, row := range rows[from:to] {
		if i > 0 {
			res.Result.Json = append(res.Result.Json, ',')
		}
		res.Result.Json = append(res.Result.Json, row...)
	}
	res.Result.Json = append(res.Result.Json, ']')
	if to < len(rows) {
		next := strconv.Itoa(to)
		res.NextCursor = &next
	}
	total := int32(len(rows))
	res.Total = &total
	if f.shifted && from > 0 {
		res.Meta = &proxyv1.ListMeta{Shifted: true}
	}
	return res, nil
}

// sortRows sorts by one key; rows without it come last.
func sortRows(rows []string, sort string) {
	key, direction, _ := strings.Cut(sort, ":")
	value := func(row string) any {
		var fields map[string]any
		_ = json.Unmarshal([]byte(row), &fields)
		return fields[key]
	}
	slices.SortStableFunc(rows, func(a, b string) int {
		x, y := value(a), value(b)
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		}
		n := strings.Compare(fmt.Sprintf("%20v", x), fmt.Sprintf("%20v", y))
		if s, ok := x.(string); ok {
			n = strings.Compare(s, fmt.Sprint(y))
		}
		if direction == "desc" {
			n = -n
		}
		return n
	})
}

func (f *fakeProxy) Get(ctx context.Context, req *proxyv1.GetRequest) (*proxyv1.GetResponse, error) {
	if _, err := f.note(ctx, "get", req.Resource+"/"+req.Id, req.GetQuery()); err != nil {
		return nil, err
	}
	single, ok := f.singles[req.Resource+"/"+req.Id]
	if f.failGet != nil {
		return nil, f.failGet
	}
	if !ok {
		e := rpcerr.New(access.CodeUpstreamNotFound, "Torii knows no such id")
		e.Origin = "torii"
		return nil, table().Connect(e, "req-1")
	}
	return &proxyv1.GetResponse{Result: raw(single)}, nil
}

func (f *fakeProxy) Update(ctx context.Context, req *proxyv1.UpdateRequest) (*proxyv1.UpdateResponse, error) {
	if _, err := f.note(ctx, "update", req.Resource+"/"+req.Id, req.GetQuery()); err != nil {
		return nil, err
	}
	f.bodies = append(f.bodies, string(req.GetBody().GetJson()))
	if info, ok := connect.CallInfoForServerContext(ctx); ok && f.replay {
		info.ResponseHeader().Set("Sando-Idempotent-Replay", "true")
	}
	return &proxyv1.UpdateResponse{Result: raw(f.singles[req.Resource+"/"+req.Id])}, nil
}

// fakeAuth knows accounts, each by the bearers that reach it.
type fakeAuth struct {
	internalauthv1connect.UnimplementedAccountServiceHandler
	accounts map[string][]string
}

func (f fakeAuth) GetAccount(ctx context.Context, req *internalauthv1.GetAccountRequest) (*internalauthv1.GetAccountResponse, error) {
	info, _ := connect.CallInfoForServerContext(ctx)
	if !slices.Contains(f.accounts[req.IntegratedAccountId], info.RequestHeader().Get("Authorization")) {
		return nil, table().Connect(rpcerr.New(access.CodeAccountNotFound, ""), "req-1")
	}
	return &internalauthv1.GetAccountResponse{Account: &authv1.IntegratedAccount{Id: req.IntegratedAccountId}}, nil
}

func table() *rpcerr.Table {
	t, err := access.ErrorTable()
	if err != nil {
		panic(err)
	}
	return t
}

// callers maps bearers to grants.
type callers map[string]*grant.Grant

func (c callers) Authenticate(_ context.Context, bearer, _ string) (*access.Caller, error) {
	g, ok := c[bearer]
	if !ok {
		return nil, rpcerr.New(rpcerr.Unauthenticated, "")
	}
	return &access.Caller{Grant: g, Bearer: "signed-" + bearer}, nil
}

// stand is a service over a fake proxy.
type stand struct {
	*unified.Service
	proxy  *fakeProxy
	client *connect.Client
	log    *recorder
	lines  *kittest.Log
}

// recorder remembers audit entries.
type recorder struct {
	mu      sync.Mutex
	entries []*authv1.LogEntry
}

func (r *recorder) Record(_ context.Context, entries ...*authv1.LogEntry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entries...)
	return nil
}

func newStand(t testing.TB, proxy *fakeProxy) *stand {
	t.Helper()
	behind := connect.NewServer()
	proxyv1connect.RegisterProxyServiceHandler(behind, proxy)
	reachable := []string{"Bearer signed-api", "Bearer signed-read", "Bearer signed-acct"}
	auth := connect.NewServer()
	internalauthv1connect.RegisterAccountServiceHandler(auth, fakeAuth{accounts: map[string][]string{account: reachable, "acct-9": reachable[:2]}})
	outgoing, err := access.Outgoing(telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	cfg := unified.DefaultConfig()
	cfg.SealingKeys = []sealed.Key{sealed.Generate()}
	cfg.Store.URL = config.Secret("sqlite:" + filepath.Join(t.TempDir(), "unified.db"))
	recorder := &recorder{}
	log := kittest.Logger(t)
	s, err := unified.New(t.Context(), cfg, unified.Deps{
		Log: log.Logger, Telemetry: telemetry.Off(),
		Auth:     connect.NewClient(connectinprocess.New(auth), outgoing...),
		Proxy:    connect.NewClient(connectinprocess.New(behind), outgoing...),
		Recorder: recorder,
		Authenticator: callers{
			"api":  {TokenID: "tok-api", Kind: access.KindAPI, EnvironmentID: environment, Read: true, Write: true},
			"read": {TokenID: "tok-read", Kind: access.KindAPI, EnvironmentID: environment, Read: true},
			"acct": {TokenID: "tok-acct", Kind: access.KindAccount, EnvironmentID: environment, Accounts: []string{account}, Read: true, Write: true},
			"else": {TokenID: "tok-else", Kind: access.KindAPI, EnvironmentID: environment, Accounts: []string{"acct-2"}, Read: true, Write: true},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stand{Service: s, proxy: proxy, client: connect.NewClient(connectinprocess.New(s.PublicServer())), log: recorder, lines: log}
}

// as makes a context whose calls carry a token.
func as(t testing.TB, token string) context.Context {
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer "+token)
	return ctx
}

// code is the code of an error that came over the wire.
func code(err error) rpcerr.Code {
	if err == nil {
		return ""
	}
	return table().From(err).Code
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
