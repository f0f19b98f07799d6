package splice

// A state is how far a scalar has been read.
type state uint8

const (
	noScalar  state = iota // not at all
	inLiteral              // inside true, false or null
	numMinus               // behind '-'
	numZero                // behind a leading 0
	numInt                 // inside the integer part
	numDot                 // behind '.'
	numFrac                // inside the fraction
	numExp                 // behind e or E
	numSign                // behind the sign of the exponent
	numExpInt              // inside the exponent
)

// A scalar is a number, true, false or null that is read piece by piece.
type scalar struct {
	state   state
	literal string // what is left of the literal
}

const (
	wordTrue  = 't' | 'r'<<8 | 'u'<<16 | 'e'<<24
	wordFalse = 'f' | 'a'<<8 | 'l'<<16 | 's'<<24 | 'e'<<32
	wordNull  = 'n' | 'u'<<8 | 'l'<<16 | 'l'<<24
)

// scalarsIn checks the scalars of blocks whose tokens are known.
func (s *scanner) scalarsIn(blocks, end int) error {
	if s.inScalar.state != noScalar {
		if err := s.oneScalar(0, end); err != nil {
			return err
		}
	}
	text := s.text
	for _, at := range s.list(blocks, s.plain) {
		if left := text[at:]; len(left) >= 8 {
			// Most are natural numbers and literals of less than eight bytes.
			w := word(left)
			size := first(notDigits(w)) &^ 7
			if byte(w)-'1' >= 9 {
				size = literal(w)
			}
			if after := byte(w >> size); after == ',' || after|0x20 == '}' {
				continue
			}
		}
		if err := s.oneScalar(int(at), end); err != nil {
			return err
		}
	}
	return nil
}

// literal measures the literal that a word begins with, in bits. It gives 64
// when there is none.
func literal(w uint64) int {
	switch {
	case uint32(w) == wordTrue, uint32(w) == wordNull:
		return 32
	case w<<24 == wordFalse<<24:
		return 40
	default:
		return 64
	}
}

// oneScalar reads a scalar from a place on, to its end or that of the blocks.
func (s *scanner) oneScalar(from, end int) error {
	to := from
	for i := from / blockSize; to < end; i++ {
		run := (s.outside[i] &^ s.high[i]) >> (to % blockSize)
		to += first(^run)
		if to/blockSize == i {
			break
		}
	}
	if !s.inScalar.read(s.text[from:to]) || to < end && !s.inScalar.complete() {
		return s.malformed(from, "an unknown value")
	}
	if to < end {
		s.inScalar = scalar{}
	}
	return nil
}

// notDigits marks the bytes of a word that are no decimal digits.
func notDigits(x uint64) uint64 {
	x ^= lows * '0'
	return (x&^highs + lows*(0x80-10) | x) & highs
}

// read reads on and says whether the bytes may stand there.
func (v *scalar) read(b []byte) bool {
	for _, c := range b {
		digit := c-'0' <= 9
		ok := false
		switch v.state {
		case noScalar:
			ok = v.begin(c)
		case inLiteral:
			if ok = v.literal != "" && v.literal[0] == c; ok {
				v.literal = v.literal[1:]
			}
		case numMinus:
			ok = digit && v.begin(c)
		case numZero, numInt:
			switch {
			case c == '.':
				v.state, ok = numDot, true
			case c|0x20 == 'e':
				v.state, ok = numExp, true
			default:
				ok = digit && v.state == numInt
			}
		case numDot, numFrac:
			if c|0x20 == 'e' && v.state == numFrac {
				v.state, ok = numExp, true
			} else {
				v.state, ok = numFrac, digit
			}
		case numExp, numSign, numExpInt:
			if (c == '+' || c == '-') && v.state == numExp {
				v.state, ok = numSign, true
			} else {
				v.state, ok = numExpInt, digit
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// begin reads the first byte, or the first digit.
func (v *scalar) begin(c byte) bool {
	switch c {
	case '-':
		v.state = numMinus
	case '0':
		v.state = numZero
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		v.state = numInt
	case 't':
		v.state, v.literal = inLiteral, "rue"
	case 'f':
		v.state, v.literal = inLiteral, "alse"
	case 'n':
		v.state, v.literal = inLiteral, "ull"
	default:
		return false
	}
	return true
}

// complete says whether the scalar may end here.
func (v *scalar) complete() bool {
	switch v.state {
	case noScalar, numZero, numInt, numFrac, numExpInt:
		return true
	case inLiteral:
		return v.literal == ""
	default:
		return false
	}
}
