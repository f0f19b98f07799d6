package splice

import "math/bits"

// maxDepth bounds nesting; the deepest documented answer has 9 levels.
const maxDepth = 512

// walk goes over the brackets of a block whose tokens are known, and over all of
// its tokens where the levels are watched. It returns the places behind which a
// name is due, and those where it is had.
func (s *scanner) walk(block int) (names, colons uint64, err error) {
	brackets, commas := s.brackets[block], s.commas[block]
	colons = s.colons[block]
	objects := s.inObject() // for each place
	for done := uint64(0); ; {
		left := brackets
		if s.depth <= s.watch {
			left |= commas | colons | s.quotes[block] | s.starts[block] | s.ends[block]
		}
		if left &^= done; left == 0 {
			return names | commas&objects, colons, nil
		}
		bit := left & -left
		done = bit | (bit - 1)
		at := block*blockSize + bits.TrailingZeros64(left)
		if s.depth <= s.watch {
			if err := s.watched(block, bit, at); err != nil {
				return 0, 0, err
			}
			if brackets&bit == 0 {
				continue
			}
		}
		bracket := s.text[at]
		curly := uint64(bracket >> 5 & 1) // which is all that tells the two kinds apart
		if s.low[block]&bit == 0 {
			if s.depth == maxDepth {
				return 0, 0, s.malformed(at, "nested too deeply")
			}
			s.open(curly)
			names |= bit & -curly
		} else {
			if s.depth == 0 || s.kinds&1 != curly {
				return 0, 0, s.malformed(at, "brackets do not match")
			}
			// No name comes into what is empty: as if its colon were here.
			colons |= s.empties[block] & bit & -curly
			if s.close(); s.depth <= s.watch {
				if err := s.tell(valueEnd, at+1); err != nil {
					return 0, 0, err
				}
			}
		}
		objects = objects&done | s.inObject()&^done
	}
}

// inObject is all ones when the innermost container is an object.
func (s *scanner) inObject() uint64 { return -(s.kinds & 1) }

// open goes into a container, which is an object or not.
func (s *scanner) open(object uint64) {
	if s.depth%64 == 0 {
		s.outer[s.depth/64%len(s.outer)] = s.kinds
	}
	s.kinds = s.kinds<<1 | object
	s.depth++
	s.wantName = object != 0
}

// close leaves a container.
func (s *scanner) close() {
	s.kinds >>= 1
	if s.depth--; s.depth%64 == 0 {
		s.kinds = s.outer[s.depth/64%len(s.outer)]
	}
}

// watched reads a token of a watched level, up to an opening bracket.
func (s *scanner) watched(block int, bit uint64, at int) error {
	if s.ends[block]&bit != 0 {
		if err := s.tell(valueEnd, at); err != nil {
			return err
		}
	}
	switch {
	case s.quotes[block]&bit != 0:
		return s.quote(at + 1)
	case s.starts[block]&bit != 0, s.brackets[block]&^s.low[block]&bit != 0:
		s.begun = true
		return s.tell(valueStart, at+1)
	case s.colons[block]&bit != 0:
		s.wantName = false
	case s.commas[block]&bit != 0:
		if s.depth == 0 {
			return s.malformed(at, "something follows the value")
		}
		s.wantName = s.kinds&1 != 0
	}
	return nil
}

// quote reads a quote of a watched level.
func (s *scanner) quote(behind int) error {
	switch {
	case s.readingName:
		s.readingName = false
		return s.tell(nameEnd, behind)
	case s.readingText:
		s.readingText = false
		return s.tell(valueEnd, behind)
	case s.wantName:
		s.readingName = true
		return s.tell(nameStart, behind)
	default:
		s.begun, s.readingText = true, true
		return s.tell(valueStart, behind)
	}
}

// tell tells of an event.
func (s *scanner) tell(ev event, at int) error {
	s.level = s.depth
	return s.user.event(ev, s.start+at)
}
