package keyring

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// Checks are the check values of the ring's keys: HMAC-SHA-256 under the key itself. A key that stays in a key management service has none.
func (r Ring) Checks() ([]store.KeyCheck, error) {
	var all []store.KeyCheck
	for _, f := range r.families() {
		for _, k := range f.keys {
			if f.name == "encryption" && r.remote(k.ID) {
				continue
			}
			material, err := sealed.ParseMaterial(k.Material)
			if err != nil {
				return nil, fmt.Errorf("keyring: %s key %q: %w", f.name, k.ID, err)
			}
			mac := hmac.New(sha256.New, material)
			mac.Write([]byte("sando.key-check.v1\n" + f.name))
			all = append(all, store.KeyCheck{Family: f.name, ID: k.ID, Value: mac.Sum(nil)})
		}
	}
	return all, nil
}

func (r Ring) remote(id string) bool {
	return slices.ContainsFunc(r.Encryption, func(k EncryptionKey) bool { return k.ID == id && k.KMS != "" })
}

// Unknown returns the checks of keys that an installation has not seen yet. It is an error when the ring belongs to another installation: when
// a key is not the one that is known by its id, or no key of a family is known. Encryption keys may all be new, since each stored data key
// names the one that it needs.
func Unknown(ring, known []store.KeyCheck) ([]store.KeyCheck, error) {
	var fresh []store.KeyCheck
	familiar := make(map[string]bool)
	ids := make(map[string][]string)
	for _, k := range known {
		ids[k.Family] = append(ids[k.Family], k.ID)
	}
	for _, c := range ring {
		i := slices.IndexFunc(known, func(k store.KeyCheck) bool { return k.Family == c.Family && k.ID == c.ID })
		switch {
		case i < 0:
			fresh = append(fresh, c)
		case !bytes.Equal(known[i].Value, c.Value):
			return nil, fmt.Errorf("keyring: the %s key %q is another one than this database has been used with under that id: %s", c.Family, c.ID, whose)
		default:
			familiar[c.Family] = true
		}
	}
	for _, c := range fresh {
		if c.Family != "encryption" && len(ids[c.Family]) > 0 && !familiar[c.Family] {
			return nil, fmt.Errorf("keyring: this database has been used with the %s keys %s, and the key ring holds none of them: %s",
				c.Family, strings.Join(ids[c.Family], ", "), whose)
		}
	}
	return fresh, nil
}

// whose says what to do about a ring that does not fit.
const whose = "the ring belongs to another installation. Name the ring that was made for this one in auth.keys; to change a key, " +
	"put the new one beside the old one, as `sando keys add` does, and start once with both"
