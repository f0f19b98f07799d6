package chart

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/mcp"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// settings are those of all services together.
type settings struct {
	daemon.Config `yaml:",inline"`
	Auth          auth.Config    `yaml:"auth"`
	Proxy         proxy.Config   `yaml:"proxy"`
	Unified       unified.Config `yaml:"unified"`
	MCP           mcp.Config     `yaml:"mcp"`
}

// deployment is what the tests look at of a Deployment.
type deployment struct {
	Replicas *int
	Strategy struct{ Type string }
	Template struct {
		Metadata struct{ Labels map[string]string }
		Spec     podSpec
	}
}

// The variables that the chart gives to a service are settings that the service knows, and they fit each other.
func TestServicesTakeTheirSettings(t *testing.T) {
	for _, set := range valueSets() {
		all := manifests(t, render(t, set))
		deployments := ofKind[deployment](t, all, "Deployment")
		ports := servicePorts(t, all)
		for name, d := range deployments {
			t.Run(set+"/"+name, func(t *testing.T) {
				pod := d.Template.Spec
				cfg := load(t, all, pod.Containers[0])
				if want := ":" + pod.port("http"); cfg.Public.Listen != want {
					t.Errorf("public.listen = %s, and the port http is %s", cfg.Public.Listen, want)
				}
				if want := ":" + pod.port("internal"); cfg.Internal.Listen != want {
					t.Errorf("internal.listen = %s, and the port internal is %s", cfg.Internal.Listen, want)
				}
				if grace := time.Duration(pod.TerminationGracePeriodSeconds) * time.Second; grace < cfg.Drain+10*time.Second {
					t.Errorf("Kubernetes kills after %s, too soon after the drain of %s", grace, cfg.Drain)
				}
				if cfg.Drain < 2*cfg.Public.DrainDelay {
					t.Errorf("a drain of %s leaves no time for calls after the delay of %s", cfg.Drain, cfg.Public.DrainDelay)
				}
				if d.Template.Metadata.Labels["app.kubernetes.io/component"] != "auth" && len(cfg.Proxy.SealingKeys)+len(cfg.Unified.SealingKeys)+len(cfg.MCP.SealingKeys) != 1 {
					t.Error("its sealing keys are not read")
				}
				for _, peer := range []string{cfg.Peers.Auth, cfg.Peers.Proxy, cfg.Peers.Unified} {
					if u, err := url.Parse(peer); peer != "" && (err != nil || !ports[u.Host]) {
						t.Errorf("peer %q is not a port of a Service", peer)
					}
				}
			})
		}
	}
}

// Everything that replicas of proxy may hold at once shares the rate budget.
func TestRateBudgetCountsEveryReplica(t *testing.T) {
	for set, want := range map[string]int{"minimal": 1, "production": 13, "ingress": 3} {
		all := manifests(t, render(t, set))
		for name, d := range ofKind[deployment](t, all, "Deployment") {
			if d.Template.Metadata.Labels["app.kubernetes.io/component"] != "proxy" {
				continue
			}
			cfg := load(t, all, d.Template.Spec.Containers[0])
			if cfg.Proxy.Rate.Replicas != want {
				t.Errorf("%s: %s shares its budgets by %d, want %d", set, name, cfg.Proxy.Rate.Replicas, want)
			}
			if alone := d.Strategy.Type == "Recreate"; alone != (want == 1) {
				t.Errorf("%s: strategy %s with %d sharing", set, d.Strategy.Type, want)
			}
		}
	}
}

// In a pod of auth the operator's tool finds its settings: kubectl exec deploy/sando-auth -- /sando token create.
func TestOperatorWorksInPodsOfAuth(t *testing.T) {
	for _, set := range valueSets() {
		all := manifests(t, render(t, set))
		for name, d := range ofKind[deployment](t, all, "Deployment") {
			if d.Template.Metadata.Labels["app.kubernetes.io/component"] != "auth" {
				continue
			}
			cfg := allinone.DefaultConfig()
			read(t, &cfg, environment(t, all, d.Template.Spec.Containers[0]), nil)
			if cfg.Auth.Store.URL.Reveal() != "secret" || cfg.Auth.Keys.File != "/etc/sando/keys/keys.yaml" {
				t.Errorf("%s/%s: store %q, keys %q", set, name, cfg.Auth.Store.URL.Reveal(), cfg.Auth.Keys.File)
			}
		}
	}
}

