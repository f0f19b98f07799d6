package grant

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var (
	// ErrInvalid: not a grant, or not signed by a key of the set.
	ErrInvalid = errors.New("grant: not a signed grant")
	// ErrExpired: the grant was true once.
	ErrExpired = errors.New("grant: expired")
)

// skew is how far the clocks of two services may be apart.
const skew = 30 * time.Second

// A Verifier checks grants against a set of public keys. It is safe for
// concurrent use; the set may be swapped at any time. A grant is verified once
// and remembered by the digest of its token, since the same one comes with
// thousands of calls.
type Verifier struct {
	state atomic.Pointer[keyState]
}

// keyState is a key set with what was verified under it: both are dropped
// together, so that a retired key takes its grants along.
type keyState struct {
	raw   string
	set   jose.JSONWebKeySet
	cache cache
}

// Set replaces the key set by a JSON Web Key Set. Setting the same keys again
// keeps what was verified.
func (v *Verifier) Set(jwks []byte) error {
	if now := v.state.Load(); now != nil && now.raw == string(jwks) {
		return nil
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil {
		return fmt.Errorf("grant: key set: %w", err)
	}
	if len(set.Keys) == 0 {
		return errors.New("grant: the key set is empty")
	}
	for _, k := range set.Keys {
		if k.KeyID == "" || !k.Valid() || !k.IsPublic() {
			return fmt.Errorf("grant: key %q of the set is not a public key with an id", k.KeyID)
		}
	}
	v.state.Store(&keyState{raw: string(jwks), set: set})
	return nil
}

// Verify checks signature and times. The error is ErrInvalid or ErrExpired.
// The grant is shared: do not change it.
func (v *Verifier) Verify(token string, now time.Time) (*Grant, error) {
	state := v.state.Load()
	if state == nil {
		return nil, ErrInvalid
	}
	digest := sha256.Sum256([]byte(token))
	g, ok := state.cache.get(digest)
	if !ok {
		var err error
		if g, err = state.verify(token); err != nil {
			return nil, err
		}
		state.cache.put(digest, g)
	}
	if now.After(g.ExpiresAt) {
		return nil, ErrExpired
	}
	if g.IssuedAt.After(now.Add(skew)) {
		return nil, ErrInvalid
	}
	return g, nil
}

func (s *keyState) verify(token string) (*Grant, error) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return nil, ErrInvalid
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != tokenType {
		return nil, ErrInvalid
	}
	keys := s.set.Key(header.KeyID)
	if len(keys) != 1 {
		return nil, ErrInvalid
	}
	payload, err := jws.Verify(keys[0])
	if err != nil {
		return nil, ErrInvalid
	}
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, ErrInvalid
	}
	return c.grant(), nil
}

// generation is how many grants one half of the cache holds.
const generation = 8192

// cache remembers about two generations: when the young one is full it becomes
// the old one, and what nobody asked for since is forgotten.
type cache struct {
	mu         sync.RWMutex
	young, old map[[sha256.Size]byte]*Grant
}

func (c *cache) get(k [sha256.Size]byte) (*Grant, bool) {
	c.mu.RLock()
	g, ok := c.young[k]
	if ok {
		c.mu.RUnlock()
		return g, true
	}
	g, ok = c.old[k]
	c.mu.RUnlock()
	if ok {
		c.put(k, g)
	}
	return g, ok
}

func (c *cache) put(k [sha256.Size]byte, g *Grant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil {
		c.young = make(map[[sha256.Size]byte]*Grant)
	}
	if len(c.young) >= generation {
		c.old, c.young = c.young, make(map[[sha256.Size]byte]*Grant)
	}
	c.young[k] = g
}
