package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
)

// SIGTERM ends the product within 5 s with exit code 0, and every call that it took is answered.
func TestStopsInOrder(t *testing.T) {
	p, s := startDev(t)
	rest := restOver{client: &http.Client{}, base: s.baseURL}
	var calls sync.WaitGroup
	var answered, broken atomic.Int64
	stopping, busy := make(chan struct{}), make(chan struct{})
	for range 8 {
		calls.Go(func() {
			for {
				select {
				case <-stopping:
					return
				default:
				}
				r, err := http.NewRequest("GET", s.baseURL+"/proxy/users?limit=100&integrated_account_id="+s.account, nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+s.apiToken)
				res, err := rest.client.Do(r)
				switch {
				case err != nil && !refused(err):
					broken.Add(1)
					return
				case err != nil:
					return // the port is closed: any client tries again elsewhere
				}
				res.Body.Close()
				if answered.Add(1) == 20 {
					close(busy)
				}
			}
		})
	}
	select {
	case <-busy:
	case <-time.After(patience):
		t.Fatal("no calls are answered")
	}
	began := time.Now()
	err := p.stop(t)
	close(stopping)
	calls.Wait()
	if err != nil {
		t.Errorf("exit: %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s to stop", took)
	}
	if broken.Load() > 0 {
		t.Errorf("%d calls broke off", broken.Load())
	}
}

// refused says whether a call failed before the server took it: no connection, or one that the server closed while it was idle.
func refused(err error) bool {
	text := err.Error()
	for _, harmless := range []string{"connection refused", "server closed idle connection", "connection reset by peer"} {
		if strings.Contains(text, harmless) {
			return true
		}
	}
	return strings.HasSuffix(text, ": EOF")
}

// The banner shows each secret at most once on stdout, logs hold none, and no file of the product holds the provider's key.
func TestSecretsStayPut(t *testing.T) {
	dir := t.TempDir()
	p, s := startDev(t, "--data-dir", dir)
	rest := restOver{client: http.DefaultClient, base: s.baseURL}
	for _, target := range []string{"/proxy/me", "/proxy/usres", "/unified/user-directory/users", "/integrated-account", "/log"} {
		rest.do(t, "GET", target+"?integrated_account_id="+s.account, s.apiToken, nil, nil)
	}
	session := connectAgent(t, s, "2025-11-25")
	listTools(t, session)
	if err := p.stop(t); err != nil {
		t.Fatal(err)
	}
	found := kittest.Secrets{"API token": s.apiToken, "MCP token": s.mcpToken, "Torii key": s.toriiKey}
	stdout, all := p.stdout.String(), p.output.String()
	for name, secret := range found {
		if secret == "" {
			t.Fatalf("no %s", name)
		}
		if n := strings.Count(stdout, secret); n > 1 {
			t.Errorf("stdout shows the %s %d times", name, n)
		}
		if strings.Count(all, secret) > strings.Count(stdout, secret) {
			t.Errorf("the log shows the %s", name)
		}
	}
	if text := found.MustNotBeUnder(t, dir); len(text) == 0 {
		t.Error("no file was searched")
	}
	onlyOurs(t, dir)
}

// onlyOurs checks that no other user may read what lies below a folder.
func onlyOurs(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v: others may read it", name, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
