// Package envelope encrypts credentials at rest. Each account has a data key of its own (a Tink AES-256-GCM keyset), stored wrapped by a
// key-encryption key; each field is sealed under the data key for its environment, account, name and version, so that no ciphertext opens
// anywhere but in the place it was made for. Destroying the wrapped data key destroys the credential.
package envelope

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/keyring"
	"github.com/sando-dev/sando/services/auth/internal/kms"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// ErrUnknownKey: the data key is wrapped by a key-encryption key that the ring lacks.
var ErrUnknownKey = errors.New("envelope: the key-encryption key is not in the ring")

// Ring holds key-encryption keys by id. The first wraps, all unwrap. It is safe for concurrent use.
type Ring struct {
	primary string
	keys    map[string]tink.AEAD
}

// Open makes a ring of the keys, local or kept elsewhere.
func Open(keys []keyring.EncryptionKey) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("envelope: at least one key-encryption key is needed")
	}
	r := &Ring{primary: keys[0].ID, keys: make(map[string]tink.AEAD, len(keys))}
	for _, k := range keys {
		key, err := open(k)
		if err != nil {
			return nil, fmt.Errorf("envelope: key %q: %w", k.ID, err)
		}
		r.keys[k.ID] = key
	}
	return r, nil
}

func open(k keyring.EncryptionKey) (tink.AEAD, error) {
	if k.KMS != "" {
		return kms.Open(k.KMS)
	}
	material, err := sealed.ParseMaterial(k.Material)
	if err != nil {
		return nil, err
	}
	return subtle.NewAESGCM(material)
}

// Primary is the id of the key that wraps new data keys.
func (r *Ring) Primary() string { return r.primary }

// Has reports whether the ring holds a key.
func (r *Ring) Has(id string) bool {
	_, ok := r.keys[id]
	return ok
}

// Try wraps and unwraps something with every key, which shows that those kept elsewhere can be reached and may be used.
func (r *Ring) Try() error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(r.keys)) {
		ad := place("sando.try", id)
		wrapped, err := r.keys[id].Encrypt([]byte(id), ad)
		if err == nil {
			_, err = r.keys[id].Decrypt(wrapped, ad)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("envelope: the key-encryption key %q cannot be used: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// Seal makes a fresh data key for the account and seals the fields under it.
func (r *Ring) Seal(environmentID, accountID string, version int64, fields map[string]string) (store.Credential, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return store.Credential{}, fmt.Errorf("envelope: %w", err)
	}
	key, err := r.wrap(handle, environmentID, accountID)
	if err != nil {
		return store.Credential{}, err
	}
	data, err := aead.New(handle)
	if err != nil {
		return store.Credential{}, fmt.Errorf("envelope: %w", err)
	}
	c := store.Credential{DataKey: key, Version: version, Fields: make(map[string][]byte, len(fields))}
	for name, value := range fields {
		c.Fields[name], err = data.Encrypt([]byte(value), fieldPlace(key, name, version))
		if err != nil {
			return store.Credential{}, fmt.Errorf("envelope: %w", err)
		}
	}
	return c, nil
}

// Open gives the fields of a credential in clear. Any alteration, and any part that was made for another place, is an error.
func (r *Ring) Open(c store.Credential) (map[string]string, error) {
	handle, err := r.unwrap(c.DataKey)
	if err != nil {
		return nil, err
	}
	data, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	fields := make(map[string]string, len(c.Fields))
	for name, ciphertext := range c.Fields {
		plain, err := data.Decrypt(ciphertext, fieldPlace(c.DataKey, name, c.Version))
		if err != nil {
			return nil, fmt.Errorf("envelope: field %q of account %s does not open", name, c.AccountID)
		}
		fields[name] = string(plain)
	}
	return fields, nil
}

// Rewrap wraps a data key with the primary key; the sealed fields stay as they are.
func (r *Ring) Rewrap(k store.DataKey) (store.DataKey, error) {
	handle, err := r.unwrap(k)
	if err != nil {
		return store.DataKey{}, err
	}
	return r.wrap(handle, k.EnvironmentID, k.AccountID)
}

func (r *Ring) wrap(handle *keyset.Handle, environmentID, accountID string) (store.DataKey, error) {
	k := store.DataKey{AccountID: accountID, EnvironmentID: environmentID, WrappedBy: r.primary}
	var b bytes.Buffer
	if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&b), r.keys[r.primary], keyPlace(k)); err != nil {
		return store.DataKey{}, fmt.Errorf("envelope: wrap: %w", err)
	}
	k.Wrapped = b.Bytes()
	return k, nil
}

func (r *Ring) unwrap(k store.DataKey) (*keyset.Handle, error) {
	kek, ok := r.keys[k.WrappedBy]
	if !ok {
		return nil, fmt.Errorf("%w: account %s needs key %q", ErrUnknownKey, k.AccountID, k.WrappedBy)
	}
	handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(k.Wrapped)), kek, keyPlace(k))
	if err != nil {
		return nil, fmt.Errorf("envelope: the data key of account %s does not open: %w", k.AccountID, err)
	}
	return handle, nil
}

// keyPlace is the associated data of a wrapped data key.
func keyPlace(k store.DataKey) []byte {
	return place("sando.data-key", k.EnvironmentID, k.AccountID, k.WrappedBy)
}

// fieldPlace is the associated data of a sealed field.
func fieldPlace(k store.DataKey, field string, version int64) []byte {
	return binary.BigEndian.AppendUint64(place("sando.field", k.EnvironmentID, k.AccountID, field), uint64(version))
}

// place joins parts so that no two lists of parts give the same bytes.
func place(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}
