package auth_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectinprocess"

	"github.com/sando-dev/sando/access"
	authv1 "github.com/sando-dev/sando/gen/sando/auth/v1"
	"github.com/sando-dev/sando/gen/sando/auth/v1/authv1connect"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/gen/sando/internalproxy/v1/internalproxyv1connect"
	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/config"
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

// Killed at any moment of linking, replacing, unlinking, rotating and recording, auth loses nothing that it acknowledged and leaves nothing half
// done.
func TestKilledAtAnyMoment(t *testing.T) {
	rounds := killRounds
	if n, err := strconv.Atoi(os.Getenv("SANDO_KILL_ROUNDS")); err == nil {
		rounds = n
	}
	cfg := newConfig(t)
	operator, err := auth.OpenOperator(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	environment, err := operator.CreateEnvironment(t.Context(), "Acme")
	if err != nil {
		t.Fatal(err)
	}
	_, token, err := operator.CreateToken(t.Context(), auth.TokenSpec{EnvironmentID: environment})
	if err != nil {
		t.Fatal(err)
	}
	if err := operator.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		withKey(t, cfg.Keys.File, true) // something to rotate
		acked := killOne(t, strings.Join([]string{cfg.Store.URL.Reveal(), cfg.Keys.File, environment, token}, "\n"))
		if len(acked) == 0 {
			t.Fatal("nothing was acknowledged before the kill")
		}
		survives(t, cfg, environment, token, acked)
		t.Logf("round %d: %d acknowledged", round, len(acked))
	}
}

// killOne runs the process, kills it at a random moment, and returns what it had acknowledged.
func killOne(t *testing.T, spec string) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+spec)
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
func survives(t *testing.T, cfg auth.Config, environment, token string, acked []string) {
	t.Helper()
	clients, stop, err := open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: token})
	want := make(map[string]string) // account to key; empty when it was unlinked
	maybe := make(map[string]bool)  // accounts that a change had begun on
	recorded := make(map[string]bool)
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
	var export bytes.Buffer
	if err := clients.service.Operator().ExportLog(t.Context(), environment, &export); err != nil {
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
}

func open(ctx context.Context, cfg auth.Config) (handles, func(), error) {
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
	service, err := auth.New(ctx, cfg, auth.Deps{
		Log: slog.New(slog.DiscardHandler), Telemetry: telemetry.Off(), Proxy: connect.NewClient(connectinprocess.New(proxy)),
	})
	if err != nil {
		return handles{}, nil, err
	}
	public := connect.NewClient(connectinprocess.New(service.PublicServer()), access.BearerOut())
	internal := connect.NewClient(connectinprocess.New(service.InternalServer()), access.BearerOut())
	return handles{
		service:     service,
		accounts:    authv1connect.NewIntegratedAccountServiceClient(public),
		credentials: internalauthv1connect.NewCredentialServiceClient(internal),
		log:         internalauthv1connect.NewAuditServiceClient(internal),
	}, func() { _ = service.Close() }, nil
}

// victim works until it is killed, and prints a line for everything that was acknowledged.
func victim(spec string) error {
	parts := strings.Split(spec, "\n")
	cfg := auth.DefaultConfig()
	cfg.Store.URL, cfg.Keys.File = config.Secret(parts[0]), parts[1]
	environment, token := parts[2], parts[3]
	ctx := access.WithCaller(context.Background(), &access.Caller{Bearer: token})
	h, _, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	out := &acks{w: os.Stdout}
	failed := make(chan error, 3)
	go func() { failed <- h.linkForEver(ctx, out) }()
	go func() { failed <- h.recordForEver(ctx, out, environment) }()
	go func() { failed <- h.service.Operator().RotateKeys(ctx, func(int, int) {}) }()
	for range 3 {
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

// acks prints whole lines.
type acks struct {
	mu sync.Mutex
	w  io.Writer
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
			{EnvironmentId: environment, LogType: "mcp", Phase: "outcome", Action: "torii.users.update", Status: 200},
		}})
		if err != nil {
			return err
		}
		for _, id := range res.GetIds() {
			out.say("recorded", id)
		}
	}
}
