// Package cursor makes the `next_cursor` of a list: one opaque string for every
// way in which providers page, sealed, and bound to the call it continues.
package cursor

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/sando-dev/sando/kit/sealed"
)

const (
	// purpose binds sealed cursors to this use of the ring.
	purpose = "proxy.cursor"
	// version is the layout of a position. Two versions of the service run side
	// by side while it is rolled out, so a new layout needs a new number.
	version = 1
	// maxSealed bounds what is opened at all: a provider's cursor of 8 kB fits.
	maxSealed = 16 << 10
)

// ErrInvalid means that a cursor was altered, is foreign, or continues another
// call.
var ErrInvalid = errors.New("cursor: not valid for this call")

// A Position is where a list goes on.
type Position struct {
	// Upstream is the provider's own cursor; empty for its first page and for
	// other styles of paging.
	Upstream string
	// Offset is the provider's position where it pages by numbers.
	Offset int64
	// Size is the page size that the page at Upstream was asked for with, when
	// the list goes on inside of it; else 0.
	Size int
	// After is the identity of the last row handed out: its id as JSON or, where
	// rows have none, a digest of the row. Earlier are the marks of those before,
	// the latest first, where the list is walked by position.
	After   string
	Earlier [2]uint64
	// Skip is the number of rows handed out of that page.
	Skip int
	// Trail remembers where the walk came by, where the provider has cursors.
	Trail Trail
}

// A Scope is what a cursor is bound to: it is good for nothing else.
type Scope struct {
	Account   string
	Operation string
	// Query is the part of the query that chooses rows, in one fixed form.
	Query string
}

// A Sealer seals and opens positions.
type Sealer struct{ ring *sealed.Ring }

// NewSealer makes a sealer over a ring that all replicas share.
func NewSealer(ring *sealed.Ring) *Sealer { return &Sealer{ring: ring} }

// Seal makes the cursor that continues a call at a position.
func (s *Sealer) Seal(p Position, in Scope) (string, error) {
	text, err := s.ring.Seal(purpose, p.encode(), in.bytes())
	if err != nil {
		return "", fmt.Errorf("cursor: %w", err)
	}
	return text, nil
}

// Open gives the position of a cursor, or ErrInvalid.
func (s *Sealer) Open(text string, in Scope) (Position, error) {
	if text == "" || len(text) > maxSealed {
		return Position{}, ErrInvalid
	}
	plain, err := s.ring.Open(purpose, text, in.bytes())
	if err != nil {
		return Position{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return decode(plain)
}

// bytes writes the scope so that no two scopes look alike.
func (s Scope) bytes() []byte {
	b := make([]byte, 0, len(s.Account)+len(s.Operation)+len(s.Query)+6)
	for _, part := range []string{s.Account, s.Operation, s.Query} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

func (p Position) encode() []byte {
	b := make([]byte, 0, 40+len(p.Upstream)+len(p.After))
	b = append(b, version)
	for _, text := range []string{p.Upstream, p.After} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	// A trail has a reach, so that what comes without one are marks of rows. The
	// version before takes them for a trail that has not begun.
	mark, steps := p.Trail.mark, uint64(p.Trail.steps)
	if p.Trail.reach == 0 {
		mark, steps = p.Earlier[0], p.Earlier[1]
	}
	for _, n := range []uint64{uint64(p.Offset), uint64(p.Size), uint64(p.Skip), mark, steps, uint64(p.Trail.reach)} {
		b = binary.AppendUvarint(b, n)
	}
	return b
}

func decode(b []byte) (Position, error) {
	if len(b) == 0 || b[0] != version {
		return Position{}, fmt.Errorf("%w: layout of another version", ErrInvalid)
	}
	r := reader{rest: b[1:]}
	p := Position{Upstream: r.text(), After: r.text()}
	p.Offset, p.Size, p.Skip = int64(r.number()), int(r.number()), int(r.number())
	mark, steps, reach := r.number(), r.number(), uint32(r.number())
	if reach > 0 {
		p.Trail = Trail{mark: mark, steps: uint32(steps), reach: reach}
	} else {
		p.Earlier = [2]uint64{mark, steps}
	}
	if r.bad || len(r.rest) > 0 {
		return Position{}, fmt.Errorf("%w: a broken layout", ErrInvalid)
	}
	return p, nil
}

// A reader takes an encoded position apart. Once bad, it gives zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
