package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/services/auth"
)

func keysCommand() *cobra.Command {
	keys := &cobra.Command{Use: "keys", Short: "Make, add and rotate keys"}
	keys.AddCommand(keysGenerateCommand(), keysAddCommand(), keysRotateCommand())
	return keys
}

func keysGenerateCommand() *cobra.Command {
	var w where
	c := &cobra.Command{
		Use:   "generate",
		Short: "Make a key ring in the data folder; nothing opens without it, so keep a copy",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := w.load()
			if err != nil {
				return err
			}
			if err := cfg.MakeDataDir(); err != nil {
				return err
			}
			f, err := os.OpenFile(cfg.KeysFile(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, os.ErrExist) {
				return fmt.Errorf("%s exists: what it sealed would be lost without it, so it is not replaced", cfg.KeysFile())
			}
			if err != nil {
				return err
			}
			if _, err := f.Write(auth.GenerateKeys()); err != nil {
				return errors.Join(err, f.Close())
			}
			fmt.Fprintln(c.OutOrStdout(), cfg.KeysFile())
			return f.Close()
		},
	}
	w.flags(c)
	return c
}

func keysAddCommand() *cobra.Command {
	var w where
	var family string
	c := &cobra.Command{
		Use:   "add --family FAMILY",
		Short: "Put a fresh key in front of a family of the ring; restart the servers to use it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := w.load()
			if err != nil {
				return err
			}
			name := cfg.Auth.Keys.File
			if name == "" {
				name = cfg.KeysFile()
			}
			document, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			if document, err = auth.AddKey(document, family); err != nil {
				return err
			}
			return replaceFile(name, document)
		},
	}
	w.flags(c)
	c.Flags().StringVar(&family, "family", "", "encryption, signing, pepper or sealing")
	return c
}

// replaceFile writes beside the file and renames, so that a crash leaves the old keys.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(content); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func keysRotateCommand() *cobra.Command {
	var w where
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Wrap every account's data key with the first encryption key of the ring, while the servers run",
		Long: "Wrap every account's data key with the first encryption key of the ring, while the servers run. They must have been started with the ring that " +
			"`sando keys add --family encryption` made. When this ends well, the older encryption keys may be removed from the ring.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			err = o.RotateKeys(c.Context(), func(done, total int) { fmt.Fprintf(c.OutOrStdout(), "%d of %d\n", done, total) })
			return errors.Join(err, o.Close())
		},
	}
	w.flags(c)
	return c
}
