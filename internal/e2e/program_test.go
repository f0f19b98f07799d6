package e2e

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

// startProgram starts a program of the machine; the test ends it at the latest.
func startProgram(t *testing.T, name string, as *syscall.SysProcAttr, args ...string) *process {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: make testenv", name)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.SysProcAttr = "/", as
	return launch(t, name, cmd)
}

// account is whom PostgreSQL runs as: it refuses root.
type account struct {
	uid, gid int
	other    bool // than who runs the test
}

func postgresUser(t *testing.T) account {
	t.Helper()
	if os.Getuid() != 0 {
		return account{}
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal("there is no user postgres: apt-get install postgresql")
	}
	a := account{other: true}
	if a.uid, err = strconv.Atoi(u.Uid); err != nil {
		t.Fatal(err)
	}
	if a.gid, err = strconv.Atoi(u.Gid); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a account) attributes() *syscall.SysProcAttr {
	if !a.other {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
}

// folder is one of the account's own; the folder of a test is closed to others.
func (a account) folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if a.other {
		if err := os.Chown(dir, a.uid, a.gid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
