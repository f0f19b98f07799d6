package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/docs/reference"
	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/edge"
	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

func configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Show the configuration"}
	c.AddCommand(settings(&cobra.Command{
		Use:   "print [--config FILE] [--SETTING VALUE ...]",
		Short: "Print the settings in force as YAML, secrets redacted",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(args)
			if err != nil {
				return err
			}
			return config.Print(c.OutOrStdout(), cfg)
		},
	}), schemaCommand())
	return c
}

// schemaCommand prints what editors and pipelines check a file with.
func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema [" + strings.Join(reference.Programs(), "|") + "]",
		Short: "Print the JSON Schema of a program's configuration file, sando's by default",
		Long: "Print the JSON Schema (draft 2020-12) of a program's configuration file, sando's by default. " +
			"An editor uses it when the file starts with\n\n  # yaml-language-server: $schema=sando.schema.json",
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: reference.Programs(),
		RunE: func(c *cobra.Command, args []string) error {
			schema, err := reference.Schema(append(args, "sando")[0])
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(schema)
			return err
		},
	}
}

// doctorCommand checks what most often goes wrong, in the order in which it would.
func doctorCommand() *cobra.Command {
	return settings(&cobra.Command{
		Use:   "doctor [--config FILE] [--SETTING VALUE ...]",
		Short: "Check the settings, the keys, the databases and their schemas, and a running server",
		Long: "Check the settings, the keys, the databases and their schemas, Valkey if one is set, and a running server. Nothing is changed: " +
			"no database is made or migrated.",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(args)
			if err != nil {
				return err
			}
			d := doctor{out: c.OutOrStdout()}
			d.report("settings", nil)
			d.examine(c.Context(), cfg)
			return errors.Join(d.failed...)
		},
	})
}

// A doctor reports one finding a line.
type doctor struct {
	out    io.Writer
	failed []error
}

func (d *doctor) report(what string, err error) {
	if err == nil {
		fmt.Fprintf(d.out, "ok    %s\n", what)
		return
	}
	fmt.Fprintf(d.out, "FAIL  %s: %v\n", what, err)
	d.failed = append(d.failed, fmt.Errorf("%s: %w", what, err))
}

func (d *doctor) examine(ctx context.Context, cfg allinone.Config) {
	_, err := os.Stat(cfg.DataDir)
	d.report("data folder "+cfg.DataDir, err)
	complete, err := cfg.Complete()
	d.report("key ring", err)
	if err == nil {
		d.report("keys and database of auth", within(ctx, func(ctx context.Context) error { return auth.Check(ctx, complete.Auth) }))
	}
	store := "database of proxy"
	if complete.Proxy.Rate.ValkeyURL != "" {
		store += ", and Valkey"
	}
	d.report(store, within(ctx, func(ctx context.Context) error { return proxy.Check(ctx, complete.Proxy) }))
	d.report("database of unified", within(ctx, func(ctx context.Context) error { return unified.Check(ctx, complete.Unified.Store) }))
	d.report("server on "+complete.Edge.Listen, within(ctx, func(ctx context.Context) error { return ready(ctx, complete.Edge) }))
}

// within bounds one finding: a host that swallows packets must not hold up the others.
func within(ctx context.Context, find func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return find(ctx)
}

// ready asks the server whether it takes calls. One that speaks TLS must show the certificate of the file, under whatever name it is issued for.
func ready(ctx context.Context, cfg edge.Config) error {
	url, transport := "http://"+cfg.Listen+"/readyz", &http.Transport{}
	if cfg.CertFile != "" {
		files, err := tls.LoadX509KeyPair(cfg.CertFile, cfg.KeyFile)
		if err != nil {
			return err
		}
		url = "https://" + cfg.Listen + "/readyz"
		transport.TLSClientConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // the address is the listener's, not the name in the certificate
			VerifyConnection: func(s tls.ConnectionState) error {
				if !bytes.Equal(s.PeerCertificates[0].Raw, files.Certificate[0]) {
					return errors.New("it shows another certificate than " + cfg.CertFile + " holds")
				}
				return nil
			},
		}
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, err := io.ReadAll(io.LimitReader(res.Body, 4096))
		return errors.Join(fmt.Errorf("%s answers %s: %s", url, res.Status, bytes.TrimSpace(said)), err)
	}
	return nil
}
