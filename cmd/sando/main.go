// Command sando is the whole product in one binary, and the operator's tool for it.
package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/sando-dev/sando/internal/allinone"
	"github.com/sando-dev/sando/kit/app"
	"github.com/sando-dev/sando/kit/config"
)

func main() { app.Main("sando", run) }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := &cobra.Command{
		Use:           "sando",
		Short:         "One API and MCP servers for your customers' accounts",
		Version:       app.Version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(stderr), migrateCommand(), doctorCommand(), configCommand(),
		keysCommand(), environmentCommand(), tokenCommand(), auditCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return root.ExecuteContext(ctx)
}

// settings make every setting of the product a flag of the command: what kit/config reads, cobra leaves alone.
func settings(c *cobra.Command) *cobra.Command {
	c.DisableFlagParsing = true
	return c
}

// load reads the configuration from flags, environment and file.
func load(args []string) (allinone.Config, error) {
	cfg := allinone.DefaultConfig()
	if err := config.Load(&cfg, config.Options{Prefix: "SANDO_", Name: "sando", Args: args}); err != nil {
		return cfg, err
	}
	return cfg, nil
}
