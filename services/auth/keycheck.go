package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/sando-dev/sando/services/auth/internal/keyring"
	"github.com/sando-dev/sando/services/auth/internal/store"
)

// belong refuses to work with a ring that lacks the key of a stored credential, or that is another installation's, before anybody finds out by
// a token or a credential that is refused. Keys that are new to the store are noted in it.
func (k keys) belong(ctx context.Context, s store.Store) error {
	fresh, err := k.unknown(ctx, s)
	if err != nil || len(fresh) == 0 {
		return err
	}
	err = s.Update(ctx, func(w store.Writer) error {
		for _, c := range fresh {
			if err := w.InsertKeyCheck(ctx, c); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, store.ErrConflict) {
		return k.belong(ctx, s) // a replica that starts at the same time was first
	}
	return err
}

// unknown lists the keys that are new to the store, or says why the ring does not belong to it.
func (k keys) unknown(ctx context.Context, s store.Store) ([]store.KeyCheck, error) {
	held, err := s.WrappingKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, id := range held {
		if !k.ring.Has(id) {
			return nil, fmt.Errorf("stored credentials are wrapped by the key-encryption key %q, which the key ring lacks; add it to the list `encryption`, after the key in use", id)
		}
	}
	known, err := s.KeyChecks(ctx)
	if err != nil {
		return nil, err
	}
	return keyring.Unknown(k.checks, known)
}
