// Package sealed encrypts small values that leave the process and come back:
// cursors, request states, session handles.
//
// A [Ring] holds several AES-256 keys, each with an id. The first seals, all
// of them open, so a key is rotated by putting a new one in front and taking
// the old one away when nothing sealed with it is alive any more.
package sealed

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sando-dev/sando/kit/config"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// version starts every sealed value, for the day the format changes.
const version = 1

var (
	// ErrUnknownKey: the value was sealed with a key that the ring lacks.
	ErrUnknownKey = errors.New("sealed: the key is not in the ring")
	// ErrInvalid: the value was altered, or sealed for another purpose or with
	// other associated data.
	ErrInvalid = errors.New("sealed: not a sealed value of this kind")
)

// A Key is one key of a ring as configured.
type Key struct {
	// ID names the key: 1 to 32 letters, digits, dashes and underscores. It is
	// readable in what the key sealed.
	ID string `yaml:"id"`
	// Material is 32 bytes in base64 or hexadecimal.
	Material config.Secret `yaml:"material"`
}

// madeLayout is how an id of Generate starts: with the day.
const madeLayout = "20060102"

// Made tells when the key was made, if its id says so, as those of Generate do:
// by starting with the day, e.g. 20261125-1a2b3c4d.
func (k Key) Made() (day time.Time, ok bool) {
	day, err := time.Parse(madeLayout, k.ID[:min(len(k.ID), len(madeLayout))])
	return day, err == nil
}

// Generate makes a fresh key.
func Generate() Key {
	id, material := make([]byte, 4), make([]byte, KeySize)
	// Read never fails; see crypto/rand.
	_, _ = rand.Read(id)
	_, _ = rand.Read(material)
	return Key{ID: time.Now().UTC().Format(madeLayout) + "-" + hex.EncodeToString(id), Material: config.Secret(base64.StdEncoding.EncodeToString(material))}
}

// A Ring seals with its first key and opens with any. It is safe for
// concurrent use.
type Ring struct {
	first string
	keys  map[string]tink.AEAD
}

// ParseRing makes a ring. It refuses an empty one, an id given twice and a key
// of the wrong length.
func ParseRing(spec []Key) (*Ring, error) {
	if len(spec) == 0 {
		return nil, errors.New("sealed: a ring needs at least one key")
	}
	validID := regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)
	r := &Ring{first: spec[0].ID, keys: make(map[string]tink.AEAD, len(spec))}
	for _, k := range spec {
		if !validID.MatchString(k.ID) {
			return nil, fmt.Errorf("sealed: key id %q is not 1 to 32 letters, digits, dashes and underscores", k.ID)
		}
		if _, twice := r.keys[k.ID]; twice {
			return nil, fmt.Errorf("sealed: key id %q is given twice", k.ID)
		}
		material, err := ParseMaterial(k.Material)
		if err != nil {
			return nil, fmt.Errorf("sealed: key %q: %w", k.ID, err)
		}
		aead, err := subtle.NewAESGCM(material)
		if err != nil {
			return nil, fmt.Errorf("sealed: key %q: %w", k.ID, err)
		}
		r.keys[k.ID] = aead
	}
	return r, nil
}

// ParseMaterial reads 32 bytes written in base64 (either alphabet, padded or
// not) or in hexadecimal.
func ParseMaterial(s config.Secret) ([]byte, error) {
	text := s.Reveal()
	if b, err := hex.DecodeString(text); err == nil && len(b) == KeySize {
		return b, nil
	}
	for _, enc := range []*base64.Encoding{
		base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding,
	} {
		if b, err := enc.DecodeString(text); err == nil && len(b) == KeySize {
			return b, nil
		}
	}
	return nil, fmt.Errorf("the material is not %d bytes in base64 or hexadecimal", KeySize)
}

// Seal encrypts plain for a purpose, a constant of the caller such as
// "cursor", and binds it to aad. The result is base64url, fit for URLs.
func (r *Ring) Seal(purpose string, plain, aad []byte) (string, error) {
	out, err := r.SealBytes(purpose, plain, aad)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(out), nil
}

// SealBytes is Seal for what is never read as text.
func (r *Ring) SealBytes(purpose string, plain, aad []byte) ([]byte, error) {
	ct, err := r.keys[r.first].Encrypt(plain, bind(purpose, aad))
	if err != nil {
		return nil, fmt.Errorf("sealed: %w", err)
	}
	out := make([]byte, 0, 2+len(r.first)+len(ct))
	out = append(out, version, byte(len(r.first)))
	out = append(out, r.first...)
	return append(out, ct...), nil
}

// Open gives back what Seal was given, when purpose and aad are the same. The
// error is ErrUnknownKey or ErrInvalid.
func (r *Ring) Open(purpose, sealed string, aad []byte) ([]byte, error) {
	if strings.ContainsAny(sealed, "\r\n") {
		return nil, ErrInvalid // the decoder would skip them, and one value would have many spellings
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, ErrInvalid
	}
	return r.OpenBytes(purpose, b, aad)
}

// OpenBytes gives back what SealBytes was given.
func (r *Ring) OpenBytes(purpose string, b, aad []byte) ([]byte, error) {
	if len(b) < 2 || b[0] != version || len(b) < 2+int(b[1]) {
		return nil, ErrInvalid
	}
	id, ct := b[2:2+int(b[1])], b[2+int(b[1]):]
	key, ok := r.keys[string(id)]
	if !ok {
		return nil, ErrUnknownKey
	}
	plain, err := key.Decrypt(ct, bind(purpose, aad))
	if err != nil {
		return nil, ErrInvalid
	}
	return plain, nil
}

// bind joins purpose and data so that no two pairs give the same bytes.
func bind(purpose string, aad []byte) []byte {
	b := binary.AppendUvarint(make([]byte, 0, len(purpose)+len(aad)+2), uint64(len(purpose)))
	b = append(b, purpose...)
	return append(b, aad...)
}
