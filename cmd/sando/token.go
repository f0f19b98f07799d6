package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/services/auth"
)

func tokenCommand() *cobra.Command {
	token := &cobra.Command{Use: "token", Short: "Make, list and revoke API tokens"}
	token.AddCommand(tokenCreateCommand(), tokenListCommand(), tokenRevokeCommand())
	return token
}

func tokenCreateCommand() *cobra.Command {
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
	return create
}

func tokenListCommand() *cobra.Command {
	var w where
	var environment string
	list := &cobra.Command{
		Use:   "list --environment ID",
		Short: "List the API tokens of an environment, newest first: id, made, last used, expires, reach, name",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			all, err := o.Tokens(c.Context(), environment)
			for _, t := range all {
				fmt.Fprintln(c.OutOrStdout(), strings.Join([]string{
					t.ID, moment(t.CreatedAt), moment(t.LastUsedAt), moment(t.ExpiresAt), reach(t), t.Name,
				}, "\t"))
			}
			return errors.Join(err, o.Close())
		},
	}
	w.flags(list)
	list.Flags().StringVar(&environment, "environment", "", "id of the environment")
	return list
}

// moment writes a time, and a dash for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339)
}

// reach says in one word per part what a token may reach: what it may do, on which services, with which accounts.
func reach(t auth.Token) string {
	parts := []string{"read,write", "all-services", "all-accounts"}
	switch {
	case !t.Write:
		parts[0] = "read"
	case !t.Read:
		parts[0] = "write"
	}
	if t.Services != nil {
		parts[1] = strings.Join(t.Services, ",")
	}
	if t.Accounts != nil {
		parts[2] = strings.Join(t.Accounts, ",")
	}
	return strings.Join(parts, " ")
}

func tokenRevokeCommand() *cobra.Command {
	var w where
	var environment string
	revoke := &cobra.Command{
		Use:   "revoke --environment ID TOKEN_ID",
		Short: "Revoke an API token by its id; running servers refuse it within a second",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := w.operator(c)
			if err != nil {
				return err
			}
			return errors.Join(o.RevokeToken(c.Context(), environment, args[0]), o.Close())
		},
	}
	w.flags(revoke)
	revoke.Flags().StringVar(&environment, "environment", "", "id of its environment")
	return revoke
}
