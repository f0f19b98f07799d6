package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long anything may take to start or stop here.
const patience = 30 * time.Second

// A stack is a running product with one linked account.
type stack struct {
	baseURL, emulatorURL string
	apiToken             string
	environment, account string
	mcpURL, mcpToken     string
	toriiKey             string
}

func (s stack) address() string { return strings.TrimPrefix(s.baseURL, "http://") }

// readyFile is what sando-dev writes when everything answers.
type readyFile struct {
	BaseURL             string `json:"base_url"`
	APIToken            string `json:"api_token"`
	EnvironmentID       string `json:"environment_id"`
	IntegratedAccountID string `json:"integrated_account_id"`
	MCPURL              string `json:"mcp_url"`
	MCPToken            string `json:"mcp_token"`
	EmulatorURL         string `json:"emulator_url"`
	ToriiAPIKey         string `json:"torii_api_key"`
}

func (r readyFile) stack() stack {
	return stack{
		baseURL: r.BaseURL, emulatorURL: r.EmulatorURL, apiToken: r.APIToken, environment: r.EnvironmentID,
		account: r.IntegratedAccountID, mcpURL: r.MCPURL, mcpToken: r.MCPToken, toriiKey: r.ToriiAPIKey,
	}
}

// binary finds a built program.
func binary(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("../../bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run `make build` first (`make test` does)", err)
	}
	return path
}

// A process is a running binary of ours. Everything it prints is kept.
type process struct {
	cmd    *exec.Cmd
	output lockedBuffer
	stdout lockedBuffer
	exited chan error
}

// start runs a program; the test ends it at the latest.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary(t, name), args...)
	cmd.Env = append(os.Environ(), env...)
	return launch(t, name, cmd)
}

// launch runs a command; the test ends it at the latest.
func launch(t *testing.T, name string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, exited: make(chan error, 1)}
	p.cmd.Stdout = io.MultiWriter(&p.output, &p.stdout)
	p.cmd.Stderr = &p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		select {
		case <-p.exited:
		case <-time.After(patience):
			t.Errorf("%s did not die", name)
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", name, p.output.tail(8000))
		}
	})
	return p
}

// succeed waits until a program has done what it was started for.
func (p *process) succeed(t *testing.T) {
	t.Helper()
	err := <-p.exited
	p.exited <- err
	if err != nil {
		t.Fatalf("%v: %v\n%s", p.cmd.Args, err, p.output.String())
	}
}

// stop ends a process with SIGTERM and says how it went.
func (p *process) stop(t *testing.T) error {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.exited:
		p.exited <- err
		return err
	case <-time.After(patience):
		return errors.New("did not stop")
	}
}

// waitFor polls until ready answers true, or the process is gone.
func (p *process) waitFor(t *testing.T, what string, ready func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case err := <-p.exited:
			p.exited <- err
			t.Fatalf("%s: the process ended: %v\n%s", what, err, p.output.tail(4000))
		case <-ctx.Done():
			t.Fatalf("%s: not ready in %s\n%s", what, patience, p.output.tail(4000))
		case <-tick.C:
		}
	}
}

// startDev runs sando-dev on free ports and returns what its ready file says.
func startDev(t *testing.T, args ...string) (*process, stack) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "ready.json")
	p := start(t, nil, "sando-dev", append([]string{
		"--listen", "127.0.0.1:0", "--emulator-listen", "127.0.0.1:0", "--ready-file", ready, "--data-dir", t.TempDir(),
	}, args...)...)
	var r readyFile
	p.waitFor(t, "sando-dev", func() bool {
		text, err := os.ReadFile(ready)
		return err == nil && json.Unmarshal(text, &r) == nil
	})
	if info, err := os.Stat(ready); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the ready file holds secrets and has mode %v (%v), want 0600", info.Mode(), err)
	}
	return p, r.stack()
}

// answers says whether a URL answers 200.
func answers(url string) bool {
	res, err := http.Get(url)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// lockedBuffer collects output of a process.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) tail(n int) string {
	s := b.String()
	return s[max(0, len(s)-n):]
}
