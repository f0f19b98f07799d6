package main

import (
	"bytes"
	"fmt"

	"github.com/sando-dev/sando/kit/config"
)

// A program is one binary with its configuration, a pointer to a struct that holds the defaults.
type program struct {
	name, text string
	config     any
}

// sources are the packages of all config structs.
var sources = []string{
	"internal/allinone", "internal/reference", "kit/daemon", "kit/edge", "kit/mtls", "kit/sealed", "kit/log",
	"services/auth", "services/proxy", "services/proxy/internal/upstream", "services/unified", "services/mcp",
}

func writeConfig(w *bytes.Buffer) error {
	w.WriteString("# Configuration\n\nEvery setting is a key of the YAML file (`--config FILE`), an environment variable and, unless it is a list of objects or a map, a flag; flags win over variables, " +
		"variables over the file. An unknown key, variable or flag is an error. A secret is never given as a flag: its flag and its variable with the suffix `_FILE` name a file that holds it.\n")
	for _, p := range programs() {
		settings, err := config.Reference(p.config, "SANDO_", sources...)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Fprintf(w, "\n## %s\n\n%s\n\n", p.name, p.text)
		if err := config.WriteMarkdown(w, settings); err != nil {
			return err
		}
	}
	return nil
}
