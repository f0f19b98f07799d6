// Package cursor seals the position of a unified list, bound to the account, the resource and every parameter that chooses or orders
// records, so that a cursor that was altered or given to another call is refused.
package cursor

import (
	"encoding/json"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
)

// purpose separates these cursors from other sealed values.
const purpose = "unified-cursor"

// Position is where a list goes on.
type Position struct {
	// Upstream is the proxy's cursor of the page to read; empty for the first.
	Upstream string `json:"u,omitempty"`
	// Size is the page size that the page was read with; a page that is resumed inside must be read with the same.
	Size int `json:"s"`
	// After is the id of the last record of the page that was looked at, Count how many were.
	After string `json:"a,omitempty"`
	Count int    `json:"n,omitempty"`
}

// Binding is what a cursor belongs to. Neither the page size nor the chosen fields are part of it.
type Binding struct {
	Environment string            `json:"e"`
	Account     string            `json:"a"`
	Resource    string            `json:"r"`
	Sort        string            `json:"s,omitempty"`
	Filters     map[string]string `json:"f,omitempty"`
	Custom      *string           `json:"c,omitempty"`
	RemoteData  bool              `json:"d,omitempty"`
	// Mapping is the version of the mapping, where sando chooses or orders records by what it makes; empty for the catalog's.
	Mapping string `json:"m,omitempty"`
}

// Sealer seals and opens cursors with a ring of keys that all replicas share.
type Sealer struct {
	ring *sealed.Ring
}

// NewSealer makes a sealer.
func NewSealer(ring *sealed.Ring) *Sealer { return &Sealer{ring: ring} }

// Seal writes a position.
func (s *Sealer) Seal(p Position, b Binding) (string, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	aad, err := json.Marshal(b)
	if err != nil {
		return "", err
	}
	return s.ring.Seal(purpose, plain, aad)
}

// Open reads a position; the error is CURSOR_INVALID.
func (s *Sealer) Open(text string, b Binding) (Position, error) {
	aad, err := json.Marshal(b)
	if err != nil {
		return Position{}, err
	}
	plain, err := s.ring.Open(purpose, text, aad)
	if err != nil {
		return Position{}, rpcerr.New(access.CodeCursorInvalid, "").WithCause(err)
	}
	var p Position
	if err := json.Unmarshal(plain, &p); err != nil {
		return Position{}, rpcerr.New(access.CodeCursorInvalid, "").WithCause(err)
	}
	return p, nil
}
