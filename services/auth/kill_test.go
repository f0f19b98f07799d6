package auth_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"
	"github.com/go-oauth2/oauth2/v4/manage"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// childEnv tells the test binary that it is the process to be killed.
const childEnv = "SANDO_AUTH_TEST_CHILD"

func TestMain(m *testing.M) {
	if spec := os.Getenv(childEnv); spec != "" {
		if err := victim(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

// killRounds is how often the process is killed here. SANDO_KILL_ROUNDS raises it for long runs.
const killRounds = 10

// Killed at any moment of linking by API and by page, replacing, unlinking, rotating, refreshing and recording, auth loses nothing that it acknowledged and leaves
// nothing half done. The provider takes an old refresh token once more, as those do that rotate them and mean to survive a lost answer.
func TestKilledAtAnyMoment(t *testing.T) {
	rounds := killRounds
	if n, err := strconv.Atoi(os.Getenv("SANDO_KILL_ROUNDS")); err == nil {
		rounds = n
	}
	p := newIDP(t)
	p.manager.SetRefreshTokenCfg(&manage.RefreshingConfig{IsGenerateRefresh: true})
	w := p.start(newConfig(t))
	w.consentTo(p, w.browser()).want(303, "")
	consented := w.call(w.token, "GET", "/integrated-account", "").want(200).list()[0]["id"].(string)
	k := &killing{t: t, cfg: w.cfg, spec: spec{
		Store: w.cfg.Store.URL.Reveal(), Keys: w.cfg.Keys.File, Environment: w.environment, Token: w.token, Provider: p.url, Consented: consented,
	}}
	for round := range rounds {
		withKey(t, w.cfg.Keys.File, true) // something to rotate
		k.spec.Later += time.Minute
		acked := k.once()
		if len(acked) == 0 {
			t.Fatal("nothing was acknowledged before the kill")
		}
		k.spec.Later += time.Minute // a refresh that died with the process is waited for that long at most
		k.survives(acked)
		t.Logf("round %d: %d acknowledged", round, len(acked))
	}
}

// spec tells the process what to work on.
type spec struct {
	Store, Keys, Environment, Token, Provider, Consented string
	// Serve has the process listen and do as it is told, instead of working until it is killed.
	Serve bool
	// Later moves the clock on after every process, past the leases that it held.
	Later time.Duration
}

// killing is one test of it.
type killing struct {
	t    *testing.T
	cfg  auth.Config
	spec spec
}

// once runs the process, kills it at a random moment, and returns what it had acknowledged.
func (k *killing) once() []string {
	t := k.t
	t.Helper()
	told, err := json.Marshal(k.spec)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(told))
	var faults bytes.Buffer
	cmd.Stderr = &faults
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acked []string
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // a line that was not finished was not acknowledged
		}
		if len(acked) == 0 {
			time.AfterFunc(time.Duration(5+rand.IntN(250))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		acked = append(acked, strings.TrimSpace(line))
	}
	_ = cmd.Wait() // it was killed
	if faults.Len() > 0 {
		t.Fatalf("the process failed before it was killed: %s", faults.String())
	}
	return acked
}

// survives opens what the killed process left behind and holds it to its word.
func (k *killing) survives(acked []string) {
	t := k.t
	t.Helper()
	clients, stop, err := k.spec.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: k.spec.Token})
	want := make(map[string]string) // account to key; empty when it was unlinked
	maybe := make(map[string]bool)  // accounts that a change had begun on
	recorded := make(map[string]bool)
	var version int64 // of the credential that was refreshed
	for _, line := range acked {
		verb, rest, _ := strings.Cut(line, " ")
		id, key, _ := strings.Cut(rest, " ")
		switch verb {
		case "linked", "replaced":
			want[id], maybe[id] = key, false
		case "unlinked":
			want[id], maybe[id] = "", false
		case "touching":
			maybe[id] = true
		case "recorded":
			recorded[id] = true
		case "refreshed":
			version, _ = strconv.ParseInt(key, 10, 64)
		}
	}
	for id, key := range want {
		lease, err := clients.credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
		got := lease.GetValues()["api_key"]
		switch {
		case connect.CodeOf(err) == connect.CodeNotFound:
			if key != "" && !maybe[id] {
				t.Errorf("account %s was linked and is gone", id)
			}
		case err != nil:
			t.Errorf("account %s is left half done: %v", id, err)
		case key == "":
			t.Errorf("account %s was unlinked and is back", id)
		case got != key && !maybe[id]:
			t.Errorf("account %s has another credential than was acknowledged", id)
		}
	}
	clients.linksSurvive(t, acked)
	lease, err := clients.credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: k.spec.Consented})
	if err != nil || lease.GetVersion() < version || lease.GetValues()["access_token"] == "" {
		t.Errorf("the refreshed account: version %d, acknowledged %d, %v", lease.GetVersion(), version, err)
	}
	var export bytes.Buffer
	if err := clients.service.Operator().ExportLog(t.Context(), k.spec.Environment, &export); err != nil {
		t.Fatal(err)
	}
	for id := range recorded {
		if !strings.Contains(export.String(), `"id":"`+id+`"`) {
			t.Errorf("entry %s was recorded and is gone", id)
		}
	}
	if _, err := auth.VerifyLog(&export, nil); err != nil {
		t.Errorf("the chain is broken: %v", err)
	}
}

// handles are what the two processes use of auth.
type handles struct {
	service     *auth.Service
	accounts    authv1connect.IntegratedAccountServiceClient
	credentials internalauthv1connect.CredentialServiceClient
	log         internalauthv1connect.AuditServiceClient
	links       authv1connect.LinkTokenServiceClient
	page        http.Handler
	token       string
}

