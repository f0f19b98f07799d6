// Package config fills a struct from flags, the environment and a YAML file,
// in this order of precedence, over the defaults that the struct holds.
//
// The struct is the schema: a field tagged `yaml:"listen"` inside one tagged
// `yaml:"auth"` is auth.listen in the file, --auth.listen as a flag and, with
// the prefix SANDO_, SANDO_AUTH_LISTEN in the environment. Whatever does not
// fit the schema is an error that names the nearest thing that does.
//
// A field may be a string, a bool, a number, a time.Duration, a [Secret],
// anything with UnmarshalText, a list of those (comma-separated outside of
// YAML), a nested struct, or, in YAML only, any other list or map. A Secret is
// never given as a flag, where every user of the machine can read it; a flag
// and a variable with the suffix -file and _FILE name a file that holds it.
package config

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"

	"go.yaml.in/yaml/v3"
)

// Options say where Load reads.
type Options struct {
	// Prefix starts the names of variables: SANDO_AUTH_.
	Prefix string
	// File is the YAML file; empty for none. The flag --config and the
	// variable <Prefix>CONFIG replace it.
	File string
	// Env looks up a variable; nil means the process's environment.
	Env func(string) (string, bool)
	// Environ lists the environment as os.Environ does, to find variables
	// under the prefix that mean nothing. Nil means the process's when Env is
	// nil too, and none otherwise.
	Environ func() []string
	// Args are the command-line arguments without the program's name.
	Args []string
	// Name is the program's, for messages.
	Name string
}

// Load fills dst, a pointer to a struct that holds the defaults. Asked for
// --help it returns an error that is flag.ErrHelp and whose Usage method gives
// the text to print; app.Main prints it.
func Load(dst any, o Options) error {
	root := reflect.ValueOf(dst)
	if root.Kind() != reflect.Pointer || root.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("config: %T is not a pointer to a struct", dst)
	}
	if o.Env == nil {
		o.Env = os.LookupEnv
		if o.Environ == nil {
			o.Environ = os.Environ
		}
	}
	leaves, err := schema(root.Elem())
	if err != nil {
		return err
	}
	flags, err := parseArgs(leaves, o)
	if err != nil {
		return named(o.Name, err)
	}
	file := o.File
	if v, ok := o.Env(o.Prefix + "CONFIG"); ok {
		file = v
	}
	if v, ok := flags["config"]; ok {
		file = v
	}
	err = errors.Join(
		fromFile(dst, file),
		fromEnv(leaves, o),
		fromFlags(leaves, flags),
	)
	return named(o.Name, err)
}

func named(name string, err error) error {
	if err == nil || name == "" || errors.Is(err, flag.ErrHelp) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// Print writes the effective configuration as YAML, secrets redacted.
func Print(w io.Writer, cfg any) error {
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(cfg), enc.Close())
}
