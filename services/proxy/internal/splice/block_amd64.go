package splice

import "golang.org/x/sys/cpu"

// vectors says whether the processor can do what the assembly needs.
var vectors = cpu.X86.HasAVX2 && cpu.X86.HasBMI1 && cpu.X86.HasPOPCNT //nolint:gochecknoglobals // a fact about the machine

// sort finds the classes of so many blocks of text.
func (s *sets) sort(text []byte, blocks int, plain bool) {
	if plain || !vectors || blocks == 0 {
		s.sortPlainly(text, blocks)
		return
	}
	_ = text[blocks*blockSize-1]
	sortAVX2(s, &text[0], blocks)
}

// find finds the tokens of blocks, from one on, as far as they come in fours
// that hold nothing but plain tokens in their places. It returns the number of
// the first one left.
func (s *sets) find(from, blocks int, plain bool) int {
	if groups := (blocks - from) / 4; groups > 0 && vectors && !plain {
		return findAVX2(s, from, groups)
	}
	return from
}

// list lists the starts of scalars in the first blocks.
func (s *sets) list(blocks int, plain bool) []uint16 {
	if plain || !vectors || blocks == 0 {
		return s.listPlainly(blocks)
	}
	return s.spots[:spotsBMI(s, blocks)]
}

//go:noescape
func sortAVX2(s *sets, text *byte, blocks int)

//go:noescape
func findAVX2(s *sets, from, groups int) int

//go:noescape
func spotsBMI(s *sets, blocks int) int
