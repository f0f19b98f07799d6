package grant

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"github.com/sando-dev/sando/kit/sealed"
)

// tokenType is the typ header of a signed grant. It keeps other JWTs signed
// with the same key from passing as grants.
const tokenType = "sando-grant+jwt"

// A Signer signs grants. It is safe for concurrent use.
type Signer struct {
	signer jose.Signer
	public jose.JSONWebKeySet
}

// NewSigner makes a signer from keys whose material is an Ed25519 seed. The
// first key signs; the others stay in the key set until what they signed has
// expired.
func NewSigner(keys []sealed.Key) (*Signer, error) {
	if len(keys) == 0 {
		return nil, errors.New("grant: a signer needs at least one key")
	}
	s := &Signer{}
	for i, k := range keys {
		seed, err := sealed.ParseMaterial(k.Material)
		if err != nil {
			return nil, fmt.Errorf("grant: key %q: %w", k.ID, err)
		}
		private := ed25519.NewKeyFromSeed(seed)
		s.public.Keys = append(s.public.Keys, jose.JSONWebKey{
			Key: private.Public(), KeyID: k.ID, Algorithm: string(jose.EdDSA), Use: "sig",
		})
		if i > 0 {
			continue
		}
		s.signer, err = jose.NewSigner(
			jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: k.ID}},
			(&jose.SignerOptions{}).WithType(tokenType),
		)
		if err != nil {
			return nil, fmt.Errorf("grant: key %q: %w", k.ID, err)
		}
	}
	return s, nil
}

// Sign gives the grant as a compact JWS.
func (s *Signer) Sign(g *Grant) (string, error) {
	payload, err := json.Marshal(claimsOf(g))
	if err != nil {
		return "", fmt.Errorf("grant: %w", err)
	}
	jws, err := s.signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("grant: %w", err)
	}
	return jws.CompactSerialize()
}

// JWKS gives the public keys as a JSON Web Key Set.
func (s *Signer) JWKS() []byte {
	// A set of public Ed25519 keys always encodes.
	b, _ := json.Marshal(s.public)
	return b
}
