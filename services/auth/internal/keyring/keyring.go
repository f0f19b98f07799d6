// Package keyring reads the keys that auth cannot run without. There are four families, each a list whose first key is in use for new things
// while the others still open old ones:
//
//	encryption  wraps the data keys of credentials; only auth has it, or a key management service (package kms)
//	signing     Ed25519 seeds that sign grants; everybody else gets the public halves
//	pepper      keys the hashes of tokens
//	sealing     seals cursors and page handles
//
// A ring is one YAML document, from a file or a variable. A key is rotated by putting a new one in front; it may be removed once nothing
// depends on it: an encryption key after `sando keys rotate`, a signing key after two hours, when the checkpoints of the log carry the new one,
// a pepper when its tokens are gone.
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
	Encryption []EncryptionKey `yaml:"encryption"`
	Signing    []sealed.Key    `yaml:"signing"`
	Pepper     []sealed.Key    `yaml:"pepper"`
	Sealing    []sealed.Key    `yaml:"sealing"`
}

// EncryptionKey is a key that wraps data keys: its material, or where it is kept.
type EncryptionKey struct {
	// ID names the key; stored data keys refer to it.
	ID string `yaml:"id"`
	// Material is 32 bytes in base64 or hexadecimal.
	Material config.Secret `yaml:"material,omitempty"`
	// KMS is the URL of a key that never leaves a key management service, e.g. hcvault://vault.example.com:8200/transit/keys/sando; see package kms.
	KMS string `yaml:"kms,omitempty"`
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
	for _, k := range r.Encryption {
		if (k.Material == "") == (k.KMS == "") {
			return fmt.Errorf("keyring: the encryption key %q needs material or kms, and not both", k.ID)
		}
	}
	return nil
}

type family struct {
	name string
	keys []sealed.Key
}

func (r Ring) families() []family {
	local := make([]sealed.Key, len(r.Encryption))
	for i, k := range r.Encryption {
		local[i] = sealed.Key{ID: k.ID, Material: k.Material}
		if k.KMS != "" {
			local[i].Material = sealed.Generate().Material // there is none to check
		}
	}
	return []family{{"encryption", local}, {"signing", r.Signing}, {"pepper", r.Pepper}, {"sealing", r.Sealing}}
}

// Generate makes a ring of one fresh key per family.
func Generate() Ring {
	one := func() []sealed.Key { return []sealed.Key{sealed.Generate()} }
	wrapping := sealed.Generate()
	return Ring{Encryption: []EncryptionKey{{ID: wrapping.ID, Material: wrapping.Material}}, Signing: one(), Pepper: one(), Sealing: one()}
}

// Add puts a fresh key in front of a family: new things use it, and the older keys of the family go on opening what they made.
func (r Ring) Add(name string) (Ring, error) {
	fresh := sealed.Generate()
	switch name {
	case "encryption":
		r.Encryption = slices.Insert(slices.Clone(r.Encryption), 0, EncryptionKey{ID: fresh.ID, Material: fresh.Material})
	case "signing":
		r.Signing = slices.Insert(slices.Clone(r.Signing), 0, fresh)
	case "pepper":
		r.Pepper = slices.Insert(slices.Clone(r.Pepper), 0, fresh)
	case "sealing":
		r.Sealing = slices.Insert(slices.Clone(r.Sealing), 0, fresh)
	default:
		return r, fmt.Errorf("keyring: there is no key family %q: encryption, signing, pepper or sealing", name)
	}
	return r, nil
}

// Document writes the ring with its secrets, for a key file.
func (r Ring) Document() []byte {
	var b bytes.Buffer
	b.WriteString("# Keys of sando auth. Whoever reads this file can read every credential: mode 0600, and a copy in a safe place.\n")
	b.WriteString("encryption:\n")
	for _, k := range r.Encryption {
		if k.KMS != "" {
			fmt.Fprintf(&b, "  - {id: %q, kms: %q}\n", k.ID, k.KMS)
			continue
		}
		fmt.Fprintf(&b, "  - {id: %q, material: %q}\n", k.ID, k.Material.Reveal())
	}
	for _, f := range r.families()[1:] {
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
	"`sando keys generate` and name it in auth.keys.file, or give its content as SANDO_AUTH_KEYS_RING")

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
