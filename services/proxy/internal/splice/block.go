package splice

import (
	"encoding/binary"
	"math/bits"
)

const (
	// blockSize is how many bytes are looked at together: as many as a word has
	// bits, so that a set of their places is a word.
	blockSize = 64
	// batch is how many blocks go through each step before the next one: few
	// enough for the nearest cache.
	batch = 64
)

// The classes that bytes fall into, wherever they stand.
const (
	other   = iota // letters, digits and whatever else a string may hold
	special        // backslashes and control characters
	quote
	space
	comma
	colon
	opening // brackets
	closing
)

// sets are places in a batch of blocks: a word for each block, a bit for each
// of its bytes.
type sets struct {
	// The bits of each byte's class.
	low, mid, high [batch]uint64

	quotes   [batch]uint64 // that begin and end strings
	outside  [batch]uint64 // neither in strings, nor quotes, nor white space
	brackets [batch]uint64
	commas   [batch]uint64
	colons   [batch]uint64
	starts   [batch]uint64 // of scalars
	ends     [batch]uint64 // first bytes behind scalars
	empties  [batch]uint64 // brackets that close what holds nothing

	// What the last block leaves to the next one.
	inString                     uint64 // all ones in a string
	operators, openings, scalars uint64 // the top bit counts

	spots [batch*blockSize + 4]uint16 // the starts, listed; four more than there can be
}

// sortPlainly finds the classes of so many blocks of text.
func (s *sets) sortPlainly(text []byte, blocks int) {
	for i := range blocks {
		b := (*[blockSize]byte)(text[i*blockSize:])
		// Each quarter of the block gathers its three rows of bits in one word.
		var q0, q1, q2, q3 uint64
		for j := blockSize/4 - 1; j >= 0; j-- {
			q0 = q0<<1 | classes[b[j]]
			q1 = q1<<1 | classes[b[j+16]]
			q2 = q2<<1 | classes[b[j+32]]
			q3 = q3<<1 | classes[b[j+48]]
		}
		row := func(n int) uint64 {
			return q0>>n&0xffff | q1>>n&0xffff<<16 | q2>>n&0xffff<<32 | q3>>n&0xffff<<48
		}
		s.low[i], s.mid[i], s.high[i] = row(0), row(rowGap), row(2*rowGap)
	}
}

// rowGap is how far apart the rows of a quarter are: no less than its length.
const rowGap = 16

// classes has the class of each byte, its bits spread over the rows.
var classes = func() (spread [256]uint64) { //nolint:gochecknoglobals // a table that nothing changes
	var of [256]uint64
	for c := range 0x20 {
		of[c] = special
	}
	of['\\'], of['"'], of[' '], of[','], of[':'] = special, quote, space, comma, colon
	of['{'], of['['], of['}'], of[']'] = opening, opening, closing, closing
	for c, class := range of {
		spread[c] = class&1 | class>>1&1<<rowGap | class>>2&1<<(2*rowGap)
	}
	return spread
}()

const (
	lows  = 0x0101010101010101 // the lowest bit of each byte of a word
	highs = 0x8080808080808080 // the highest
)

// word reads eight bytes.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// listPlainly lists the starts of scalars in the first blocks.
func (s *sets) listPlainly(blocks int) []uint16 {
	list := s.spots[:0]
	for i := range blocks {
		for left := s.starts[i]; left != 0; left &= left - 1 {
			list = append(list, uint16(i*blockSize+first(left)))
		}
	}
	return list
}

// within turns the places where strings begin and end into the places in
// between, the beginning included: each bit is the parity of those up to it.
func within(x uint64) uint64 {
	x ^= x << 1
	x ^= x << 2
	x ^= x << 4
	x ^= x << 8
	x ^= x << 16
	return x ^ x<<32
}

// across carries marks of the first place behind something over white space.
// The second result is 1 when one reaches the next block.
func across(white, marks uint64) (uint64, uint64) {
	// A mark added to a run of ones moves to the place behind it.
	moved, over := bits.Add64(marks&white, white, 0)
	return (marks | moved) &^ white, over
}

// first is the place of the first bit of a set, 64 when it is empty. It counts,
// because the instruction that finds a bit on every processor of AMD64 is slow
// on some of them, and the fast one is not on all.
func first(set uint64) int { return bits.OnesCount64(^set & (set - 1)) }
