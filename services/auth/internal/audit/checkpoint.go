package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sando-dev/sando/kit/sealed"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// checkpointType is the typ header of a checkpoint, which keeps grants, signed with the same keys, from passing as one.
const checkpointType = "sando-audit-checkpoint+jwt"

// Checkpoint says where a chain stood.
type Checkpoint struct {
	EnvironmentID string `json:"environment_id"`
	Sequence      int64  `json:"sequence"`
	Hash          string `json:"hash"` // hex
	SignedAt      string `json:"signed_at"`
}

// Signer signs checkpoints, so that somebody who can write the store, but lacks the key, cannot rewrite a chain.
type Signer struct {
	signer  jose.Signer
	primary string // id of the key that signs
	public  jose.JSONWebKeySet
}

// NewSigner makes a signer from the keys that sign grants; the first signs.
func NewSigner(keys []sealed.Key) (*Signer, error) {
	if len(keys) == 0 {
		return nil, errors.New("audit: at least one signing key is needed")
	}
	s := &Signer{primary: keys[0].ID}
	for i, k := range keys {
		seed, err := sealed.ParseMaterial(k.Material)
		if err != nil {
			return nil, fmt.Errorf("audit: key %q: %w", k.ID, err)
		}
		private := ed25519.NewKeyFromSeed(seed)
		s.public.Keys = append(s.public.Keys, jose.JSONWebKey{Key: private.Public(), KeyID: k.ID, Algorithm: string(jose.EdDSA), Use: "sig"})
		if i > 0 {
			continue
		}
		s.signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: k.ID}},
			(&jose.SignerOptions{}).WithType(checkpointType))
		if err != nil {
			return nil, fmt.Errorf("audit: key %q: %w", k.ID, err)
		}
	}
	return s, nil
}

func (s *Signer) sign(environmentID string, sequence int64, hash []byte, now time.Time) (store.Checkpoint, error) {
	payload, err := json.Marshal(Checkpoint{EnvironmentID: environmentID, Sequence: sequence, Hash: hex.EncodeToString(hash), SignedAt: now.UTC().Format(timeFormat)})
	if err != nil {
		return store.Checkpoint{}, fmt.Errorf("audit: %w", err)
	}
	jws, err := s.signer.Sign(payload)
	if err != nil {
		return store.Checkpoint{}, fmt.Errorf("audit: %w", err)
	}
	signed, err := jws.CompactSerialize()
	return store.Checkpoint{EnvironmentID: environmentID, Sequence: sequence, Signed: signed, CreatedAt: now.UTC().Truncate(time.Microsecond)}, err
}

// open checks a checkpoint against a set of public keys.
func open(signed string, keys jose.JSONWebKeySet) (Checkpoint, error) {
	// One statement, one spelling: the library lets the unused bits of base64 be anything.
	for part := range strings.SplitSeq(signed, ".") {
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return Checkpoint{}, errors.New("a checkpoint is not a signed statement")
		}
	}
	jws, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 {
		return Checkpoint{}, errors.New("a checkpoint is not a signed statement")
	}
	header := jws.Signatures[0].Protected
	if header.ExtraHeaders[jose.HeaderType] != checkpointType {
		return Checkpoint{}, errors.New("a signed statement is not a checkpoint")
	}
	found := keys.Key(header.KeyID)
	if len(found) != 1 {
		return Checkpoint{}, fmt.Errorf("a checkpoint is signed by the key %q, which is not among the trusted ones", header.KeyID)
	}
	payload, err := jws.Verify(found[0])
	if err != nil {
		return Checkpoint{}, errors.New("the signature of a checkpoint is not good")
	}
	var c Checkpoint
	if err := json.Unmarshal(payload, &c); err != nil {
		return Checkpoint{}, errors.New("a checkpoint cannot be read")
	}
	return c, nil
}

// Keep signs a checkpoint where the chain stands, if it has grown since the last one.
func Keep(ctx context.Context, s store.Store, signer *Signer, environmentID string, now time.Time) error {
	return s.Update(ctx, func(w store.Writer) error {
		head, err := w.ChainHead(ctx, environmentID)
		if err != nil || head.Sequence == 0 {
			return err
		}
		have, err := w.Checkpoints(ctx, environmentID, head.Sequence)
		if err != nil || len(have) > 0 {
			return err
		}
		c, err := signer.sign(environmentID, head.Sequence, head.Hash, now)
		if err != nil {
			return err
		}
		return w.PutCheckpoint(ctx, c)
	})
}

// Renew signs the checkpoints of a chain anew that were signed by an older key, so that the key may be retired. Those of a key that is gone
// already stay as they are.
func Renew(ctx context.Context, s store.Store, signer *Signer, environmentID string, now time.Time) error {
	return s.Update(ctx, func(w store.Writer) error {
		all, err := w.Checkpoints(ctx, environmentID, 0)
		if err != nil {
			return err
		}
		for _, old := range all {
			said, err := open(old.Signed, signer.public)
			if err != nil || signedBy(old.Signed) == signer.primary {
				continue
			}
			hash, err := hex.DecodeString(said.Hash)
			if err != nil {
				continue
			}
			c, err := signer.sign(said.EnvironmentID, said.Sequence, hash, now)
			if err != nil {
				return err
			}
			if err := w.PutCheckpoint(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

// signedBy is the id of the key that signed a checkpoint.
func signedBy(signed string) string {
	jws, err := jose.ParseSignedCompact(signed, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		return ""
	}
	return jws.Signatures[0].Protected.KeyID
}

// Prune removes entries that are older than the environment keeps them. A checkpoint vouches for the hash that the rest builds on.
func Prune(ctx context.Context, s store.Store, signer *Signer, e store.Environment, now time.Time) error {
	if e.LogRetention == 0 {
		return nil
	}
	return s.Update(ctx, func(w store.Writer) error {
		head, err := w.ChainHead(ctx, e.ID)
		if err != nil {
			return err
		}
		end, err := w.LogEndBefore(ctx, e.ID, now.Add(-e.LogRetention))
		if err != nil || end <= head.PrunedSequence {
			return err
		}
		last, err := w.LogChain(ctx, e.ID, end, 1)
		if err != nil {
			return err
		}
		if len(last) != 1 || last[0].Sequence != end {
			return fmt.Errorf("audit: entry %d of %s is missing", end, e.ID)
		}
		c, err := signer.sign(e.ID, end, last[0].Hash, now)
		if err != nil {
			return err
		}
		if err := w.PutCheckpoint(ctx, c); err != nil {
			return err
		}
		return w.PruneLog(ctx, e.ID, end)
	})
}
