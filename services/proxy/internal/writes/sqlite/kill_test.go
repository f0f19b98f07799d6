package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/proxy/internal/writes"
	"github.com/sando-dev/sando/services/proxy/internal/writes/sqlite"
)

// kills is how many processes are killed; a soak run kills hundreds.
var kills = flag.Int("kills", 20, "processes that TestKill kills")

const (
	// childLease keeps the wait for a dead process short.
	childLease = 300 * time.Millisecond
	childDir   = "WRITES_TEST_CHILD_DIR"
	childFrom  = "WRITES_TEST_CHILD_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir, os.Getenv(childFrom)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// ledger opens the file in dir.
func ledger(ctx context.Context, dir string) (*writes.Ledger, *sqlite.Store, error) {
	s, err := sqlite.Open(ctx, filepath.Join(dir, "writes.db"))
	if err != nil {
		return nil, nil, err
	}
	ring, err := sealed.ParseRing([]sealed.Key{{ID: "k", Material: config.Secret(strings.Repeat("00", 32))}})
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return writes.New(s, ring, writes.Options{Lease: childLease}), s, nil
}

func numbered(n int) writes.Record {
	return writes.Record{Identity: writes.Identity{Environment: "e", Account: "a", Operation: "o"}, Key: strconv.Itoa(n)}
}

// child sends writes, from the number given on, until it is killed. Sending is
// a line in the file "sent", which survives the kill. Four work at once.
func child(dir, from string) error {
	ctx := context.Background()
	first, err := strconv.Atoi(from)
	if err != nil {
		return err
	}
	l, _, err := ledger(ctx, dir)
	if err != nil {
		return err
	}
	sent, err := os.OpenFile(filepath.Join(dir, "sent"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	go func() { _ = l.Run(ctx) }() // ends with the process
	failed := make(chan error)
	for worker := range 4 {
		go func() {
			for n := first + worker; ; n += 4 {
				if err := send(ctx, l, n, sent); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	fmt.Println("working")
	return <-failed
}

func send(ctx context.Context, l *writes.Ledger, n int, sent io.Writer) error {
	t, a, err := l.Begin(ctx, numbered(n))
	switch {
	case errors.Is(err, writes.ErrUnknown), a != nil:
		return nil
	case err != nil:
		return err
	}
	if n%7 == 3 { // what was not sent may be sent by the next one
		return t.Abandon(ctx)
	}
	if err := t.Sending(ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(sent, "%d\n", n); err != nil {
		return err
	}
	return t.Finish(ctx, writes.Answer{Status: 200, Body: []byte(strconv.Itoa(n))})
}

// Processes are killed at any moment while they write. Whatever happened,
// nothing is sent twice, and nobody is told something that is not so.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	if err := sqlite.Migrate(t.Context(), filepath.Join(dir, "writes.db")); err != nil {
		t.Fatal(err)
	}
	last := 0
	for range *kills {
		runAndKill(t, dir, max(0, last-6))
		for n := range sentIn(t, dir) {
			last = max(last, n)
		}
	}
	if last < *kills {
		t.Fatalf("only %d writes in %d runs", last, *kills)
	}
	judge(t, dir, last)
}

// runAndKill starts a process that first tries again what the one before may
// have left, and kills it.
func runAndKill(t *testing.T, dir string, from int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childFrom+"="+strconv.Itoa(from))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("the child said %q, %v: %s", line, err, stderr.String())
	}
	timer := time.NewTimer(rand.N(2 * childLease))
	defer timer.Stop()
	<-timer.C
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	if stderr.Len() > 0 {
		t.Fatalf("the child failed: %s", stderr.String())
	}
}

// sentIn counts how often each write was sent.
func sentIn(t *testing.T, dir string) map[int]int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "sent"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	times := make(map[int]int)
	for line := range strings.Lines(string(b)) {
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("torn line %q", line)
		}
		times[n]++
	}
	return times
}

func judge(t *testing.T, dir string, last int) {
	t.Helper()
	l, s, err := ledger(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	times := sentIn(t, dir)
	var mu sync.Mutex
	known, unknown, never := 0, 0, 0
	var wg sync.WaitGroup
	for n := range last + 1 {
		wg.Go(func() {
			ticket, answer, err := l.Begin(t.Context(), numbered(n))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case times[n] > 1:
				t.Errorf("write %d was sent %d times", n, times[n])
			case errors.Is(err, writes.ErrUnknown):
				unknown++
			case err != nil:
				t.Errorf("write %d: %v", n, err)
			case answer != nil:
				known++
				if times[n] != 1 || string(answer.Body) != strconv.Itoa(n) {
					t.Errorf("write %d is answered %q, and was sent %d times", n, answer.Body, times[n])
				}
			case ticket != nil:
				never++
				if times[n] != 0 {
					t.Errorf("write %d was sent and may be sent again", n)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d answered, %d unknown, %d never sent", known, unknown, never)
	if known == 0 || unknown == 0 {
		t.Errorf("%d answered, %d unknown: the kills hit nothing of interest", known, unknown)
	}
}
