package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"text/template"

	"github.com/sando-dev/sando/bench/internal/fleet"
	"github.com/sando-dev/sando/bench/internal/load"
)

// upstreamKey is what peers put on each request.
const upstreamKey = "bench-1"

// A peer is a program that sando is compared with.
type peer struct {
	url     string
	process *fleet.Process
}

// needPeer starts a peer, once.
func (b *bench) needPeer(ctx context.Context, name string) (*peer, error) {
	if p, ok := b.peers[name]; ok {
		return p, nil
	}
	addr, err := fleet.FreeAddr()
	if err != nil {
		return nil, err
	}
	program, err := b.program(ctx, name, addr)
	if err != nil {
		return nil, err
	}
	program.Name = name
	process, err := b.fleet.Start(program)
	if err != nil {
		return nil, err
	}
	p := &peer{url: "http://" + addr, process: process}
	if err := process.Await(ctx, fleet.Listens(addr)); err != nil {
		return nil, err
	}
	b.peers[name] = p
	return p, nil
}

// program says how a peer is started.
func (b *bench) program(ctx context.Context, name, addr string) (fleet.Program, error) {
	ours := func(more ...string) (fleet.Program, error) {
		args := append([]string{"--listen", addr, "--upstream", b.upstream, "--key", upstreamKey}, more...)
		return fleet.Program{Path: b.peerBin(name), Args: args}, nil
	}
	node := func(script string, more ...string) (fleet.Program, error) {
		dir := filepath.Join(b.root, "bench", "peers", "node")
		if err := installNode(ctx, dir); err != nil {
			return fleet.Program{}, err
		}
		path, err := exec.LookPath("node")
		return fleet.Program{Path: path, Args: append([]string{script, addr, b.upstream, upstreamKey}, more...), Dir: dir}, err
	}
	switch name {
	case "nginx":
		return b.nginx(addr)
	case "goproxy", "typed":
		return ours()
	case "mcpserver", "mcpfloor":
		return ours("--tools", b.tools)
	case "undici":
		return node("proxy.mjs")
	case "node-hand":
		return node("mapping.mjs", "hand")
	case "node-jsonata":
		return node("mapping.mjs", "jsonata")
	case "node-mcp":
		return node("mcp.mjs", b.tools)
	}
	return fleet.Program{}, fmt.Errorf("no peer %q", name)
}

// installNode installs what package-lock.json pins, once.
func installNode(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "undici")); err == nil {
		return nil
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci in %s: %w\n%s", dir, err, out)
	}
	return nil
}

// nginxConfig is a reverse proxy as its documentation has it, with a pool of connections and the credential put on each request. It keeps no log.
var nginxConfig = template.Must(template.New("nginx").Parse(`daemon off;
user root;
worker_processes auto;
pid {{.Dir}}/nginx.pid;
error_log {{.Dir}}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {{.Dir}}/body;
  proxy_temp_path {{.Dir}}/proxy;
  fastcgi_temp_path {{.Dir}}/fastcgi;
  uwsgi_temp_path {{.Dir}}/uwsgi;
  scgi_temp_path {{.Dir}}/scgi;
  upstream torii {
    server {{.Upstream}};
    keepalive 128;
    keepalive_requests 100000000;
  }
  server {
    listen {{.Listen}};
    location / {
      proxy_pass http://torii/v1.0/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer {{.Key}}";
    }
  }
}
`))

func (b *bench) nginx(addr string) (fleet.Program, error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx" // Debian's, which is not in everybody's PATH
	}
	if _, err := os.Stat(path); err != nil {
		return fleet.Program{}, fmt.Errorf("nginx: %w (apt-get install nginx-light)", err)
	}
	dir := filepath.Join(b.fleet.Dir, "nginx")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fleet.Program{}, err
	}
	name := filepath.Join(dir, "nginx.conf")
	f, err := os.Create(name)
	if err != nil {
		return fleet.Program{}, err
	}
	defer f.Close()
	upstream, err := hostOf(b.upstream)
	if err != nil {
		return fleet.Program{}, err
	}
	if err := nginxConfig.Execute(f, map[string]string{"Dir": dir, "Upstream": upstream, "Listen": addr, "Key": upstreamKey}); err != nil {
		return fleet.Program{}, err
	}
	return fleet.Program{Path: path, Args: []string{"-p", dir, "-c", name, "-e", filepath.Join(dir, "error.log")}}, nil
}

func hostOf(url string) (string, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	return r.URL.Host, nil
}

// subject is a peer as it is asked for a page of users.
func (p *peer) subject(name string, users int, least int64) subject {
	return subject{name, load.Target{Next: upstreamPage(p.url, users), Bytes: least}, []*fleet.Process{p.process}}
}

// userFields are asked for everywhere, custom ones among them: they make a user of about 590 bytes, which is what the budgets were set with.
const userFields = "id,idOrg,firstName,lastName,email,creationTime,idRole,role,lifecycleStatus,isDeletedInIdentitySources,isExternal," +
	"activeAppsCount,additionalEmails,departmentName,workday_cost_center,workday_manager,workday_employee_number,workday_hire_date," +
	"gsuite_address,gsuite_home_email,okta_groups,workday_is_contractor"

// upstreamPage asks for users the way Torii is asked.
func upstreamPage(base string, users int) func() load.Call {
	header := http.Header{"Authorization": {"Bearer " + upstreamKey}, "Accept-Encoding": {"identity"}, "X-API-Version": {"1.1"}}
	return inTurn([]load.Call{{URL: base + "/users?size=" + strconv.Itoa(users) + "&fields=" + userFields, Header: header}})
}
