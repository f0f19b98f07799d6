// Command mcpd runs the mcp service as its own process.
package main

import (
	"context"
	"io"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/catalog"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/mcp"
)

// settings are the process's and the service's.
type settings struct {
	daemon.Config `yaml:",inline"`
	// MCP configures the service.
	MCP mcp.Config `yaml:"mcp"`
}

func main() { app.Main("mcpd", run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) error {
	cfg := settings{Config: daemon.DefaultConfig(), MCP: mcp.DefaultConfig()}
	if err := config.Load(&cfg, config.Options{Prefix: "SANDO_", Args: args, Name: "mcpd"}); err != nil {
		return err
	}
	errorTable, err := access.ErrorTable()
	if err != nil {
		return err
	}
	return daemon.Run(ctx, daemon.Options{
		Name: "mcp", Config: cfg.Config, Errors: errorTable, JSON: access.JSON(),
		Callers: []string{"auth", "proxy", "unified"}, Outgoing: access.Outgoing, Stderr: stderr,
		Build: func(ctx context.Context, r daemon.Runtime) (daemon.Service, error) { return build(ctx, cfg.MCP, r) },
	})
}

func build(ctx context.Context, cfg mcp.Config, r daemon.Runtime) (daemon.Service, error) {
	data, err := catalog.Default()
	if err != nil {
		return nil, err
	}
	d := mcp.Deps{Log: r.Log, Telemetry: r.Telemetry, Catalog: data}
	if d.Auth, err = r.Dial("auth"); err != nil {
		return nil, err
	}
	if d.Proxy, err = r.Dial("proxy"); err != nil {
		return nil, err
	}
	if d.Unified, err = r.Dial("unified"); err != nil {
		return nil, err
	}
	return mcp.New(ctx, cfg, d)
}
