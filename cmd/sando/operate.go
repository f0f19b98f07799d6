package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/services/auth"
)

// where says which product a command works on: its configuration file, or only its data folder.
type where struct{ config, dataDir string }

func (w *where) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.config, "config", "", "configuration file of the product")
	c.Flags().StringVar(&w.dataDir, "data-dir", "", "data folder of the product, if the file does not say")
}

func (w *where) load() (allinone.Config, error) {
	cfg := allinone.DefaultConfig()
	if err := config.Load(&cfg, config.Options{Prefix: "SANDO_", Name: "sando", File: w.config}); err != nil {
		return cfg, err
	}
	if w.dataDir != "" {
		cfg.DataDir = w.dataDir
	}
	return cfg, nil
}

// operator opens auth's store; the caller closes it.
func (w *where) operator(c *cobra.Command) (*auth.Operator, error) {
	cfg, err := w.load()
	if err != nil {
		return nil, err
	}
	if cfg, err = cfg.Complete(); err != nil {
		return nil, err
	}
	return auth.OpenOperator(c.Context(), cfg.Auth)
}

func environmentCommand() *cobra.Command {
	environment := &cobra.Command{Use: "environment", Short: "Make and list environments"}
	var w where
	var name string
	create := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make an environment and print its id",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			id, err := o.CreateEnvironment(c.Context(), name)
			if err == nil {
				fmt.Fprintln(c.OutOrStdout(), id)
			}
			return errors.Join(err, o.Close())
		},
	}
	create.Flags().StringVar(&name, "name", "", "name for people")
	list := &cobra.Command{
		Use:   "list",
		Short: "List environments, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			all, err := o.Environments(c.Context())
			for _, e := range all {
				fmt.Fprintf(c.OutOrStdout(), "%s\t%s\t%s\n", e.ID, e.CreatedAt.Format(time.RFC3339), e.Name)
			}
			return errors.Join(err, o.Close())
		},
	}
	w.flags(create)
	w.flags(list)
	environment.AddCommand(create, list)
	return environment
}

func tokenCommand() *cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Make API tokens"}
	services := []string{"auth", "proxy", "unified", "mcp"}
	var w where
	var spec auth.TokenSpec
	var access []string
	var expiresIn time.Duration
	create := &cobra.Command{
		Use:   "create --environment ID",
		Short: "Make an API token and print it; it cannot be read again",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, a := range access {
				if a != "read" && a != "write" {
					return fmt.Errorf("%w: --access takes read and write, not %q", app.ErrUsage, a)
				}
			}
			for _, name := range spec.Services {
				if !slices.Contains(services, name) {
					return fmt.Errorf("%w: --service takes %s, not %q", app.ErrUsage, strings.Join(services, ", "), name)
				}
			}
			if expiresIn < 0 || expiresIn == 0 && c.Flags().Changed("expires-in") {
				return fmt.Errorf("%w: --expires-in must be longer than nothing; leave it out for a token that does not expire", app.ErrUsage)
			}
			spec.Read, spec.Write = slices.Contains(access, "read"), slices.Contains(access, "write")
			if expiresIn > 0 {
				spec.ExpiresAt = time.Now().Add(expiresIn)
			}
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			_, secret, err := o.CreateToken(c.Context(), spec)
			if err == nil {
				fmt.Fprintln(c.OutOrStdout(), secret)
			}
			return errors.Join(err, o.Close())
		},
	}
	w.flags(create)
	create.Flags().StringVar(&spec.EnvironmentID, "environment", "", "id of its environment")
	create.Flags().StringVar(&spec.Name, "name", "", "name for people")
	create.Flags().StringSliceVar(&spec.Accounts, "account", nil, "narrow it to these accounts")
	create.Flags().StringSliceVar(&spec.Services, "service", nil, "narrow it to these services: auth, proxy, unified, mcp")
	create.Flags().StringSliceVar(&access, "access", []string{"read", "write"}, "what it may do")
	create.Flags().DurationVar(&expiresIn, "expires-in", 0, "how long it works; for ever when left out")
	token.AddCommand(create)
	return token
}
