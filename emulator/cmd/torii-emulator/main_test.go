package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/emulator"
)

func TestRunServesUntilItIsTold(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready.json")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stderr bytes.Buffer
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--users", "12", "--key", "k=1=7", "--key", "second=7", "--key", "other=8", "--control", "--ready-file", file}, stdout, &stderr)
		stdout.Close()
	}()
	printed := make([]byte, 200)
	n, err := output.Read(printed)
	if err != nil {
		t.Fatalf("nothing printed: %v; %s", err, &stderr)
	}
	url := strings.TrimSpace(string(printed[:n]))
	for key, want := range map[string]string{"k=1": `"id":7`, "second": `"id":7`, "other": `"id":8`, "none": `"statusCode":401`} {
		if body := get(t, url+"/orgs/my", key); !strings.Contains(body, want) {
			t.Errorf("%s with key %s: %s", url, key, body)
		}
	}
	if body := get(t, url+"/users", "k=1"); !strings.Contains(body, `"total":12`) {
		t.Errorf("users: %.200s", body)
	}
	ready := readReady(t, file)
	if ready["base_url"] != url || ready["api_key"] != "k=1" || ready["control_url"] != strings.TrimSuffix(url, emulator.BasePath)+emulator.ControlPath {
		t.Errorf("ready file %v", ready)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if strings.Contains(stderr.String(), "k=1") {
		t.Errorf("the log holds a key: %s", &stderr)
	}
}

func TestRunSpeaksTLSAndKeepsStorageApart(t *testing.T) {
	dir := t.TempDir()
	file, ca := filepath.Join(dir, "ready.json"), filepath.Join(dir, "ca.pem")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	output, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{
			"--listen", "127.0.0.1:0", "--tls", "--tls-name", "torii.test", "--tls-ca-file", ca, "--storage-listen", "127.0.0.1:0", "--ready-file", file,
			"--scim-key", "scim=7", "--key", "full=7", "--strict-scim",
		}, stdout, io.Discard)
		stdout.Close()
	}()
	printed := make([]byte, 200)
	n, err := output.Read(printed)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(string(printed[:n]))
	ready := readReady(t, file)
	trusted, err := os.ReadFile(ca)
	if err != nil || string(trusted) != ready["ca"] || ready["api_key"] != "full" || !strings.HasPrefix(ready["storage_url"], "https://127.0.0.1:") || strings.HasPrefix(url, ready["storage_url"]) {
		t.Errorf("ready file %v, %v", ready, err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(trusted)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "torii.test"}}}
	for key, want := range map[string]int{"full": http.StatusForbidden, "scim": http.StatusOK} {
		r, err := http.NewRequest(http.MethodGet, url+"/scim/v2/Users", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", key, response.StatusCode, want)
		}
	}
	client.CloseIdleConnections()
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func readReady(t *testing.T, file string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ready map[string]string
	if err := json.Unmarshal(content, &ready); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	return ready
}

func get(t *testing.T, url, key string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestFlagsAreChecked(t *testing.T) {
	for _, args := range [][]string{
		{"--users", "100001"},
		{"--key", "noorg"},
		{"--key", "=1"},
		{"--key", "k=x"},
		{"--key", "k=0"},
		{"--key", "k=1", "--key", "k=2"},
		{"extra"},
		{"--nonsense"},
		{"--tls-name", "torii.test"},
		{"--tls-ca-file", "ca.pem"},
		{"--tls-cert", "c.pem"},
		{"--tls-key", "k.pem"},
		{"--tls", "--tls-cert", "c.pem", "--tls-key", "k.pem"},
		{"--scim-key", "k"},
	} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}
