package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/services/auth"
	"github.com/sando-dev/sando/services/proxy"
	"github.com/sando-dev/sando/services/unified"
)

// migrateCommand brings the stores to what this version needs. Old and new versions may run beside each other meanwhile.
func migrateCommand() *cobra.Command {
	return settings(&cobra.Command{
		Use:   "migrate [--config FILE] [--SETTING VALUE ...]",
		Short: "Bring the schemas of all stores to this version",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := load(args)
			if err != nil {
				return err
			}
			if err := cfg.MakeDataDir(); err != nil {
				return err
			}
			cfg = cfg.WithStores()
			report := func(name string, err error) error {
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: up to date\n", name)
				return nil
			}
			return errors.Join(
				report("auth", auth.Migrate(c.Context(), cfg.Auth.Store)),
				report("proxy", proxy.Migrate(c.Context(), cfg.Proxy.Store)),
				report("unified", unified.Migrate(c.Context(), cfg.Unified.Store)),
			)
		},
	})
}
