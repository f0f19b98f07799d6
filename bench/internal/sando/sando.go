// Package sando starts the product for a measurement, all in one process or as four, and links accounts the way a vendor would.
package sando

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sando-dev/sando/bench/internal/fleet"
)

// A Deployment is the product, running.
type Deployment struct {
	// Auth, Proxy, Unified and MCP are base URLs; all in one they are the same.
	Auth, Proxy, Unified, MCP string
	// Proxies are the base URLs of all proxies, where a split deployment has two.
	Proxies []string
	// Debug is where profiles can be had, by service.
	Debug map[string]string
	// Processes by service; all in one it is one process under every name.
	Processes map[string]*fleet.Process
	// Token is an API token of the one environment.
	Token string
	// Ready is the time from the start of the process to the first good answer of /readyz.
	Ready time.Duration
}

// Options say what to start.
type Options struct {
	// Name tells the deployments of one fleet apart.
	Name string
	// Bin is the folder of the binaries.
	Bin string
	// Upstream is the base URL of the stand-in Torii.
	Upstream string
	// Valkey is the URL of what two proxies of a split deployment share their rate budgets through; empty for one proxy.
	Valkey string
}

// StartAllInOne starts `sando serve` on an empty data folder.
func StartAllInOne(ctx context.Context, f *fleet.Fleet, o Options) (*Deployment, error) {
	dir := filepath.Join(f.Dir, o.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cli := operator{path: filepath.Join(o.Bin, "sando"), dataDir: filepath.Join(dir, "data")}
	if _, err := cli.run(ctx, "keys", "generate"); err != nil {
		return nil, err
	}
	addrs, err := freeAddrs(3)
	if err != nil {
		return nil, err
	}
	public, debug, metrics := addrs[0], addrs[1], addrs[2]
	settings, err := write(filepath.Join(dir, "sando.yaml"), map[string]any{
		"edge":     map[string]any{"listen": public},
		"data_dir": cli.dataDir,
		"debug":    map[string]any{"listen": debug},
		"auth":     map[string]any{"public_url": "http://" + public},
		"proxy":    map[string]any{"base_urls": map[string]string{"torii": o.Upstream}},
	})
	if err != nil {
		return nil, err
	}
	base := "http://" + public
	began := time.Now()
	p, err := f.Start(fleet.Program{
		Name: o.Name, Path: cli.path, Args: []string{"serve", "--config", settings}, Env: metricsOn(metrics), Dir: dir,
	})
	if err != nil {
		return nil, err
	}
	if err := p.Await(ctx, fleet.Answers(base+"/readyz")); err != nil {
		return nil, err
	}
	d := &Deployment{
		Auth: base, Proxy: base, Unified: base, MCP: base, Debug: map[string]string{"proxy": "http://" + debug}, Ready: time.Since(began),
		Processes: map[string]*fleet.Process{"auth": p, "proxy": p, "unified": p, "mcp": p},
	}
	d.Token, err = cli.token(ctx)
	return d, err
}

// metricsOn switches the product's metrics on: what is measured has every feature.
func metricsOn(addr string) []string {
	host, port, _ := strings.Cut(addr, ":")
	return []string{"OTEL_METRICS_EXPORTER=prometheus", "OTEL_EXPORTER_PROMETHEUS_HOST=" + host, "OTEL_EXPORTER_PROMETHEUS_PORT=" + port}
}

// operator is the product's CLI, on one data folder.
type operator struct{ path, dataDir string }

func (o operator) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, o.path, append(args, "--data-dir", o.dataDir)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + o.dataDir}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("sando %s: %w: %s", args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}

// token makes an environment and a token for it.
func (o operator) token(ctx context.Context) (string, error) {
	environment, err := o.run(ctx, "environment", "create", "--name", "bench")
	if err != nil {
		return "", err
	}
	return o.run(ctx, "token", "create", "--environment", environment, "--name", "bench")
}

// Link links accounts first to first+n-1, each on an organisation of its own, and returns their ids in this order.
func (d *Deployment) Link(ctx context.Context, first, n int) ([]string, error) {
	return many(ctx, n, func(ctx context.Context, i int) (string, error) {
		number := first + i
		var account struct{ ID string }
		err := d.post(ctx, d.Auth+"/integrated-account", map[string]any{
			"tenant_id": fmt.Sprintf("tenant-%d", number), "integration": "torii", "authentication_method": "api_key",
			"context": map[string]string{"api_key": fmt.Sprintf("bench-%d", number)},
		}, &account)
		return account.ID, err
	})
}

// MakeMCPServers makes an MCP server for each account and returns their URLs.
func (d *Deployment) MakeMCPServers(ctx context.Context, accounts []string) ([]string, error) {
	return many(ctx, len(accounts), func(ctx context.Context, i int) (string, error) {
		var server struct{ Token string }
		err := d.post(ctx, d.MCP+"/integrated-account/"+accounts[i]+"/mcp", map[string]any{"name": "bench"}, &server)
		return d.MCP + "/mcp/" + server.Token, err
	})
}

// many does n things, a few at a time, and keeps the order. The first error ends it.
func many(ctx context.Context, n int, do func(ctx context.Context, i int) (string, error)) ([]string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out, next := make([]string, n), make(chan int)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for i := range next {
				text, err := do(ctx, i)
				if err != nil {
					cancel(err)
					return
				}
				out[i] = text
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return out, context.Cause(ctx)
}

func (d *Deployment) post(ctx context.Context, url string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.Token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: status %d: %s", url, resp.StatusCode, text)
	}
	return json.Unmarshal(text, answer)
}

// write writes settings as a YAML file; JSON is YAML.
func write(name string, settings any) (string, error) {
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return "", err
	}
	return name, os.WriteFile(name, text, 0o600)
}

// freeAddrs are loopback addresses that differ.
func freeAddrs(n int) ([]string, error) {
	var addrs []string
	seen := make(map[string]bool)
	for range 10 * n {
		addr, err := fleet.FreeAddr()
		if err != nil {
			return nil, err
		}
		if !seen[addr] {
			seen[addr], addrs = true, append(addrs, addr)
		}
		if len(addrs) == n {
			return addrs, nil
		}
	}
	return nil, errors.New("sando: no free ports")
}
