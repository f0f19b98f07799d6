//go:build unix

package upstream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sando-dev/sando/services/proxy/internal/upstream"
)

// BenchmarkGet reads pages of 1, 100 and 1000 users of 600 bytes over
// loopback, with both engines. The provider is in the process: its share of
// the CPU is the same for both.
func BenchmarkGet(b *testing.B) {
	for _, engine := range []string{upstream.EngineStandard, upstream.EngineDirect} {
		for _, users := range []int{1, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", engine, users), func(b *testing.B) { benchmarkGet(b, engine, users*600) })
		}
	}
}

func benchmarkGet(b *testing.B, engine string, size int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go pages(l, []byte(answered("Content-Type: application/json\r\n", strings.Repeat("x", size))))
	cfg := upstream.DefaultConfig()
	cfg.Engine = engine
	client, err := upstream.New(cfg, slog.New(slog.DiscardHandler), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	r := get("/users")
	r.URL.Host = l.Addr().String()
	r.Header = http.Header{"Authorization": {"Bearer x"}, "X-Api-Version": {"1.1"}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	buffer := make([]byte, 64<<10)
	b.ReportAllocs()
	b.SetBytes(int64(size))
	before := cpu(b)
	for b.Loop() {
		resp, err := client.Do(ctx, r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, resp.Body, buffer); err != nil {
			b.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpu is the time this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// pages answers every request on every connection with raw.
func pages(l net.Listener, raw []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			in := bufio.NewReader(c)
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line != "\r\n" {
					continue
				}
				if _, err := c.Write(raw); err != nil {
					return
				}
			}
		}()
	}
}
