package grant

import (
	"crypto/ed25519"
	"encoding/base64"
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
	private ed25519.PrivateKey
	// header is that of every grant, encoded, with the dot after it.
	header string
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
		header, err := json.Marshal(map[jose.HeaderKey]string{"alg": string(jose.EdDSA), "kid": k.ID, jose.HeaderType: tokenType})
		if err != nil {
			return nil, fmt.Errorf("grant: key %q: %w", k.ID, err)
		}
		s.private, s.header = private, base64.RawURLEncoding.EncodeToString(header)+"."
	}
	return s, nil
}

// Sign gives the grant as a compact JWS (RFC 7515, section 7.1). It is put
// together here because a general signer encodes the same header and copies the
// payload anew for each, which takes as long as half the signature.
func (s *Signer) Sign(g *Grant) (string, error) {
	payload, err := json.Marshal(claimsOf(g))
	if err != nil {
		return "", fmt.Errorf("grant: %w", err)
	}
	encoding := base64.RawURLEncoding
	b := make([]byte, 0, len(s.header)+encoding.EncodedLen(len(payload))+1+encoding.EncodedLen(ed25519.SignatureSize))
	b = encoding.AppendEncode(append(b, s.header...), payload)
	signature := ed25519.Sign(s.private, b)
	return string(encoding.AppendEncode(append(b, '.'), signature)), nil
}

// JWKS gives the public keys as a JSON Web Key Set.
func (s *Signer) JWKS() []byte {
	// A set of public Ed25519 keys always encodes.
	b, _ := json.Marshal(s.public)
	return b
}
