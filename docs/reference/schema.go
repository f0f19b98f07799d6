// Package reference holds the JSON Schemas of the programs' configuration files, for the command that prints them. There is one file per program,
// not one for all: an editor then names the key that is wrong, and not five programs that none of the keys fit.
package reference

import (
	"embed"
	"fmt"
)

//go:embed *.schema.json
var schemas embed.FS

// Programs are the binaries that are configured.
func Programs() []string { return []string{"sando", "authd", "proxyd", "unifiedd", "mcpd"} }

// Schema is the JSON Schema of a program's configuration file.
func Schema(program string) ([]byte, error) {
	b, err := schemas.ReadFile(program + ".schema.json")
	if err != nil {
		return nil, fmt.Errorf("there is no program %q with a configuration file: %w", program, err)
	}
	return b, nil
}
