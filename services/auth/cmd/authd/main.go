// Command authd runs auth as a process of its own.
package main

import (
	"context"
	"io"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/auth"
)

// settings are everything that authd is configured with.
type settings struct {
	daemon.Config `yaml:",inline"`
	// Auth configures the service.
	Auth auth.Config `yaml:"auth"`
}

func main() { app.Main("authd", run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) error {
	cfg := settings{Config: daemon.DefaultConfig(), Auth: auth.DefaultConfig()}
	if err := config.Load(&cfg, config.Options{Name: "authd", Prefix: "SANDO_", Args: args}); err != nil {
		return err
	}
	errors, err := access.ErrorTable()
	if err != nil {
		return err
	}
	return daemon.Run(ctx, daemon.Options{
		Name: "auth", Config: cfg.Config, Errors: errors, JSON: access.JSON(),
		Callers: auth.Callers(), Outgoing: access.Outgoing, Stderr: stderr,
		Build: func(ctx context.Context, r daemon.Runtime) (daemon.Service, error) {
			proxy, err := r.Dial("proxy")
			if err != nil {
				return nil, err
			}
			return auth.New(ctx, cfg.Auth, auth.Deps{Log: r.Log, Telemetry: r.Telemetry, Proxy: proxy})
		},
	})
}
