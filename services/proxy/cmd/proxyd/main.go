// Command proxyd runs the proxy as a process of its own.
package main

import (
	"context"
	"io"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/daemon"
	"github.com/sando-dev/sando/services/proxy"
)

// settings are everything that proxyd is configured with.
type settings struct {
	daemon.Config `yaml:",inline"`
	// Proxy configures the service.
	Proxy proxy.Config `yaml:"proxy"`
}

func main() { app.Main("proxyd", run) }

func run(ctx context.Context, args []string, _, stderr io.Writer) error {
	cfg := settings{Config: daemon.DefaultConfig(), Proxy: proxy.DefaultConfig()}
	if err := config.Load(&cfg, config.Options{Name: "proxyd", Prefix: "SANDO_", Args: args}); err != nil {
		return err
	}
	errs, err := access.ErrorTable()
	if err != nil {
		return err
	}
	return daemon.Run(ctx, daemon.Options{
		Name: "proxy", Config: cfg.Config, Errors: errs, JSON: access.JSON(),
		Callers: proxy.Callers(), Outgoing: access.Outgoing, Stderr: stderr,
		Build: func(ctx context.Context, r daemon.Runtime) (daemon.Service, error) {
			auth, err := r.Dial("auth")
			if err != nil {
				return nil, err
			}
			return proxy.New(ctx, cfg.Proxy, proxy.Deps{Log: r.Log, Telemetry: r.Telemetry, Auth: auth})
		},
	})
}
