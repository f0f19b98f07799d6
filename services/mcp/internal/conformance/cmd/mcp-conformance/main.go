// Command mcp-conformance serves the fixtures of the MCP conformance suite, for tests. It prints its URL on the first line.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/services/mcp/internal/conformance"
)

// settings are the flags.
type settings struct {
	// Listen is the address.
	Listen string `yaml:"listen"`
}

func main() { app.Main("mcp-conformance", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg := settings{Listen: "127.0.0.1:8765"}
	if err := config.Load(&cfg, config.Options{Prefix: "MCP_CONFORMANCE_", Args: args, Name: "mcp-conformance"}); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h, err := conformance.Handler(log, "http://"+cfg.Listen)
	if err != nil {
		return err
	}
	listener, err := edge.Listen(edge.DefaultConfig(cfg.Listen), h, nil)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(stdout, "http://%s/mcp/fixture\n", listener.Addr()); err != nil {
		return err
	}
	return app.Run(ctx, log, 5*time.Second, app.Part{Name: "listener", Run: listener.Run, Close: listener.Close})
}