func (s spec) config() auth.Config {
	cfg := auth.DefaultConfig()
	cfg.Store.URL, cfg.Keys.File, cfg.OAuthClients, cfg.PublicURL = config.Secret(s.Store), s.Keys, vendorClients(), "https://connect.example.com"
	return cfg
}

func (s spec) open(ctx context.Context) (handles, func(), error) {
	integrations, err := withAcme(s.Provider)
	if err != nil {
		return handles{}, nil, err
	}
	table, err := access.ErrorTable()
	if err != nil {
		return handles{}, nil, err
	}
	keys := make(map[string]string)
	for n := range 1000 {
		keys[fmt.Sprintf("key-number-%04d", n)] = "77"
	}
	proxy := connect.NewServer(shaping(table))
	internalproxyv1connect.RegisterProbeServiceHandler(proxy, &provider{keys: keys})
	service, err := auth.New(ctx, s.config(), auth.Deps{
		Log: slog.New(slog.DiscardHandler), Telemetry: telemetry.Off(), Proxy: connect.NewClient(connectinprocess.New(proxy)),
		Catalog: integrations, Now: func() time.Time { return time.Now().Add(s.Later) },
	})
	if err != nil {
		return handles{}, nil, err
	}
	mux := edge.NewMux(edge.MuxOptions{Errors: table, JSON: access.JSON(), Log: slog.New(slog.DiscardHandler)})
	if err := service.Mount(mux, nil); err != nil {
		return handles{}, nil, err
	}
	public := connect.NewClient(connectinprocess.New(service.PublicServer()), access.BearerOut())
	internal := connect.NewClient(connectinprocess.New(service.InternalServer()), access.BearerOut())
	return handles{
		service:     service,
		accounts:    authv1connect.NewIntegratedAccountServiceClient(public),
		credentials: internalauthv1connect.NewCredentialServiceClient(internal),
		log:         internalauthv1connect.NewAuditServiceClient(internal),
		links:       authv1connect.NewLinkTokenServiceClient(public),
		page:        mux.Handler(),
		token:       s.Token,
	}, func() { _ = service.Close() }, nil
}

// victim works until it is killed, and prints a line for everything that was acknowledged.
func victim(told string) error {
	var work spec
	if err := json.Unmarshal([]byte(told), &work); err != nil {
		return err
	}
	if work.Serve {
		return work.serve(context.Background())
	}
	ctx := access.WithCaller(context.Background(), &access.Caller{Bearer: work.Token})
	h, _, err := work.open(ctx)
	if err != nil {
		return err
	}
	out := &acks{w: os.Stdout, life: strconv.FormatInt(int64(work.Later), 36)}
	failed := make(chan error, 5)
	go func() { failed <- h.connectForEver(ctx, out) }()
	go func() { failed <- h.linkForEver(ctx, out) }()
	go func() { failed <- h.recordForEver(ctx, out, work.Environment) }()
	go func() { failed <- h.refreshForEver(ctx, out, work.Consented) }()
	go func() { failed <- h.service.Operator().RotateKeys(ctx, func(int, int) {}) }()
	for range 5 {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

// refreshForEver takes a lease that a killed process left behind for what it is: it ends.
func (h handles) refreshForEver(ctx context.Context, out *acks, id string) error {
	for {
		if _, err := h.accounts.RefreshCredentials(ctx, &authv1.RefreshCredentialsRequest{Id: id}); err != nil {
			if code := connect.CodeOf(err); code == connect.CodeUnavailable || code == connect.CodeDeadlineExceeded {
				continue
			}
			return err
		}
		lease, err := h.credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: id})
		if err != nil {
			return err
		}
		out.say("refreshed", id, strconv.FormatInt(lease.GetVersion(), 10))
	}
}

// acks prints whole lines.
type acks struct {
	// life tells one process from another.
	life string
	mu   sync.Mutex
	w    io.Writer
}

func (a *acks) say(parts ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprintln(a.w, strings.Join(parts, " "))
}

func (h handles) linkForEver(ctx context.Context, out *acks) error {
	for n := 0; ; n++ {
		key := func(step int) string { return fmt.Sprintf("key-number-%04d", (3*n+step)%1000) }
		secret := func(step int) *rpcv1.RawJson { return &rpcv1.RawJson{Json: []byte(`{"api_key":"` + key(step) + `"}`)} }
		made, err := h.accounts.CreateIntegratedAccount(ctx, &authv1.CreateIntegratedAccountRequest{TenantId: "t", Context: secret(0)})
		if err != nil {
			return err
		}
		id := made.GetIntegratedAccount().GetId()
		out.say("linked", id, key(0))
		out.say("touching", id)
		if _, err := h.accounts.ReplaceCredentials(ctx, &authv1.ReplaceCredentialsRequest{Id: id, Context: secret(1)}); err != nil {
			return err
		}
		out.say("replaced", id, key(1))
		if n%3 != 0 {
			continue
		}
		out.say("touching", id)
		if _, err := h.accounts.DeleteIntegratedAccount(ctx, &authv1.DeleteIntegratedAccountRequest{Id: id}); err != nil {
			return err
		}
		out.say("unlinked", id)
	}
}

func (h handles) recordForEver(ctx context.Context, out *acks, environment string) error {
	for {
		res, err := h.log.AppendAudit(ctx, &iv1.AppendAuditRequest{Entries: []*authv1.LogEntry{
			{EnvironmentId: environment, LogType: "mcp", Phase: "intent", Action: "torii.users.update"},
			{EnvironmentId: environment, LogType: "mcp", Phase: "outcome", Action: "torii.users.update", Status: new(int32(200))},
		}})
		if err != nil {
			return err
		}
		for _, id := range res.GetIds() {
			out.say("recorded", id)
		}
	}
}
