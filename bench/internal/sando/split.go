package sando

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sando-dev/sando/bench/internal/fleet"
)

// services in the order in which they start.
func services() []string { return []string{"auth", "proxy", "unified", "mcp"} }

// second is the name of a second proxy.
const second = "proxy-2"

// serviceOf is the service that a process runs.
func serviceOf(process string) string {
	if process == second {
		return "proxy"
	}
	return process
}

// processes are the names of all processes.
func (o Options) processes() []string {
	if o.Valkey == "" {
		return services()
	}
	return append(services(), second)
}

// listeners are the addresses of one process.
type listeners struct{ public, internal, debug, metrics string }

// StartSplit starts the four services as processes of their own, which meet over mTLS with certificates made for the purpose.
func StartSplit(ctx context.Context, f *fleet.Fleet, o Options) (*Deployment, error) {
	s := &split{options: o, dir: filepath.Join(f.Dir, o.Name), addrs: make(map[string]listeners)}
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	d := &Deployment{
		Auth: "http://" + s.addrs["auth"].public, Proxy: "http://" + s.addrs["proxy"].public,
		Unified: "http://" + s.addrs["unified"].public, MCP: "http://" + s.addrs["mcp"].public,
		Debug: make(map[string]string), Processes: make(map[string]*fleet.Process),
	}
	for _, name := range o.processes() {
		p, err := s.start(f, name)
		if err != nil {
			return nil, err
		}
		d.Processes[name], d.Debug[name] = p, "http://"+s.addrs[name].debug
		if serviceOf(name) == "proxy" {
			d.Proxies = append(d.Proxies, "http://"+s.addrs[name].public)
		}
	}
	// Each needs others to be ready, so they are awaited only when all have started.
	for _, name := range o.processes() {
		if err := d.Processes[name].Await(ctx, fleet.Answers("http://"+s.addrs[name].public+"/readyz")); err != nil {
			return nil, err
		}
	}
	var err error
	d.Token, err = s.cli().token(ctx)
	return d, err
}

type split struct {
	options Options
	dir     string
	sealing []map[string]string
	addrs   map[string]listeners
}

func (s *split) cli() operator {
	return operator{path: filepath.Join(s.options.Bin, "sando"), dataDir: filepath.Join(s.dir, "data")}
}

// prepare makes keys, certificates and addresses.
func (s *split) prepare(ctx context.Context) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if _, err := s.cli().run(ctx, "keys", "generate"); err != nil {
		return err
	}
	if err := certify(s.dir, services()...); err != nil {
		return err
	}
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // it never fails; see crypto/rand
	s.sealing = []map[string]string{{"id": "bench", "material": base64.StdEncoding.EncodeToString(key)}}
	names := s.options.processes()
	free, err := freeAddrs(4 * len(names))
	if err != nil {
		return err
	}
	for i, name := range names {
		s.addrs[name] = listeners{free[4*i], free[4*i+1], free[4*i+2], free[4*i+3]}
	}
	return nil
}

func (s *split) start(f *fleet.Fleet, name string) (*fleet.Process, error) {
	settings, err := write(filepath.Join(s.dir, name+".yaml"), s.settings(name))
	if err != nil {
		return nil, err
	}
	return f.Start(fleet.Program{
		Name: s.options.Name + "-" + name, Path: filepath.Join(s.options.Bin, serviceOf(name)+"d"), Args: []string{"--config", settings},
		Env: metricsOn(s.addrs[name].metrics), Dir: s.dir,
	})
}

func (s *split) settings(name string) map[string]any {
	service := serviceOf(name)
	file := func(name string) string { return filepath.Join(s.dir, name) }
	at := s.addrs[name]
	all := map[string]any{
		"public":   map[string]any{"listen": at.public},
		"internal": map[string]any{"listen": at.internal},
		"debug":    map[string]any{"listen": at.debug},
		"mtls":     map[string]any{"ca": file("ca.pem"), "cert": file(service + ".pem"), "key": file(service + ".key")},
		"peers": map[string]any{
			"auth": "https://" + s.addrs["auth"].internal, "proxy": "https://" + s.addrs["proxy"].internal,
			"unified": "https://" + s.addrs["unified"].internal,
		},
	}
	data := func(name string) map[string]any {
		return map[string]any{"url": fmt.Sprintf("sqlite:%s", filepath.Join(s.dir, "data", name))}
	}
	own := map[string]map[string]any{
		"auth": {
			"store": data("auth.db"), "keys": map[string]any{"file": filepath.Join(s.dir, "data", "keys.yaml")},
			"public_url": "http://" + at.public,
		},
		"proxy":   {"store": data(name + ".db"), "sealing_keys": s.sealing, "base_urls": map[string]any{"torii": s.options.Upstream}},
		"unified": {"store": data("unified.db"), "sealing_keys": s.sealing},
		"mcp":     {"sealing_keys": s.sealing, "public_base_url": "http://" + at.public},
	}
	if s.options.Valkey != "" {
		// Only reads are measured, so the proxies need not share what they know of writes.
		own["proxy"]["rate"] = map[string]any{"valkey_url": s.options.Valkey}
	}
	all[service] = own[service]
	return all
}
