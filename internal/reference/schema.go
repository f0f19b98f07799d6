package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sando-dev/sando/kit/config"
)

// schemaOf is the JSON Schema of a program's configuration file.
func schemaOf(p program) ([]byte, error) {
	b, err := config.JSONSchema(p.config, "Configuration of "+p.name, sources...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return b, nil
}

func writeSchemas(dir string) error {
	for _, p := range programs() {
		b, err := schemaOf(p)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".schema.json"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}
