package auth

import (
	"fmt"

	"github.com/sando-dev/sando/services/auth/internal/keyring"
)

// GenerateKeys makes a fresh key ring, as the content of a key file.
func GenerateKeys() []byte { return keyring.Generate().Document() }

// AddKey puts a fresh key in front of a family (encryption, signing, pepper or sealing) of a key file's content: new things use it, and the older
// keys of the family go on opening what they made.
func AddKey(document []byte, family string) ([]byte, error) {
	ring, err := keyring.Parse(document)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	if ring, err = ring.Add(family); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return ring.Document(), nil
}
