// Package kittest holds what tests of several packages need: a certificate
// authority for throwaway mTLS, a logger that remembers, free addresses and
// golden files.
package kittest

import (
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A Log remembers the lines of a logger.
type Log struct {
	*slog.Logger

	mu  sync.Mutex
	buf bytes.Buffer
}

// Logger makes a logger whose lines are JSON, kept in memory, and shown when
// the test fails.
func Logger(t testing.TB) *Log {
	l := &Log{}
	l.Logger = slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", l.String())
		}
	})
	return l
}

// Write takes lines from the handler.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// String gives all lines so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Lines gives the lines so far that contain a text.
func (l *Log) Lines(containing string) []string {
	var found []string
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, containing) {
			found = append(found, strings.TrimRight(line, "\n"))
		}
	}
	return found
}

// FreeAddr gives a loopback address that nothing listened on a moment ago.
// Prefer port 0 where the program can say which port it got.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Golden compares got with testdata/<name>. With UPDATE_GOLDEN=1 in the
// environment it writes the file instead.
func Golden(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}
