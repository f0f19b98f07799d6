package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/kit/mtls"
	"github.com/sando-dev/sando/kit/sealed"
)

type settings struct {
	// Listen is the address,
	// host:port.
	Listen string        `yaml:"listen"`
	Debug  bool          `yaml:"debug"`  // Debug says more.
	Limit  int           `yaml:"limit"`  // Limit is a|b.
	Ratio  float64       `yaml:"ratio"`  // Ratio is a ratio.
	Wait   time.Duration `yaml:"wait"`   // Wait is a time.
	Level  slog.Level    `yaml:"level"`  // Level is a level.
	Hosts  []string      `yaml:"hosts"`  // Hosts are names.
	Pepper config.Secret `yaml:"pepper"` // Pepper is hot.
	Auth   struct {
		// Listen is auth's.
		Listen string     `yaml:"listen"`
		Peer   netip.Addr `yaml:"peer"` // Peer is another.
	} `yaml:"auth"`
	// Keys only fit into YAML.
	Keys []struct {
		ID       string        `yaml:"id"`
		Material config.Secret `yaml:"material"`
	} `yaml:"keys"`
}

func defaults() settings {
	return settings{Listen: ":1", Limit: 10, Wait: time.Second, Hosts: []string{"a"}}
}

// load runs Load in an environment of its own.
func load(t *testing.T, yaml string, env map[string]string, args ...string) (settings, error) {
	t.Helper()
	o := config.Options{Prefix: "SANDO_", Name: "test", Args: args}
	o.Env = func(k string) (string, bool) { v, ok := env[k]; return v, ok }
	o.Environ = func() []string {
		list := []string{"PATH=/bin"}
		for k, v := range env {
			list = append(list, k+"="+v)
		}
		return list
	}
	if yaml != "" {
		o.File = write(t, yaml)
	}
	s := defaults()
	return s, config.Load(&s, o)
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrecedence(t *testing.T) {
	file := "listen: ':2'\nlimit: 20\nratio: 0.5\nwait: 2s\nlevel: DEBUG\nauth: {listen: ':22', peer: 10.0.0.1}\nkeys: [{id: k1, material: secret1}]\n"
	env := map[string]string{"SANDO_LISTEN": ":3", "SANDO_LIMIT": "30", "SANDO_AUTH_LISTEN": ":33", "SANDO_HOSTS": "b, c,"}
	s, err := load(t, file, env, "--limit", "40", "--debug", "--auth.peer=10.0.0.2")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(s.Listen, s.Limit, s.Ratio, s.Wait, s.Level, s.Hosts, s.Debug, s.Auth.Listen, s.Auth.Peer, s.Keys[0].ID, s.Keys[0].Material.Reveal())
	want := ":3 40 0.5 2s DEBUG [b c] true :33 10.0.0.2 k1 secret1\n"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s, err := load(t, "", nil); err != nil || s.Listen != ":1" || s.Limit != 10 {
		t.Errorf("defaults: %+v, %v", s, err)
	}
	if s, err := load(t, "# nothing\n", nil); err != nil || s.Listen != ":1" {
		t.Errorf("an empty file: %+v, %v", s, err)
	}
}

func TestConfigFileFromFlagAndEnv(t *testing.T) {
	one, two := write(t, "limit: 1"), write(t, "limit: 2")
	if s, err := load(t, "limit: 3", map[string]string{"SANDO_CONFIG": one}); err != nil || s.Limit != 1 {
		t.Errorf("variable: %d, %v", s.Limit, err)
	}
	if s, err := load(t, "limit: 3", map[string]string{"SANDO_CONFIG": one}, "--config", two); err != nil || s.Limit != 2 {
		t.Errorf("flag: %d, %v", s.Limit, err)
	}
}

func TestSecretsComeFromFiles(t *testing.T) {
	path := write(t, "s3cret\n")
	for name, got := range map[string]func() (settings, error){
		"flag":     func() (settings, error) { return load(t, "", nil, "--pepper-file", path) },
		"env file": func() (settings, error) { return load(t, "", map[string]string{"SANDO_PEPPER_FILE": path}) },
		"env":      func() (settings, error) { return load(t, "", map[string]string{"SANDO_PEPPER": "s3cret"}) },
		"yaml":     func() (settings, error) { return load(t, "pepper: s3cret", nil) },
	} {
		if s, err := got(); err != nil || s.Pepper.Reveal() != "s3cret" {
			t.Errorf("%s: %q, %v", name, s.Pepper.Reveal(), err)
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, yaml string
		env        map[string]string
		args       []string
		want       string
	}{
		{"unknown key", "listne: x", nil, nil, "line 1: unknown key listne; did you mean listen?"},
		{"unknown nested key", "auth:\n  lisen: x", nil, nil, "line 2: unknown key auth.lisen; did you mean listen?"},
		{"unknown key in a list", "keys: [{idd: x}]", nil, nil, "unknown key keys[0].idd; did you mean id?"},
		{"unknown flag", "", nil, []string{"--lisen", "x"}, "unknown flag --lisen; did you mean --listen?"},
		{"unknown variable", "", map[string]string{"SANDO_LISEN": "x"}, nil, "unknown variable SANDO_LISEN; did you mean SANDO_LISTEN?"},
		{"secret as a flag", "", nil, []string{"--pepper", "x"}, "--pepper would show the secret to every user of the machine; use --pepper-file or SANDO_PEPPER"},
		{"argument", "", nil, []string{"serve"}, `unexpected argument "serve"`},
		{"no value", "", nil, []string{"--limit"}, "flag --limit needs a value"},
		{"bad integer", "", nil, []string{"--limit=x"}, `--limit: "x" is not an integer`},
		{"bad duration", "", map[string]string{"SANDO_WAIT": "5"}, nil, `SANDO_WAIT: "5" is not a duration`},
		{"bad bool", "", map[string]string{"SANDO_DEBUG": "maybe"}, nil, `"maybe" is neither true nor false`},
		{"bad number", "", map[string]string{"SANDO_RATIO": "x"}, nil, `"x" is not a number`},
		{"bad text", "", map[string]string{"SANDO_AUTH_PEER": "x"}, nil, "SANDO_AUTH_PEER: "},
		{"bad yaml", "limit: x", nil, nil, "cannot unmarshal"},
		{"broken yaml", "limit: [", nil, nil, "yaml: "},
		{"key twice", "limit: 1\nlimit: 2", nil, nil, "already defined"},
		{"missing secret file", "", map[string]string{"SANDO_PEPPER_FILE": "/nowhere"}, nil, "SANDO_PEPPER_FILE: read the secret"},
		{"missing file", "", nil, []string{"--config=/nowhere"}, "read the configuration"},
	}
	for _, tt := range tests {
		_, err := load(t, tt.yaml, tt.env, tt.args...)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "test: ") {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	for _, dst := range []any{settings{}, new(int), &struct{ X int }{}} {
		if err := config.Load(dst, config.Options{}); err == nil {
			t.Errorf("%T was taken", dst)
		}
	}
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	_, err := load(t, "listne: x", map[string]string{"SANDO_WAIT": "5"}, "--limit=x")
	for _, want := range []string{"listne", "SANDO_WAIT", "--limit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestPrintRedacts(t *testing.T) {
	s := defaults()
	s.Pepper = "hunter2"
	s.Auth.Peer = netip.MustParseAddr("10.0.0.1")
	var buf bytes.Buffer
	if err := config.Print(&buf, s); err != nil {
		t.Fatal(err)
	}
	want := "listen: :1\ndebug: false\nlimit: 10\nratio: 0\nwait: 1s\nlevel: INFO\nhosts:\n  - a\npepper: '[redacted]'\nauth:\n  listen: \"\"\n  peer: 10.0.0.1\nkeys: []\n"
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReference(t *testing.T) {
	s := defaults()
	got, err := config.Reference(&s, "SANDO_", ".")
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := config.WriteMarkdown(&buf, got); err != nil {
		t.Fatal(err)
	}
	want := "| key | flag | variable | default | meaning |\n|---|---|---|---|---|\n" +
		"| `listen` | `--listen` | `SANDO_LISTEN` | `:1` | Listen is the address, host:port. |\n" +
		"| `debug` | `--debug` | `SANDO_DEBUG` | `false` | Debug says more. |\n" +
		"| `limit` | `--limit` | `SANDO_LIMIT` | `10` | Limit is a\\|b. |\n" +
		"| `ratio` | `--ratio` | `SANDO_RATIO` | `0` | Ratio is a ratio. |\n" +
		"| `wait` | `--wait` | `SANDO_WAIT` | `1s` | Wait is a time. |\n" +
		"| `level` | `--level` | `SANDO_LEVEL` | `INFO` | Level is a level. |\n" +
		"| `hosts` | `--hosts` | `SANDO_HOSTS` | `a` | Hosts are names. |\n" +
		"| `pepper` | `--pepper-file` | `SANDO_PEPPER_FILE` |  | Pepper is hot. |\n" +
		"| `auth.listen` | `--auth.listen` | `SANDO_AUTH_LISTEN` |  | Listen is auth's. |\n" +
		"| `auth.peer` | `--auth.peer` | `SANDO_AUTH_PEER` |  | Peer is another. |\n" +
		"| `keys` |  |  |  | Keys only fit into YAML. |\n"
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	bare := struct {
		X int `yaml:"x"`
	}{}
	if _, err := config.Reference(&bare, "", "."); err == nil || !strings.Contains(err.Error(), "x has no comment") {
		t.Errorf("a field without a comment: %v", err)
	}
}

// TestKitIsDocumented: every setting of this module has its comment.
func TestKitIsDocumented(t *testing.T) {
	all := struct {
		Edge edge.Config `yaml:"edge"`
		MTLS mtls.Config `yaml:"mtls"`
		Key  sealed.Key  `yaml:"key"`
	}{}
	if _, err := config.Reference(&all, "", "../edge", "../mtls", "../sealed"); err != nil {
		t.Error(err)
	}
}

func TestSecretHides(t *testing.T) {
	s := config.Secret("hunter2")
	holder := struct {
		S config.Secret            `json:"s" yaml:"s"`
		M map[string]config.Secret `json:"m" yaml:"m"`
	}{s, map[string]config.Secret{"k": s}}
	j, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&buf, nil))
	log.Info("x", "s", s, "p", &s, "h", holder)
	all := []string{
		string(j), string(y), buf.String(), fmt.Errorf("e: %w", fmt.Errorf("%v", s)).Error(),
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %q %s", holder, holder, holder, s, &holder),
	}
	for _, text := range all {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "[redacted]") {
			t.Errorf("got %s", text)
		}
	}
	if s.Reveal() != "hunter2" || config.Secret("").String() != "" {
		t.Error("Reveal or an empty secret is wrong")
	}
}

func TestHelp(t *testing.T) {
	_, err := load(t, "", nil, "--limit=5", "--help")
	var help interface{ Usage() string }
	if !errors.Is(err, flag.ErrHelp) || !errors.As(err, &help) {
		t.Fatalf("got %v", err)
	}
	want := []string{
		"Usage: test [flags]", "",
		"  FLAG           VARIABLE           DEFAULT",
		"  --config       SANDO_CONFIG",
		"  --listen       SANDO_LISTEN       :1",
	}
	if got := strings.Split(help.Usage(), "\n")[:5]; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if !strings.Contains(help.Usage(), "  --pepper-file  SANDO_PEPPER_FILE\n") {
		t.Errorf("got %s", help.Usage())
	}
}

func TestVariablesOfOthersAreLeftAlone(t *testing.T) {
	var cfg struct {
		Listen string `yaml:"listen"`
	}
	for _, name := range []string{"SANDO_TOKEN", "SANDO_URL", "SANDO_ACCOUNT"} {
		env := map[string]string{name: "x"}
		err := config.Load(&cfg, config.Options{
			Prefix:  "SANDO_",
			Env:     func(k string) (string, bool) { v, ok := env[k]; return v, ok },
			Environ: func() []string { return []string{name + "=x"} },
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
