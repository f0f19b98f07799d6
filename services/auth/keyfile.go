package auth

import (
	"fmt"
	"slices"

	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/keyring"
)

// AddKey puts a fresh key in front of a family (encryption, signing, pepper or sealing) of a key file's content: new things use it, and the older keys
// of the family go on opening what they made.
func AddKey(document []byte, family string) ([]byte, error) {
	ring, err := keyring.Parse(document)
	if err != nil {
		return nil, err
	}
	keys, ok := map[string]*[]sealed.Key{
		"encryption": &ring.Encryption, "signing": &ring.Signing, "pepper": &ring.Pepper, "sealing": &ring.Sealing,
	}[family]
	if !ok {
		return nil, fmt.Errorf("auth: there is no key family %q: encryption, signing, pepper or sealing", family)
	}
	*keys = slices.Insert(*keys, 0, sealed.Generate())
	return ring.Document(), nil
}
