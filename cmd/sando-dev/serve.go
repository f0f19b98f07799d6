package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/sando-dev/sando/emulator"
	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/telemetry"
	"github.com/sando-dev/sando/services/auth"
)

// serve starts the emulator, then the product, then links an account over the product's own API, and tells when all of it answers.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	logger, flush := log.New(stderr, slog.LevelInfo, log.Format("text"))
	defer flush()
	log.SetDefault(logger)
	t, err := telemetry.Start(ctx, "sando-dev", app.Version(), logger)
	if err != nil {
		return err
	}
	defer t.Shutdown(context.WithoutCancel(ctx))
	logger = t.Logger(logger, "sando-dev")
	log.SetDefault(logger)

	torii, err := listenTorii(o, logger)
	if err != nil {
		return err
	}
	if err := torii.trust(o.dataDir); err != nil {
		return err
	}
	if o.listen, err = settle(o.listen); err != nil {
		return err
	}
	cfg, err := configure(o, torii.URL)
	if err != nil {
		return err
	}
	product, err := allinone.New(ctx, cfg, logger, t)
	if err != nil {
		return err
	}
	seeder := app.Part{Name: "seed", Run: func(ctx context.Context) error {
		s := seed{product: product, base: "http://" + product.Addr(), emulator: torii.URL, key: emulator.DefaultKey}
		r, err := s.run(ctx)
		if err != nil {
			return err
		}
		r.EmulatorCA = string(torii.ca)
		return announce(r, o, stdout)
	}}
	parts := append([]app.Part{torii.part()}, product.Parts()...)
	return app.Run(ctx, logger, cfg.Drain, append(parts, seeder)...)
}

// configure makes the product's configuration and, once per data folder, its keys.
func configure(o options, toriiURL string) (allinone.Config, error) {
	cfg := allinone.DefaultConfig()
	cfg.Edge.Listen, cfg.Auth.PublicURL = o.listen, "http://"+o.listen
	cfg.DataDir = o.dataDir
	cfg.Proxy.BaseURLs = map[string]string{"torii": toriiURL + emulator.BasePath}
	if err := cfg.MakeDataDir(); err != nil {
		return cfg, err
	}
	if _, err := os.Stat(cfg.KeysFile()); os.IsNotExist(err) {
		if err := os.WriteFile(cfg.KeysFile(), auth.GenerateKeys(), 0o600); err != nil {
			return cfg, err
		}
	}
	return cfg.Complete()
}

// settle turns port 0 into a port that is free now: links are made of the address, so it must be known before the product is built.
func settle(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	if port != "0" {
		return address, nil
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	return l.Addr().String(), l.Close()
}
