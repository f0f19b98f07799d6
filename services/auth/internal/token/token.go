// Package token makes and recognises the bearer tokens of sando. A token is a prefix that tells its kind and 130 random bits; only a keyed
// hash of it is ever stored.
package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/kit/sealed"
)

// Prefixes of the kinds.
const (
	PrefixAPI     = "sando_api_"
	PrefixAccount = "sando_acct_"
	PrefixMCP     = "sando_mcp_"
	PrefixLink    = "sando_link_"
)

// New makes a token with the given prefix.
func New(prefix string) string { return prefix + rand.Text() }

// Plausible reports whether s has the prefix and a length that a token may have, so that garbage costs no look-up.
func Plausible(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix)
	return ok && len(rest) >= 26 && len(rest) <= 64
}

// Hasher computes the keyed hashes of tokens: HMAC-SHA-256 under a ring of peppers, of which the first is for new tokens and all find old
// ones. It is safe for concurrent use.
type Hasher struct {
	peppers [][]byte
}

// NewHasher makes a hasher.
func NewHasher(peppers []sealed.Key) (*Hasher, error) {
	if len(peppers) == 0 {
		return nil, errors.New("token: at least one pepper is needed")
	}
	h := &Hasher{}
	for _, k := range peppers {
		material, err := sealed.ParseMaterial(k.Material)
		if err != nil {
			return nil, fmt.Errorf("token: pepper %q: %w", k.ID, err)
		}
		h.peppers = append(h.peppers, material)
	}
	return h, nil
}

// Hash gives the hash that a new token is stored under.
func (h *Hasher) Hash(token string) []byte { return sum(h.peppers[0], token) }

// Hashes gives every hash that the token may be stored under, the newest pepper's first. Looking a token up by its keyed hash tells nothing
// about other tokens by timing: whoever lacks the pepper cannot choose the hash.
func (h *Hasher) Hashes(token string) [][]byte {
	all := make([][]byte, len(h.peppers))
	for i, p := range h.peppers {
		all[i] = sum(p, token)
	}
	return all
}

func sum(pepper []byte, token string) []byte {
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(token))
	return mac.Sum(nil)
}
