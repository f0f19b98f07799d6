package e2e

import (
	"os/exec"
	"testing"
)

// startProgram starts a program of the machine; the test ends it at the latest.
func startProgram(t *testing.T, name string, args ...string) *process {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: make testenv", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	return launch(t, name, cmd)
}