func TestSettingsOfValuesArrive(t *testing.T) {
	all := manifests(t, render(t, "production"))
	deployments := ofKind[deployment](t, all, "Deployment")
	cfg := load(t, all, deployments["sando-proxy"].Template.Spec.Containers[0])
	if cfg.Proxy.Accounts != 250_000 || cfg.Proxy.Upstream.Breaker.Open != 10*time.Second || cfg.Public.Stall != 10*time.Second {
		t.Errorf("settings of proxy: accounts %d, breaker open %s, stall %s", cfg.Proxy.Accounts, cfg.Proxy.Upstream.Breaker.Open, cfg.Public.Stall)
	}
	cfg = load(t, all, deployments["sando-mcp"].Template.Spec.Containers[0])
	if got := strings.Join(cfg.MCP.AllowedOrigins, " "); got != "https://app.example.com https://agents.example.com" {
		t.Errorf("mcp.allowed_origins = %s", got)
	}
}

// own are the settings of one service's binary, which refuses any other.
func own(t *testing.T, service string) any {
	t.Helper()
	switch service {
	case "auth":
		return &struct {
			daemon.Config `yaml:",inline"`
			Auth          auth.Config `yaml:"auth"`
		}{}
	case "proxy":
		return &struct {
			daemon.Config `yaml:",inline"`
			Proxy         proxy.Config `yaml:"proxy"`
		}{}
	case "unified":
		return &struct {
			daemon.Config `yaml:",inline"`
			Unified       unified.Config `yaml:"unified"`
		}{}
	case "mcp":
		return &struct {
			daemon.Config `yaml:",inline"`
			MCP           mcp.Config `yaml:"mcp"`
		}{}
	}
	t.Fatalf("there is no service %q", service)
	return nil
}

// load reads the settings of a container as its service does, strictly, over the defaults.
func load(t *testing.T, all []manifest, c container) settings {
	t.Helper()
	env := environment(t, all, c)
	cfg := settings{
		Config: daemon.DefaultConfig(),
		Auth:   auth.DefaultConfig(), Proxy: proxy.DefaultConfig(), Unified: unified.DefaultConfig(), MCP: mcp.DefaultConfig(),
	}
	args := slices.Clone(c.Args)
	for i, arg := range args {
		if strings.HasPrefix(arg, "--config=") {
			args[i] = "--config=" + secretFile(t, c.Name)
		}
	}
	for _, dst := range []any{own(t, c.Name), &cfg} {
		read(t, dst, env, args)
	}
	return cfg
}

// secretFile is what an operator puts into a secret: sealing keys, as deploy/README.md says, or for auth an OAuth client.
func secretFile(t *testing.T, service string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), service+".yaml")
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	if service == "auth" {
		return oauthFile(t, name)
	}
	text := fmt.Sprintf("%s:\n  sealing_keys:\n    - {id: first, material: %q}\n", service, key)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func oauthFile(t *testing.T, name string) string {
	t.Helper()
	text := "auth:\n  oauth_clients: [{integration: example, client_id: sando, client_secret: hidden}]\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// read loads settings strictly.
func read(t *testing.T, dst any, env map[string]string, args []string) {
	t.Helper()
	err := config.Load(dst, config.Options{
		Prefix: "SANDO_",
		Args:   args,
		Env:    func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Environ: func() []string {
			var pairs []string
			for name, value := range env {
				pairs = append(pairs, name+"="+value)
			}
			return pairs
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment is what a container finds: its ConfigMap, and a made-up value for each secret.
func environment(t *testing.T, all []manifest, c container) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for _, from := range c.EnvFrom {
		for _, m := range all {
			if m.Kind == "ConfigMap" && m.Metadata.Name == from.ConfigMapRef.Name {
				maps.Copy(env, m.Data)
			}
		}
	}
	if len(env) == 0 {
		t.Fatalf("container %s has no settings", c.Name)
	}
	for _, e := range c.Env {
		if e.ValueFrom.SecretKeyRef.Name == "" || e.ValueFrom.SecretKeyRef.Key == "" {
			t.Errorf("container %s: %s does not come from a secret", c.Name, e.Name)
		}
		env[e.Name] = "secret"
	}
	return env
}

// servicePorts are the addresses that Services answer on.
func servicePorts(t *testing.T, all []manifest) map[string]bool {
	t.Helper()
	type service struct{ Ports []struct{ Port string } }
	addresses := make(map[string]bool)
	for name, s := range ofKind[service](t, all, "Service") {
		for _, p := range s.Ports {
			addresses[name+":"+p.Port] = true
		}
	}
	return addresses
}
