package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/internal/allinone"
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
