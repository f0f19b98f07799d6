package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v3"

	"github.com/sando-dev/sando/docs/reference"
	"github.com/sando-dev/sando/kit/config"
)

// validator reads the schema that a program prints.
func validator(t *testing.T, program string) *jsonschema.Resolved {
	t.Helper()
	b, err := reference.Schema(program)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// agree holds a file against the schema and against what the program reads.
func agree(t *testing.T, p program, text string, want bool) {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	bySchema := validator(t, p.name).Validate(doc)
	file := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := reflect.New(reflect.TypeOf(p.config).Elem()).Interface()
	none := func(string) (string, bool) { return "", false }
	byLoader := config.Load(cfg, config.Options{File: file, Env: none})
	if (bySchema == nil) != want || (byLoader == nil) != want {
		t.Errorf("%s, %q: the schema says %v, the program %v; want acceptance %t", p.name, text, bySchema, byLoader, want)
	}
}

func TestSchemasAreFresh(t *testing.T) {
	t.Chdir("../..")
	names := reference.Programs()
	for i, p := range programs() {
		want, err := schemaOf(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reference.Schema(p.name); err != nil || !bytes.Equal(got, want) || names[i] != p.name {
			t.Errorf("docs/reference/%s.schema.json is old (%v): run make gen", p.name, err)
		}
	}
}

func TestSchemasTakeWhatProgramsPrint(t *testing.T) {
	for _, p := range programs() {
		var b bytes.Buffer
		if err := config.Print(&b, p.config); err != nil {
			t.Fatal(err)
		}
		agree(t, p, b.String(), true)
	}
}

func TestSchemasAgreeWithPrograms(t *testing.T) {
	all := map[string]program{}
	for _, p := range programs() {
		all[p.name] = p
	}
	const keys = `sealing_keys: [{id: first, material: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}]`
	for _, tt := range []struct {
		program, text string
		want          bool
	}{
		{"proxyd", "proxy:\n  " + keys, true}, // as in deploy/README.md
		{"unifiedd", "unified:\n  " + keys, true},
		{"mcpd", "mcp:\n  " + keys, true},
		{"authd", `{debug: {listen: ""}, mtls: {ca: a, cert: b, key: c}, peers: {auth: "https://a:1"}, auth: {store: {url: "sqlite:x"}, keys: {file: k}}}`, true},
		{"authd", `auth: {oauth_clients: [{integration: torii, client_id: a, client_secret: b}]}`, true},
		{"sando", "data_dir: d\nproxy: {base_urls: {torii: \"http://127.0.0.1:1\"}}", true},
		{"sando", `log: {level: Warn+2, format: text}`, true},
		{"sando", `drain: 1h2m3.5s`, true},
		{"sando", `drain: "0"`, true},
		{"sando", `drain: 5`, false},
		{"sando", `drain: 5 s`, false},
		{"sando", `drain: ""`, false},
		{"sando", `drian: 5s`, false},
		{"sando", `log: {format: xml}`, false},
		{"sando", `log: {level: loud}`, false},
		{"sando", `edge: {compress: 3}`, false},
		{"sando", `proxy: {accounts: many}`, false},
		{"sando", `proxy: {upstream: {breaker: {failures: -1}}}`, false},
		{"sando", `proxy: {base_urls: [a]}`, false},
		{"sando", `auth: {keys: {ring_file: x}}`, false},
		{"proxyd", `proxy: {sealing_keys: [{id: a, secret: b}]}`, false},
		{"proxyd", `data_dir: d`, false},
	} {
		agree(t, all[tt.program], tt.text, tt.want)
	}
}
