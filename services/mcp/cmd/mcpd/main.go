// Command mcpd runs the mcp service as a process of its own.
package main

import (
	"context"
	"io"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/mcp"
)

// settings are everything that mcpd is configured with.
type settings struct {
	daemon.Config `yaml:",inline"`
	// MCP configures the service.
	MCP mcp.Config `yaml:"mcp"`
}

func main() { app.Main("mcpd", run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) error {
	cfg := settings{Config: daemon.DefaultConfig(), MCP: mcp.DefaultConfig()}
	if err := config.Load(&cfg, config.Options{Name: "mcpd", Prefix: "SANDO_", Args: args}); err != nil {
		return err
	}
	errors, err := access.ErrorTable()
	if err != nil {
		return err
	}
	return daemon.Run(ctx, daemon.Options{
		Name: "mcp", Config: cfg.Config, Errors: errors, JSON: access.JSON(),
		Callers: mcp.Callers(), Outgoing: access.Outgoing, Stderr: stderr,
		Build: func(ctx context.Context, r daemon.Runtime) (daemon.Service, error) {
			d := mcp.Deps{Log: r.Log, Telemetry: r.Telemetry}
			if d.Auth, err = r.Dial("auth"); err != nil {
				return nil, err
			}
			if d.Proxy, err = r.Dial("proxy"); err != nil {
				return nil, err
			}
			if d.Unified, err = r.Dial("unified"); err != nil {
				return nil, err
			}
			return mcp.New(ctx, cfg.MCP, d)
		},
	})
}
