// Package keyring reads the keys that auth cannot run without. There are four families, each a list whose first key is in use for new things
// while the others still open old ones:
//
//	encryption  wraps the data keys of credentials; only auth has it
//	signing     Ed25519 seeds that sign grants; everybody else gets the public halves
//	pepper      keys the hashes of tokens
//	sealing     seals cursors and page handles
//
// A ring is one YAML document, from a file or a variable. A key is rotated by putting a new one in front; it may be removed once nothing
// depends on it: an encryption key after `sando keys rotate`, a signing key after ten minutes, a pepper when its tokens are gone.
package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sando-dev/sando/kit/config"
	"github.com/sando-dev/sando/kit/sealed"
)

// Ring holds the keys of all families.
type Ring struct {
	Encryption []sealed.Key `yaml:"encryption"`
	Signing    []sealed.Key `yaml:"signing"`
	Pepper     []sealed.Key `yaml:"pepper"`
	Sealing    []sealed.Key `yaml:"sealing"`
}

// Parse reads a ring and refuses one that lacks a family, repeats an id, or holds a key of the wrong length.
func Parse(document []byte) (Ring, error) {
	var r Ring
	dec := yaml.NewDecoder(bytes.NewReader(document))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		// The decoder's message may quote the document, which holds keys.
		return Ring{}, errors.New("keyring: the document is not a YAML map of encryption, signing, pepper and sealing, each a list of {id, material}")
	}
	return r, r.check()
}

func (r Ring) check() error {
	for _, f := range r.families() {
		if len(f.keys) == 0 {
			return fmt.Errorf("keyring: there is no %s key", f.name)
		}
		var ids []string
		for _, k := range f.keys {
			if slices.Contains(ids, k.ID) {
				return fmt.Errorf("keyring: the %s key %q is there twice", f.name, k.ID)
			}
			ids = append(ids, k.ID)
		}
		if _, err := sealed.ParseRing(f.keys); err != nil {
			return fmt.Errorf("keyring: %s: %w", f.name, err)
		}
	}
	return nil
}

type family struct {
	name string
	keys []sealed.Key
}

func (r Ring) families() []family {
	return []family{{"encryption", r.Encryption}, {"signing", r.Signing}, {"pepper", r.Pepper}, {"sealing", r.Sealing}}
}

// Generate makes a ring of one fresh key per family.
func Generate() Ring {
	one := func() []sealed.Key { return []sealed.Key{sealed.Generate()} }
	return Ring{Encryption: one(), Signing: one(), Pepper: one(), Sealing: one()}
}

// Document writes the ring with its secrets, for a key file.
func (r Ring) Document() []byte {
	var b bytes.Buffer
	b.WriteString("# Keys of sando auth. Whoever reads this file can read every credential: mode 0600, and a copy in a safe place.\n")
	for _, f := range r.families() {
		fmt.Fprintf(&b, "%s:\n", f.name)
		for _, k := range f.keys {
			fmt.Fprintf(&b, "  - {id: %q, material: %q}\n", k.ID, k.Material.Reveal())
		}
	}
	return b.Bytes()
}

// Config says where the ring is. One of the two must be given.
type Config struct {
	// File is the path of the key file, mode 0600.
	File string `yaml:"file"`
	// Ring is the same document itself, e.g. from a secret store by an environment variable.
	Ring config.Secret `yaml:"ring"`
}

// ErrMissing: no keys are configured.
var ErrMissing = errors.New("no keys are configured, and without them credentials can be neither stored nor read; make a key file with " +
	"`sando keys generate --out keys.yaml` and name it in keys.file, or give its content as SANDO_AUTH_KEYS_RING")

// Load reads the ring from where c says. A key file that others than its owner can read is refused.
func Load(c Config) (Ring, error) {
	switch {
	case c.File != "" && c.Ring != "":
		return Ring{}, errors.New("keyring: give keys.file or keys.ring, not both")
	case c.Ring != "":
		return Parse([]byte(c.Ring.Reveal()))
	case c.File == "":
		return Ring{}, fmt.Errorf("keyring: %w", ErrMissing)
	}
	info, err := os.Stat(c.File)
	if err != nil {
		return Ring{}, fmt.Errorf("keyring: %w; %w", err, ErrMissing)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return Ring{}, fmt.Errorf("keyring: every user of this machine can open %s (mode %04o); run chmod 600 on it", c.File, info.Mode().Perm())
	}
	document, err := os.ReadFile(c.File)
	if err != nil {
		return Ring{}, fmt.Errorf("keyring: %w", err)
	}
	return Parse(document)
}
