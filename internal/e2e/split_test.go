package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/kit/kittest"
	"github.com/sando-dev/sando/kit/kittest/pgtest"
)

// The four services apart, mTLS between them, behind a router by path, pass what the all-in-one passes.
func TestSplit(t *testing.T) {
	s := startSplit(t)
	runSuite(t, s)
	t.Run("agent", func(t *testing.T) { useEveryTool(t, s) })
	t.Run("walk", func(t *testing.T) {
		for _, path := range []string{"/proxy/users", "/unified/user-directory/users"} {
			if n := walk(t, s, path, 100); n != 250 {
				t.Errorf("%s: walked %d distinct users, want 250", path, n)
			}
		}
	})
}

// split is the four services being started.
type split struct {
	dir       string
	ca        *kittest.CA
	router    *router
	internal  map[string]string // internal address by service
	public    map[string]string
	processes map[string]*process
	replicas  shared // what replicas of proxy share; empty for a lone one
	// databases are the stores by service; a file of the folder where there is none.
	databases map[string]string
	env       []string
	// balancers stand in front of the internal listeners where replicas come and go.
	balancers map[string]*balancer
	torii     *process
	// programs is the folder of another version's programs; those of this one are what it is without.
	programs string
}

// shared is the state that replicas of proxy meet in.
type shared struct {
	store, valkey string
	most          int // replicas at most; 0 is two
}

func startSplit(t *testing.T) stack {
	t.Helper()
	_, s := startSplitServices(t)
	return s
}

// startSplitServices also answers the services, for tests that stop them.
func startSplitServices(t *testing.T) (*split, stack) {
	t.Helper()
	sp := &split{dir: t.TempDir()}
	return sp, sp.startAll(t)
}

// startSplitOn is the four services on databases of a PostgreSQL server, with variables of their own.
func startSplitOn(t *testing.T, server *pgtest.Server, env ...string) (*split, stack) {
	t.Helper()
	sp := &split{dir: t.TempDir(), databases: make(map[string]string), env: env}
	for _, name := range []string{"auth", "proxy", "unified"} {
		sp.databases[name] = server.Database(t, "")
	}
	return sp, sp.startAll(t)
}

func (sp *split) startAll(t *testing.T) stack {
	t.Helper()
	torii := start(t, nil, "torii-emulator", "--listen", kittest.FreeAddr(t), "--control", "--ready-file", filepath.Join(t.TempDir(), "torii.json"))
	toriiURL := "http://" + torii.cmd.Args[2]
	torii.waitFor(t, "emulator", func() bool { return reachable(torii.cmd.Args[2]) })

	sp.torii = torii
	sp.internal, sp.public, sp.processes = map[string]string{}, map[string]string{}, map[string]*process{}
	sp.ca = kittest.NewCA(t, "auth", "proxy", "unified", "mcp")
	for _, name := range []string{"auth", "proxy", "unified", "mcp"} {
		sp.internal[name], sp.public[name] = kittest.FreeAddr(t), kittest.FreeAddr(t)
	}
	sp.router = newRouter(t, sp.public)
	s := stack{baseURL: sp.router.URL, emulatorURL: toriiURL, toriiKey: "torii-emulator-full-access-key"}
	s.environment, s.apiToken = sp.bootstrap(t)
	for _, name := range []string{"auth", "proxy", "unified", "mcp"} {
		sp.start(t, name, toriiURL)
	}
	link(t, &s)
	return s
}

// store is the URL of a service's store.
func (sp *split) store(service string) string {
	if url, ok := sp.databases[service]; ok {
		return url
	}
	return "sqlite:" + filepath.Join(sp.dir, service+".db")
}

// bootstrap makes keys, an environment and a token with the operator's CLI, on the store that authd then opens.
func (sp *split) bootstrap(t *testing.T) (environment, token string) {
	t.Helper()
	sp.operate(t, "keys", "generate")
	sp.operate(t, "migrate")
	environment = sp.operate(t, "environment", "create", "--name", "split")
	return environment, sp.operate(t, "token", "create", "--environment", environment)
}

// operate runs a command of the operator's CLI on the stores of the services and answers what it printed.
func (sp *split) operate(t *testing.T, args ...string) string {
	t.Helper()
	env := make([]string, 0, 3)
	for _, name := range []string{"auth", "proxy", "unified"} {
		env = append(env, "SANDO_"+strings.ToUpper(name)+"_STORE_URL="+sp.store(name))
	}
	return finished(t, sp.run(t, env, "sando", append(args, "--data-dir", sp.dir)...))
}

// run starts a program of the version in question.
func (sp *split) run(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	if sp.programs == "" {
		return start(t, env, name, args...)
	}
	cmd := exec.Command(filepath.Join(sp.programs, name), args...)
	cmd.Env = append(os.Environ(), env...)
	return launch(t, "the previous "+name, cmd)
}

