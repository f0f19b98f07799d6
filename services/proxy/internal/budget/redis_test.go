package budget_test

import (
	"context"
	"io"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A valkey is a real server on loopback that can be killed and started again.
type valkey struct {
	port    int
	process *exec.Cmd
	client  *redis.Client
}

func startValkey(t *testing.T) *valkey {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &valkey{port: l.Addr().(*net.TCPAddr).Port}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	v.client = redis.NewClient(&redis.Options{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(v.port)), DialTimeout: 200 * time.Millisecond,
		MaxRetries: -1, DialerRetries: 1,
	})
	redis.SetLogger(silent{})
	v.start(t)
	t.Cleanup(func() {
		v.kill(t)
		if err := v.client.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// silent drops what the client says about connections that break: here they do
// so on purpose.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

func (v *valkey) start(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("this test needs redis-server: apt-get install redis-server")
	}
	v.process = exec.Command(program, "--port", strconv.Itoa(v.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
		"--dir", t.TempDir())
	v.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	v.process.Stdout = io.Discard
	if err := v.process.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for v.client.Ping(ctx).Err() != nil {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("redis-server does not answer")
		}
	}
}

// scripts is how many the server has run.
func (v *valkey) scripts(t *testing.T) (n int) {
	t.Helper()
	stats, err := v.client.Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`cmdstat_eval(?:sha)?:calls=(\d+)`).FindAllStringSubmatch(stats, -1) {
		calls, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		n += calls
	}
	return n
}

func (v *valkey) kill(t *testing.T) {
	t.Helper()
	if v.process == nil {
		return
	}
	if err := v.process.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = v.process.Wait() // it was killed
	v.process = nil
}
