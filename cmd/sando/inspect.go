package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/services/auth"
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
	}))
	return c
}

// doctorCommand checks what most often goes wrong, in the order in which it would.
func doctorCommand() *cobra.Command {
	return settings(&cobra.Command{
		Use:   "doctor [--config FILE] [--SETTING VALUE ...]",
		Short: "Check the settings, the keys, the database they belong to, and a running server",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(args)
			if err != nil {
				return err
			}
			report := func(what string, err error) error {
				if err != nil {
					fmt.Fprintf(c.OutOrStdout(), "FAIL  %s: %v\n", what, err)
					return fmt.Errorf("%s: %w", what, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "ok    %s\n", what)
				return nil
			}
			_, statErr := os.Stat(cfg.DataDir)
			complete, keysErr := cfg.Complete()
			errs := []error{
				report("settings", nil),
				report("data folder "+cfg.DataDir, statErr),
				report("key ring", keysErr),
			}
			if keysErr == nil {
				errs = append(errs, report("keys and database of auth", auth.Check(c.Context(), complete.Auth)))
			}
			return errors.Join(append(errs,
				report("server on "+complete.Edge.Listen, answers("http://"+complete.Edge.Listen+"/readyz")),
			)...)
		},
	})
}

func answers(url string) error {
	client := http.Client{Timeout: 3 * time.Second}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}
