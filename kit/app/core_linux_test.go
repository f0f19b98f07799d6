package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A process that is killed by a signal whose default is a core leaves none, though its limits would allow it.
func TestNoCoreIsLeft(t *testing.T) {
	if os.Getenv("SANDO_APP_TEST_CRASH") != "" {
		if err := forbidCore(); err != nil {
			t.Fatal(err)
		}
		dumpable, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0)
		if dumpable != 0 || errno != 0 {
			t.Fatalf("dumpable is %d, %v", dumpable, errno)
		}
		// The shell keeps the limits; the runtime raises SIGABRT against itself.
		panic("crash")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -c unlimited; exec "$0" -test.run '^TestNoCoreIsLeft$'`, self)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "SANDO_APP_TEST_CRASH=1", "GOTRACEBACK=crash")
	out, _ := cmd.CombinedOutput() // it crashes
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGABRT || !strings.Contains(string(out), "panic: crash") {
		t.Fatalf("it did not crash: %v\n%s", cmd.ProcessState, out)
	}
	left, err := filepath.Glob(filepath.Join(cmd.Dir, "*"))
	if err != nil || len(left) > 0 || status.CoreDump() {
		t.Errorf("core dumped: %v; left %q, %v", status.CoreDump(), left, err)
	}
}
