package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/log"
	"github.com/sando-dev/sando/kit/telemetry"
)

func serveCommand(stderr io.Writer) *cobra.Command {
	return settings(&cobra.Command{
		Use:   "serve [--config FILE] [--SETTING VALUE ...]",
		Short: "Run all four services on one port",
		Long:  "Run all four services on one port. Every setting of docs/reference/config.md is a flag, a variable and a key of the file.",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(args)
			if err != nil {
				return err
			}
			return serve(c.Context(), cfg, stderr)
		},
	})
}

func serve(ctx context.Context, cfg allinone.Config, stderr io.Writer) (err error) {
	logger, flush := log.New(stderr, cfg.Log.Level, cfg.Log.Format)
	defer flush()
	// Libraries that write to the standard logger are scrubbed as well.
	log.SetDefault(logger)
	if err := cfg.MakeDataDir(); err != nil {
		return err
	}
	if cfg, err = cfg.Complete(); err != nil {
		return err
	}
	t, err := telemetry.Start(ctx, "sando", app.Version(), logger)
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, t.Shutdown(end))
	}()
	logger = t.Logger(logger, "sando")
	log.SetDefault(logger)
	product, err := allinone.New(ctx, cfg, logger, t)
	if err != nil {
		return err
	}
	logger.InfoContext(ctx, "listening", "address", product.Addr(), "version", app.Version())
	if err := app.Run(ctx, logger, cfg.Drain, product.Parts()...); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
