package splice

import "math/bits"

const (
	knownNames = 64 // names that a shape remembers
	knownSize  = 32 // bytes of the longest, quotes and colon included
)

// A shape remembers the names of members and which came after which. The rows
// of a list have the same names in the same order, so that most names need not
// be read: they only have to be equal to the one expected. It holds nothing but
// names that were read and found right, so it decides how fast an answer is
// checked and never how.
type shape struct {
	next  uint8  // the name expected
	last  *known // the name before, nil at first
	names [knownNames]known
}

// known is a name with its quotes and its colon.
type known struct {
	text, mask [knownSize / 8]uint64
	size       uint8 // 0 when there is none
	next       uint8 // the name that came after it
}

func (s *shape) expected() *known { return &s.names[s.next%knownNames] }

// head and tail are 0 when a name begins with the same bytes as b.
func (k *known) head(b *[knownSize]byte) uint64 {
	return (word(b[:])^k.text[0])&k.mask[0] | (word(b[8:])^k.text[1])&k.mask[1]
}

func (k *known) tail(b *[knownSize]byte) uint64 {
	return (word(b[16:])^k.text[2])&k.mask[2] | (word(b[24:])^k.text[3])&k.mask[3]
}

// learn remembers a name that was not expected, to expect it next time.
func (s *shape) learn(name []byte) {
	if len(name) > knownSize {
		return
	}
	k := known{size: uint8(len(name))}
	var padded, mask [knownSize]byte
	copy(padded[:], name)
	for i := range name {
		mask[i] = 0xff
	}
	var sum uint64
	for i := range k.text {
		k.text[i], k.mask[i] = word(padded[i*8:]), word(mask[i*8:])
		sum = bits.RotateLeft64(sum, 23) ^ k.text[i]
	}
	at := s.place(uint8(sum*0x9e3779b97f4a7c15>>58), &k)
	if s.last != nil {
		s.last.next = at
	}
	s.last = &s.names[at]
	s.next = s.last.next
}

// place finds a name, or a place for it, among the four from at on.
func (s *shape) place(at uint8, k *known) uint8 {
	for i := range uint8(4) {
		here := (at + i) % knownNames
		have := &s.names[here]
		if have.size == k.size && have.text == k.text {
			return here
		}
		if have.size == 0 {
			at = here
			break
		}
	}
	s.names[at] = *k
	return at
}
