// Command unifiedd runs unified as a process of its own.
package main

import (
	"context"
	"io"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/unified"
)

// settings are everything that unifiedd is configured with.
type settings struct {
	daemon.Config `yaml:",inline"`
	// Unified configures the service.
	Unified unified.Config `yaml:"unified"`
}

func main() { app.Main("unifiedd", run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) error {
	cfg := settings{Config: daemon.DefaultConfig(), Unified: unified.DefaultConfig()}
	if err := config.Load(&cfg, config.Options{Name: "unifiedd", Prefix: "SANDO_", Args: args}); err != nil {
		return err
	}
	errors, err := access.ErrorTable()
	if err != nil {
		return err
	}
	return daemon.Run(ctx, daemon.Options{
		Name: "unified", Config: cfg.Config, Errors: errors, JSON: access.JSON(),
		Callers: unified.Callers(), Outgoing: access.Outgoing, Stderr: stderr,
		Build: func(ctx context.Context, r daemon.Runtime) (daemon.Service, error) {
			auth, err := r.Dial("auth")
			if err != nil {
				return nil, err
			}
			proxy, err := r.Dial("proxy")
			if err != nil {
				return nil, err
			}
			return unified.New(ctx, cfg.Unified, unified.Deps{Log: r.Log, Telemetry: r.Telemetry, Auth: auth, Proxy: proxy})
		},
	})
}
