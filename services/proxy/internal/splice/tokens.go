package splice

import "math/bits"

// tokens finds the tokens of so many blocks, all of them full but the last.
func (s *scanner) tokens(blocks, size int) error {
	for i := 0; i < blocks; {
		if size == blockSize && s.escape == noEscape {
			i = s.find(i, blocks, s.plain)
		}
		for end := min(i+4, blocks); i < end; i++ {
			if err := s.tokensOf(i, size); err != nil {
				return err
			}
		}
	}
	return nil
}

// tokensOf finds the tokens of one block whatever it holds.
func (s *scanner) tokensOf(i, size int) error {
	at := i * blockSize
	low, mid, high := s.low[i], s.mid[i], s.high[i]
	valid := ^uint64(0) >> (blockSize - size)
	quotes := mid &^ (low | high) & valid
	controls := low &^ (mid | high) & valid
	if controls != 0 || s.escape != noEscape {
		var bad int
		if quotes, controls, bad = s.escapes(s.text[at:at+size], quotes, controls); bad >= 0 {
			return s.malformed(at+bad, "a broken escape in a string")
		}
	}
	strings := within(quotes) ^ s.inString
	outside := ^(strings | quotes) & valid
	if bad := controls & strings; bad != 0 {
		return s.malformed(at+bits.TrailingZeros64(bad), "a control character in a string")
	}
	white := outside&mid&^high | s.lineBreaks(at, controls)
	outside &^= white
	structure := outside & high
	scalars := outside &^ high
	brackets := structure & mid
	closings := brackets & low
	openings := brackets &^ closings
	operators := structure &^ closings

	behindScalar := scalars<<1 | s.scalars>>63
	behindOperator, operatorLast := across(white, operators<<1|s.operators>>63)
	behindOpening, openingLast := across(white, openings<<1|s.openings>>63)

	// A value or a name begins behind an operator, and only there: so nothing
	// else stands there, but the end of an empty container.
	starts := scalars &^ behindScalar
	begin := quotes&strings | starts | openings
	empties := closings & behindOpening
	if bad := (structure | begin) & (behindOperator ^ begin) &^ empties; bad != 0 {
		return s.malformed(at+bits.TrailingZeros64(bad), "a value, a comma or a bracket is missing")
	}

	s.quotes[i], s.outside[i], s.brackets[i], s.starts[i], s.empties[i] = quotes, outside, brackets, starts, empties
	s.ends[i] = behindScalar &^ scalars & valid
	s.commas[i], s.colons[i] = structure&^(low|mid), structure&low&^mid
	s.inString = uint64(int64(strings) >> 63)
	s.operators, s.openings, s.scalars = operators|operatorLast<<63, openings|openingLast<<63, scalars
	return nil
}

// lineBreaks finds the control characters that are white space.
func (s *scanner) lineBreaks(at int, controls uint64) (white uint64) {
	for ; controls != 0; controls &= controls - 1 {
		i := bits.TrailingZeros64(controls)
		switch s.text[at+i] {
		case '\n', '\r':
			s.breaks = s.start + at + blockSize
			white |= 1 << i
		case '\t':
			white |= 1 << i
		}
	}
	return white
}

// What an escape still wants; more than hexDigits-1 is that many digits.
const (
	noEscape  = iota
	anEscape  // the byte behind the backslash
	hexDigits // and one more for each digit more
)

// escapes takes escaped quotes and all backslashes out of a block's quotes and
// controls. It returns the place of a broken escape, or -1.
func (s *scanner) escapes(block []byte, quotes, controls uint64) (uint64, uint64, int) {
	for i := 0; ; i++ {
		if s.escape == noEscape {
			rest := controls >> i << i
			if rest == 0 {
				return quotes, controls, -1
			}
			if i = bits.TrailingZeros64(rest); block[i] == '\\' {
				s.escape = anEscape
				controls &^= 1 << i
			}
			continue
		}
		if i == len(block) {
			return quotes, controls, -1
		}
		switch c := block[i]; {
		case s.escape > anEscape:
			if !hexDigit(c) {
				return 0, 0, i
			}
			if s.escape--; s.escape < hexDigits {
				s.escape = noEscape
			}
		case c == 'u':
			s.escape = hexDigits + 3
		case simpleEscape(c):
			quotes &^= 1 << i
			controls &^= 1 << i
			s.escape = noEscape
		default:
			return 0, 0, i
		}
	}
}
