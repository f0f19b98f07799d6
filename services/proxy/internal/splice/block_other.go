//go:build !amd64

package splice

// sort finds the classes of so many blocks of text.
func (s *sets) sort(text []byte, blocks int, _ bool) { s.sortPlainly(text, blocks) }

// find would find the tokens of many blocks at once.
func (s *sets) find(from, _ int, _ bool) int { return from }

// list lists the starts of scalars in the first blocks.
func (s *sets) list(blocks int, _ bool) []uint16 { return s.listPlainly(blocks) }
