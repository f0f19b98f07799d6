package sqlstore

import "math/bits"

// filter is a Bloom filter over what the entries of a block can be asked for: it tells for certain that a block lacks a value, and errs the other way
// for about one block in a hundred.
type filter []byte

const (
	// filterBits is the size of a filter in bits per value.
	filterBits = 10
	// filterProbes is how many bits a value sets.
	filterProbes = 6
)

// digestOf is the digest of a value of a column: FNV-1a of 64 bits, mixed. It is stored, in effect, and must not change.
func digestOf(column, value string) uint64 {
	const offset, prime, mix = 0xcbf29ce484222325, 0x100000001b3, 0xff51afd7ed558ccd
	h := uint64(offset)
	for i := range len(column) {
		h = (h ^ uint64(column[i])) * prime
	}
	h *= prime // a byte of zero between the two
	for i := range len(value) {
		h = (h ^ uint64(value[i])) * prime
	}
	h = (h ^ h>>33) * mix
	return h ^ h>>33
}

// newFilter makes the filter of some digests.
func newFilter(digests map[uint64]bool) filter {
	f := make(filter, (len(digests)*filterBits+7)/8)
	for digest := range digests {
		f.probe(digest, func(at uint64) bool {
			f[at/8] |= 1 << (at % 8)
			return true
		})
	}
	return f
}

// mayHold is false when the value with the digest is not there.
func (f filter) mayHold(digest uint64) bool {
	held := len(f) > 0
	f.probe(digest, func(at uint64) bool {
		held = f[at/8]&(1<<(at%8)) != 0
		return held
	})
	return held
}

// probe visits the bits of a digest until visit is false.
func (f filter) probe(digest uint64, visit func(at uint64) bool) {
	step := bits.RotateLeft64(digest, 32) | 1
	for range filterProbes {
		if len(f) == 0 || !visit(digest%uint64(len(f)*8)) {
			return
		}
		digest += step
	}
}
