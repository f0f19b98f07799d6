package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/services/auth"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Export the log and verify exports offline"}
	c.AddCommand(auditExportCommand(), auditKeysCommand(), auditVerifyCommand())
	return c
}

func auditExportCommand() *cobra.Command {
	var w where
	var environment string
	c := &cobra.Command{
		Use:   "export --environment ID > FILE",
		Short: "Write the log of an environment, with its hash chain and signed checkpoint",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			return errors.Join(o.ExportLog(c.Context(), environment, c.OutOrStdout()), o.Close())
		},
	}
	w.flags(c)
	c.Flags().StringVar(&environment, "environment", "", "id of the environment")
	return c
}

func auditKeysCommand() *cobra.Command {
	var w where
	c := &cobra.Command{
		Use:   "keys > FILE",
		Short: "Write the public keys, to be kept by whoever verifies logs",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), string(o.PublicKeys()))
			return o.Close()
		},
	}
	w.flags(c)
	return c
}

func auditVerifyCommand() *cobra.Command {
	var keys string
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that an export is whole and unaltered; needs no server and no store",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			var trusted []byte
			if keys != "" {
				if trusted, err = os.ReadFile(keys); err != nil {
					return err
				}
			}
			report, err := auth.VerifyLog(f, trusted)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "ok: environment %s, entries %d to %d, %d checkpoints, signed by %s\n",
				report.EnvironmentID, report.First, report.Last, report.Checkpoints, strings.Join(report.KeyIDs, ", "))
			if report.TrustFile {
				fmt.Fprintln(c.OutOrStdout(), "the keys came with the file: give --keys to know that nobody made all of it up")
			}
			return nil
		},
	}
	c.Flags().StringVar(&keys, "keys", "", "public keys from `sando audit keys`; without them the export vouches for itself")
	return c
}
