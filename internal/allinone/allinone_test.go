package allinone

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// Starting and stopping leaves no goroutine behind.
func TestStartAndStop(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := configure(t)
	product, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx, slog.New(slog.DiscardHandler), 5*time.Second, product.Parts()...) }()
	waitReady(t, "http://"+product.Addr()+"/readyz")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// What cannot be built leaves nothing open.
func TestAPortInUseLeavesNothingOpen(t *testing.T) {
	defer goleak.VerifyNone(t)
	cfg := configure(t)
	first, err := New(t.Context(), cfg, slog.New(slog.DiscardHandler), telemetry.Off())
	if err != nil {
		t.Fatal(err)
	}
	second := configure(t)
	second.Edge.Listen = first.Addr()
	if _, err := New(t.Context(), second, slog.New(slog.DiscardHandler), telemetry.Off()); err == nil {
		t.Error("a port in use was bound twice")
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := app.Run(stopped, slog.New(slog.DiscardHandler), 5*time.Second, first.Parts()...); err != nil {
		t.Error(err)
	}
}

// Without keys the product refuses to start and says how to make them.
func TestNoKeysNoStart(t *testing.T) {
	cfg := DefaultConfig()
	cfg.DataDir = t.TempDir()
	if _, err := cfg.Complete(); err == nil {
		t.Error("a configuration without keys was accepted")
	}
}

func configure(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Edge.Listen, cfg.DataDir = "127.0.0.1:0", t.TempDir()
	if err := os.WriteFile(cfg.KeysFile(), auth.GenerateKeys(), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := cfg.Complete()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func waitReady(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(url); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatal("not ready")
		case <-tick.C:
		}
	}
}
