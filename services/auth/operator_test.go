package auth_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/access"
	iv1 "github.com/sando-dev/sando/gen/sando/internalauth/v1"
	"github.com/sando-dev/sando/gen/sando/internalauth/v1/internalauthv1connect"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// withKey puts a fresh key in front of the encryption keys of a key file, and leaves out the old one if told.
func withKey(t *testing.T, path string, keepOld bool) {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(document string) string {
		_, rest, _ := strings.Cut(document, "encryption:\n")
		line, _, _ := strings.Cut(rest, "\n")
		return line + "\n"
	}
	was, fresh := entry(string(old)), entry(string(auth.GenerateKeys()))
	if keepOld {
		fresh += was
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(old), was, fresh, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRotateKeys(t *testing.T) {
	w := start(t)
	var ids []string
	for range 3 {
		ids = append(ids, w.link(w.token, "t1", goodKey))
	}
	w.call(w.token, "DELETE", "/integrated-account/"+ids[2], "").want(200)
	withKey(t, w.cfg.Keys.File, true)

	// A server that has both keys runs meanwhile.
	both := startWith(t, w.cfg)
	operator, err := auth.OpenOperator(t.Context(), w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	var seen [][2]int
	if err := operator.RotateKeys(t.Context(), func(done, total int) { seen = append(seen, [2]int{done, total}) }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != [2]int{2, 2} {
		t.Errorf("progress: %v", seen)
	}
	credentials := internalauthv1connect.NewCredentialServiceClient(both.internal)
	ctx := access.WithCaller(t.Context(), &access.Caller{Bearer: w.accountToken(ids[0])})
	lease, err := credentials.LeaseCredential(ctx, &iv1.LeaseCredentialRequest{IntegratedAccountId: ids[0]})
	if err != nil || lease.GetValues()["api_key"] != goodKey {
		t.Errorf("after the rotation: %v, %v", lease, err)
	}
}

// A ring that lacks the key of a stored credential is refused at the start, with advice.
func TestMissingEncryptionKeyIsRefused(t *testing.T) {
	w := start(t)
	w.link(w.token, "t1", goodKey)
	withKey(t, w.cfg.Keys.File, false)
	_, err := auth.New(t.Context(), w.cfg, auth.Deps{Log: kittest.Logger(t).Logger, Telemetry: telemetry.Off()})
	if err == nil || !strings.Contains(err.Error(), "the key ring lacks") {
		t.Errorf("started without the key: %v", err)
	}
}

// A ring of another installation is refused at the start, not when its first token is: pepper, sealing and signing keys alike.
func TestRingOfAnotherInstallationIsRefused(t *testing.T) {
	w := start(t)
	ours, err := os.ReadFile(w.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	_, theirs, _ := strings.Cut(string(auth.GenerateKeys()), "signing:\n")
	encryption, _, _ := strings.Cut(string(ours), "signing:\n")
	cfg := w.cfg
	cfg.Keys = auth.KeysConfig{Ring: config.Secret(encryption + "signing:\n" + theirs)}
	_, newErr := auth.New(t.Context(), cfg, auth.Deps{Log: kittest.Logger(t).Logger, Telemetry: telemetry.Off()})
	_, operatorErr := auth.OpenOperator(t.Context(), cfg)
	for what, err := range map[string]error{"server": newErr, "operator": operatorErr, "check": auth.Check(t.Context(), cfg)} {
		if err == nil || !strings.Contains(err.Error(), "belongs to another installation") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := auth.Check(t.Context(), w.cfg); err != nil {
		t.Errorf("the ring of this installation: %v", err)
	}
	cfg.Store.URL = "sqlite:" + config.Secret(filepath.Join(t.TempDir(), "none.db"))
	if err := auth.Check(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "no database yet") {
		t.Errorf("no database: %v", err)
	}
}

// A key is changed by starting once with the new and the old one.
func TestPepperIsChangedStepByStep(t *testing.T) {
	w := start(t)
	document, err := os.ReadFile(w.cfg.Keys.File)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(document), "pepper:\n")
	old, _, _ := strings.Cut(rest, "\n")
	both, err := auth.AddKey(document, "pepper")
	if err != nil {
		t.Fatal(err)
	}
	fresh := strings.Replace(string(both), old+"\n", "", 1)
	for _, step := range []struct {
		ring string
		want int // what the token that was made under the old pepper is answered
	}{{string(both), 200}, {fresh, 401}} {
		cfg := w.cfg
		cfg.Keys = auth.KeysConfig{Ring: config.Secret(step.ring)}
		startWith(t, cfg).call(w.token, "GET", "/environment", "").want(step.want)
	}
}

func TestNoKeysNoStart(t *testing.T) {
	cfg := newConfig(t)
	cfg.Keys.File = ""
	_, err := auth.New(t.Context(), cfg, auth.Deps{Log: kittest.Logger(t).Logger, Telemetry: telemetry.Off()})
	if err == nil || !strings.Contains(err.Error(), "sando keys generate") {
		t.Errorf("started without keys: %v", err)
	}
	for _, url := range []string{"", "mysql://x", "sqlite:"} {
		cfg := newConfig(t)
		cfg.Store.URL = config.Secret(url)
		if _, err := auth.New(t.Context(), cfg, auth.Deps{Log: kittest.Logger(t).Logger, Telemetry: telemetry.Off()}); err == nil || !strings.Contains(err.Error(), "sqlite:PATH") {
			t.Errorf("store %q: %v", url, err)
		}
	}
}

func TestOperatorExportsAndVerifies(t *testing.T) {
	w := start(t)
	w.link(w.token, "t1", goodKey)
	var out bytes.Buffer
	if err := w.service.Operator().ExportLog(t.Context(), w.environment, &out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), goodKey) {
		t.Error("the export holds the credential")
	}
	report, err := auth.VerifyLog(bytes.NewReader(out.Bytes()), w.service.Operator().PublicKeys())
	if err != nil || report.Entries != 3 || report.TrustFile {
		t.Errorf("%+v, %v", report, err)
	}
	bad := strings.Replace(out.String(), "integrated_account.create", "integrated_account.delete", 1)
	if _, err := auth.VerifyLog(strings.NewReader(bad), nil); err == nil || !strings.Contains(err.Error(), "altered") {
		t.Errorf("an altered export: %v", err)
	}
}

// The CLI revokes beside a running server.
func TestOperatorRevokes(t *testing.T) {
	w := start(t)
	operator, err := auth.OpenOperator(t.Context(), w.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	id, secret, err := operator.CreateToken(t.Context(), auth.TokenSpec{EnvironmentID: w.environment, Name: "cli", Read: true})
	if err != nil {
		t.Fatal(err)
	}
	w.call(secret, "GET", "/environment", "").want(200)
	tokens, err := operator.Tokens(t.Context(), w.environment)
	if err != nil || len(tokens) != 2 || tokens[0].ID != id || tokens[0].Write {
		t.Errorf("tokens: %v, %v", tokens, err)
	}
	if err := operator.RevokeToken(t.Context(), w.environment, id); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		if w.call(secret, "GET", "/environment", "").status != 401 {
			return errors.New("the revoked token still works")
		}
		return nil
	})
	if err := operator.RevokeToken(t.Context(), w.environment, id); err == nil {
		t.Error("it was revoked twice")
	}
}

func TestOperatorRefuses(t *testing.T) {
	w := start(t)
	o := w.service.Operator()
	if _, err := o.CreateEnvironment(t.Context(), ""); err == nil {
		t.Error("an environment without a name was made")
	}
	if _, _, err := o.CreateToken(t.Context(), auth.TokenSpec{EnvironmentID: "unknown"}); err == nil {
		t.Error("a token without an environment was made")
	}
	if _, err := o.Tokens(t.Context(), "unknown"); err == nil {
		t.Error("the tokens of no environment were listed")
	}
	if err := o.ExportLog(t.Context(), "unknown", &bytes.Buffer{}); err == nil {
		t.Error("the log of no environment was exported")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.RotateKeys(ctx, func(int, int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if all, err := o.Environments(t.Context()); err != nil || len(all) != 1 || all[0].Name != "Acme" {
		t.Errorf("environments: %v, %v", all, err)
	}
}

// What the CLI does to the store beside a running server counts there, and with who watches it, within a second. Both write meanwhile: no write
// is refused, and the chain of the log stays whole.
func TestOperatorBesideAServer(t *testing.T) {
	w := start(t)
	watcher := access.New(w.internal, access.Options{Log: w.log.Logger})
	go func() { _ = watcher.Run(t.Context()) }()
	eventually(t, watcher.Ready)
	busy, stop := make(chan error, 1), make(chan struct{})
	go func() { busy <- keepMakingTokens(t.Context(), w, stop) }()

	for range 5 {
		beside, err := auth.OpenOperator(t.Context(), w.cfg) // as each run of the CLI does
		if err != nil {
			t.Fatal(err)
		}
		id, secret, err := beside.CreateToken(t.Context(), auth.TokenSpec{EnvironmentID: w.environment})
		if err != nil {
			t.Fatal(err)
		}
		w.call(secret, "POST", "/api-token", `{}`).want(200)
		if _, err := watcher.Authenticate(t.Context(), secret, ""); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(beside.RevokeToken(t.Context(), w.environment, id), beside.Close()); err != nil {
			t.Fatal(err)
		}
		revoked := time.Now()
		eventually(t, func() error {
			_, err := watcher.Authenticate(t.Context(), secret, "")
			if err == nil || w.call(secret, "GET", "/environment", "").status != 401 {
				return fmt.Errorf("the token is taken %v after it was revoked", time.Since(revoked))
			}
			return nil
		})
		if took := time.Since(revoked); took > time.Second {
			t.Errorf("the revocation took %v", took)
		}
	}
	close(stop)
	if err := <-busy; err != nil {
		t.Errorf("a write beside the server's: %v", err)
	}
	var export bytes.Buffer
	if err := w.service.Operator().ExportLog(t.Context(), w.environment, &export); err != nil {
		t.Fatal(err)
	}
	if report, err := auth.VerifyLog(&export, nil); err != nil || report.Last < 15 {
		t.Errorf("the log that both wrote: %+v, %v", report, err)
	}
}

// keepMakingTokens writes to the store beside w's server until stop is closed.
func keepMakingTokens(ctx context.Context, w *world, stop <-chan struct{}) error {
	beside, err := auth.OpenOperator(ctx, w.cfg)
	if err != nil {
		return err
	}
	for {
		select {
		case <-stop:
			return beside.Close()
		default:
		}
		if _, _, err := beside.CreateToken(ctx, auth.TokenSpec{EnvironmentID: w.environment}); err != nil {
			return errors.Join(err, beside.Close())
		}
	}
}
