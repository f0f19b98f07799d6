package sqlstore

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sando-dev/sando/services/unified/internal/store"
	"github.com/sando-dev/sando/services/unified/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	server := startPostgres(t)
	databases := 0
	storetest.Run(t, func(t *testing.T) (store.Store, store.Store) {
		databases++
		name := fmt.Sprintf("unified_%d", databases)
		server.run(t, "createdb", "-h", server.dir, "-p", server.port, "-U", "postgres", name)
		dsn := fmt.Sprintf("postgres://postgres@127.0.0.1:%s/%s?sslmode=disable", server.port, name)
		if _, err := OpenPostgres(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "sando migrate") {
			t.Errorf("an empty database: %v", err)
		}
		for range 2 { // the second time finds nothing to do
			if err := MigratePostgres(t.Context(), dsn); err != nil {
				t.Fatal(err)
			}
		}
		return openPostgres(t, dsn), openPostgres(t, dsn)
	})
}

func TestPostgresURLStaysSecret(t *testing.T) {
	_, err := OpenPostgres(t.Context(), "postgres://u:hunter2@[broken")
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
}

func openPostgres(t *testing.T, dsn string) store.Store {
	t.Helper()
	db, err := OpenPostgres(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// cluster is a throwaway PostgreSQL.
type cluster struct {
	bin, dir, port string
	root           bool
}

// startPostgres starts a server that keeps nothing and ends with the test.
func startPostgres(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{bin: binaries(t), port: freePort(t)}
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		c.root = true
	}
	var err error
	// Not t.TempDir: the path of a socket may have about a hundred bytes only.
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(c.dir); err != nil {
			t.Error(err)
		}
	})
	if c.root {
		if out, err := exec.CommandContext(t.Context(), "chown", "postgres:", c.dir).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v: %s", err, out)
		}
	}
	data := filepath.Join(c.dir, "data")
	c.run(t, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
	c.run(t, "pg_ctl", "-D", data, "-w", "-l", filepath.Join(c.dir, "log"), "-o",
		"-c listen_addresses=127.0.0.1 -p "+c.port+" -k "+c.dir+" -c fsync=off -c synchronous_commit=off -c shared_buffers=32MB", "start")
	t.Cleanup(func() { c.command("pg_ctl", "-D", data, "-m", "immediate", "stop").Run() }) //nolint:errcheck // it is thrown away
	return c
}

// binaries finds the server's programs, or fails with how to get them.
func binaries(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err == nil && len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		t.Fatal("PostgreSQL is not installed: `apt-get install postgresql` gives the server that this test starts")
	}
	return filepath.Dir(path)
}

// command runs a program of PostgreSQL, which refuses to run as root.
func (c *cluster) command(name string, args ...string) *exec.Cmd {
	args = append([]string{filepath.Join(c.bin, name)}, args...)
	if c.root {
		args = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = "/"
	return cmd
}

func (c *cluster) run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := c.command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
