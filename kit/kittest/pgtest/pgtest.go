// Package pgtest starts a throwaway PostgreSQL server for a test, from the binaries of the Debian package.
package pgtest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Server is a running server.
type Server struct {
	t    testing.TB
	bin  string
	dir  string
	as   *syscall.Credential
	port int
	made atomic.Int64
}

// Start starts a server that ends with the test. Without the binaries the test fails, saying how to get them.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, bin: binaries(t), dir: t.TempDir(), port: freePort(t)}
	s.as = account(t, s.dir)
	s.run(t, "initdb", "-D", s.data(), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions")
	s.Restart(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Kill ends the server without a word to anybody, as a crash does.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.run(t, "pg_ctl", "-D", s.data(), "-w", "-m", "immediate", "stop")
}

// Freeze stops every process of the server where it is, until thaw is called or the test ends: it takes connections, as far as the system does so for it,
// and answers nobody.
func (s *Server) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	noted, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(noted), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	signal := func(sig syscall.Signal) {
		// The postmaster goes first, so that it makes no further process meanwhile.
		_ = syscall.Kill(postmaster, sig)
		for _, child := range children(t, postmaster) {
			_ = syscall.Kill(child, sig)
		}
	}
	signal(syscall.SIGSTOP)
	thaw = sync.OnceFunc(func() { signal(syscall.SIGCONT) })
	t.Cleanup(thaw)
	return thaw
}

// children lists the processes that a process has started.
func children(t testing.TB, process int) []int {
	t.Helper()
	listed, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", process, process))
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for _, field := range strings.Fields(string(listed)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, child)
	}
	return all
}

// Restart starts a killed server again, with all that it had acknowledged.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	// What the server writes is thrown away in the end, so it need not reach the disk; but it must have left the process before it is acknowledged.
	options := fmt.Sprintf("-c listen_addresses=127.0.0.1 -p %d -k %s -c fsync=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=200", s.port, s.dir)
	s.run(t, "pg_ctl", "-D", s.data(), "-w", "-t", "60", "-l", filepath.Join(s.dir, "log"), "-o", options, "start")
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Dump writes a database as pg_dump backs it up.
func (s *Server) Dump(t testing.TB, url string) string {
	t.Helper()
	return s.run(t, "pg_dump", "--dbname", url)
}

// Files is the folder with every byte of every database and of the write-ahead log, once they are flushed.
func (s *Server) Files(t testing.TB) string {
	t.Helper()
	s.run(t, "psql", "--dbname", s.url("postgres"), "-c", "CHECKPOINT")
	return s.data()
}

// binaries finds the newest installed version.
func binaries(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		t.Fatal("PostgreSQL's binaries are missing: apt-get install postgresql")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }))
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// account gives the folder to the user postgres when the test runs as root, which PostgreSQL refuses to run as.
func account(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal("there is no user postgres: apt-get install postgresql")
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	// The folder above is the test's own and closed to others.
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// run runs a program of the server's version and returns what it printed.
func (s *Server) run(t testing.TB, program string, args ...string) string {
	t.Helper()
	// The server outlives the test's context until its cleanup.
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	// A file and not a pipe: the server inherits it, and a pipe would stay open as long as the server.
	cmd.Stdout, cmd.Stderr = out, out
	failed := cmd.Run()
	said, err := os.ReadFile(out.Name())
	if failed != nil || err != nil {
		t.Fatalf("%s: %v\n%s", program, errors.Join(failed, err), said)
	}
	return string(said)
}

// Database makes an empty database and returns its URL; like names the database to copy, or nothing.
func (s *Server) Database(t testing.TB, like string) string {
	t.Helper()
	name := fmt.Sprintf("test%d", s.made.Add(1))
	args := []string{"--maintenance-db", s.url("postgres"), name}
	if like != "" {
		args = append(args, "--template", like[strings.LastIndex(like, "/")+1:])
	}
	s.run(t, "createdb", args...)
	return s.url(name)
}

func (s *Server) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s", s.port, database)
}