// runSando runs a command of the operator's CLI to its end and answers what it printed.
func runSando(t *testing.T, env []string, args ...string) string {
	t.Helper()
	return finished(t, start(t, env, "sando", args...))
}

// finished waits for a command that must succeed and answers what it printed.
func finished(t *testing.T, p *process) string {
	t.Helper()
	err := <-p.exited
	p.exited <- err
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(p.cmd.Args, " "), err, p.output.String())
	}
	return strings.TrimSpace(p.stdout.String())
}

// start runs one service and waits until it is ready.
func (sp *split) start(t *testing.T, name, toriiURL string) {
	t.Helper()
	config := filepath.Join(sp.dir, name+".yaml")
	if err := os.WriteFile(config, []byte(sp.config(t, name, toriiURL)), 0o600); err != nil {
		t.Fatal(err)
	}
	p := sp.run(t, sp.env, role(name)+"d", "--config", config)
	sp.processes[name] = p
	p.waitFor(t, name, func() bool { return answers("http://" + sp.public[name] + "/readyz") })
	if b := sp.balancers[role(name)]; b != nil {
		sp.router.add(role(name), sp.public[name])
		b.add(sp.internal[name])
	}
}

func (sp *split) config(t *testing.T, name, toriiURL string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "public: {listen: %s}\ninternal: {listen: %s}\ndebug: {listen: \"\"}\n", sp.public[name], sp.internal[name])
	own := sp.ca.Files(role(name))
	fmt.Fprintf(&b, "mtls: {ca: %s, cert: %s, key: %s}\n", own.CA, own.Cert, own.Key)
	fmt.Fprintf(&b, "peers: {auth: \"https://%s\", proxy: \"https://%s\", unified: \"https://%s\"}\n", sp.peer("auth"), sp.peer("proxy"), sp.peer("unified"))
	switch role(name) {
	case "auth":
		fmt.Fprintf(&b, "auth: {store: {url: %q}, keys: {file: %s}, public_url: %s}\n", sp.store(role(name)), filepath.Join(sp.dir, "keys.yaml"), sp.router.URL)
	case "proxy":
		store, rate := sp.store("proxy"), "{}"
		if r := sp.replicas; r.valkey != "" {
			store, rate = r.store, fmt.Sprintf("{replicas: %d, valkey_url: %q}", max(2, r.most), r.valkey)
		}
		fmt.Fprintf(&b, "proxy: {store: {url: %q}, rate: %s, base_urls: {torii: %s/v1.0}, sealing_keys: %s}\n", store, rate, toriiURL, sealingKeys)
	case "unified":
		fmt.Fprintf(&b, "unified: {store: {url: %q}, sealing_keys: %s}\n", sp.store(role(name)), sealingKeys)
	case "mcp":
		fmt.Fprintf(&b, "mcp: {public_base_url: %s, sealing_keys: %s}\n", sp.router.URL, sealingKeys)
	}
	return b.String()
}

// role is the service that a process runs: proxy-2 is a second proxy.
func role(process string) string {
	name, _, _ := strings.Cut(process, "-")
	return name
}

// peer is the address of a service's internal listener.
func (sp *split) peer(service string) string {
	if b := sp.balancers[service]; b != nil {
		return b.address
	}
	return sp.internal[service]
}

// sealingKeys is a throwaway key that the replicas of this test share.
const sealingKeys = `[{id: test, material: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]`

// link links the account and makes the MCP server over the API, as a vendor would.
func link(t *testing.T, s *stack) {
	t.Helper()
	var account struct{ ID string }
	post(t, *s, "/integrated-account", `{"tenant_id":"acme","context":{"api_key":"`+s.toriiKey+`"}}`, &account)
	s.account = account.ID
	var server struct{ Token, URL string }
	post(t, *s, "/integrated-account/"+account.ID+"/mcp", `{"name":"split"}`, &server)
	s.mcpToken, s.mcpURL = server.Token, server.URL
}

// post makes a call with the API token that must succeed, and reads its answer.
func post(t *testing.T, s stack, path, body string, answer any) {
	t.Helper()
	code, text := restOver{client: http.DefaultClient, base: s.baseURL}.do(t, "POST", path, s.apiToken, nil, []byte(body))
	if code != http.StatusOK {
		t.Fatalf("POST %s: status %d: %s", path, code, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		t.Fatal(err)
	}
}

// serviceOf is the table of docs/reference: which service answers a path.
func serviceOf(path string) string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch first := segments[0]; {
	case first == "proxy" || first == "custom" || strings.HasPrefix(first, "sando.proxy."):
		return "proxy"
	case first == "unified" || strings.HasPrefix(first, "sando.unified."):
		return "unified"
	case first == "mcp" || strings.HasPrefix(first, "sando.mcp."):
		return "mcp"
	case first == "integrated-account" && len(segments) > 2 && (segments[2] == "mcp" || segments[2] == "tools"):
		return "mcp"
	}
	return "auth"
}

func reachable(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}
