package splice

import "math/bits"

// maxDepth bounds nesting; the deepest documented answer has 9 levels.
const maxDepth = 512

// A state is what the machine expects next.
type state uint8

const (
	wantValue   state = iota // a value
	wantFirst                // the first value of an array, or ']'
	wantName                 // a name
	wantName1                // the first name of an object, or '}'
	wantColon                // ':'
	wantNext                 // ',' or the closing bracket
	inString                 // inside a string or a name
	inEscape                 // behind a backslash
	inHex                    // inside \uXXXX
	inLiteral                // inside true, false or null
	numMinus                 // behind '-'
	numZero                  // behind a leading 0
	numInt                   // inside the integer part
	numDot                   // behind '.'
	numFrac                  // inside the fraction
	numExp                   // behind e or E
	numSign                  // behind the sign of the exponent
	numExpInt                // inside the exponent
	wantNothing              // the value is complete
)

// An event is a place that the machine's user watches for.
type event uint8

const (
	used       event = iota // the input is used up
	nameStart               // the opening quote of a name was read
	nameEnd                 // the closing quote of a name was read
	valueStart              // the first byte of a value was read
	valueEnd                // the value is complete; nothing behind it was read
)

// A machine checks JSON byte by byte, in as many pieces as it comes, and stops
// at the events of the outer levels.
type machine struct {
	state   state
	name    bool   // the string being read is a name
	hex     int8   // hexadecimal digits still to come
	literal string // what is left of the literal being read
	depth   int    // containers open
	watch   int    // events of containers deeper than this are passed over
	level   int    // containers around the last event
	fault   string // why the input is no JSON
	objects [maxDepth / 64]uint64
}

// scan reads b from i on and returns where it stopped, and why. After a fault
// it returns used with m.fault set.
func (m *machine) scan(b []byte, i int) (int, event) {
	for i < len(b) {
		switch m.state {
		case inString:
			if i = plainString(b, i); i == len(b) {
				return i, used
			}
			c := b[i]
			i++
			switch {
			case c == '\\':
				m.state = inEscape
			case c != '"':
				return m.fail(i, "a control character in a string")
			case m.name:
				m.state = wantColon
				if m.depth <= m.watch {
					m.level = m.depth
					return i, nameEnd
				}
			default:
				if m.closed() {
					return i, valueEnd
				}
			}
		case wantNext:
			c := b[i]
			i++
			switch {
			case c == ',':
				if m.state = wantValue; m.inObject() {
					m.state = wantName
				}
			case c == '}' && m.inObject(), c == ']' && !m.inObject():
				m.depth--
				if m.closed() {
					return i, valueEnd
				}
			case !blank(c):
				return m.fail(i, "a comma or a closing bracket is missing")
			}
		case wantValue, wantFirst:
			c := b[i]
			i++
			if blank(c) {
				continue
			}
			if c == ']' && m.state == wantFirst {
				m.depth--
				if m.closed() {
					return i, valueEnd
				}
				continue
			}
			m.level = m.depth
			if !m.open(c) {
				return m.fail(i, m.fault)
			}
			if m.level <= m.watch {
				return i, valueStart
			}
		case wantName, wantName1:
			if m.depth > m.watch && b[i] == '"' {
				i = m.members(b, i)
				continue
			}
			c := b[i]
			i++
			switch {
			case c == '"':
				m.state, m.name = inString, true
				if m.depth <= m.watch {
					m.level = m.depth
					return i, nameStart
				}
			case c == '}' && m.state == wantName1:
				m.depth--
				if m.closed() {
					return i, valueEnd
				}
			case !blank(c):
				return m.fail(i, "a name is missing")
			}
		case wantColon:
			c := b[i]
			i++
			if c == ':' {
				m.state = wantValue
			} else if !blank(c) {
				return m.fail(i, "a colon is missing")
			}
		case numInt, numFrac, numExpInt, numZero, numMinus, numDot, numExp, numSign:
			n, complete := m.number(b, i)
			i = n
			if m.fault != "" {
				return m.fail(i, m.fault)
			}
			if complete && m.closed() {
				return i, valueEnd
			}
		case inLiteral:
			if b[i] != m.literal[0] {
				return m.fail(i, "an unknown literal")
			}
			i++
			if m.literal = m.literal[1:]; m.literal == "" && m.closed() {
				return i, valueEnd
			}
		case inEscape:
			m.state = inString
			switch b[i] {
			case 'u':
				m.state, m.hex = inHex, 4
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			default:
				return m.fail(i, "an unknown escape in a string")
			}
			i++
		case inHex:
			if !hexDigit(b[i]) {
				return m.fail(i, "a broken unicode escape in a string")
			}
			i++
			if m.hex--; m.hex == 0 {
				m.state = inString
			}
		case wantNothing:
			if !blank(b[i]) {
				return m.fail(i, "something follows the value")
			}
			i++
		}
	}
	return i, used
}

// open starts the value whose first byte is c.
func (m *machine) open(c byte) bool {
	switch c {
	case '"':
		m.state, m.name = inString, false
	case '{':
		return m.push(true)
	case '[':
		return m.push(false)
	case '-':
		m.state = numMinus
	case '0':
		m.state = numZero
	case '1', '2', '3', '4', '5', '6', '7', '8', '9':
		m.state = numInt
	case 't':
		m.state, m.literal = inLiteral, "rue"
	case 'f':
		m.state, m.literal = inLiteral, "alse"
	case 'n':
		m.state, m.literal = inLiteral, "ull"
	default:
		m.fault = "a value is missing"
		return false
	}
	return true
}

func (m *machine) push(object bool) bool {
	if m.depth == maxDepth {
		m.fault = "nested too deeply"
		return false
	}
	word, bit := m.depth/64, uint64(1)<<(m.depth%64)
	m.depth++
	if object {
		m.objects[word] |= bit
		m.state = wantName1
	} else {
		m.objects[word] &^= bit
		m.state = wantFirst
	}
	return true
}

// inObject reports whether the innermost container is an object.
func (m *machine) inObject() bool {
	d := m.depth - 1
	return d >= 0 && m.objects[d/64]&(1<<(d%64)) != 0
}

// closed notes that a value is complete and reports whether that is an event.
func (m *machine) closed() bool {
	if m.state = wantNext; m.depth == 0 {
		m.state = wantNothing
	}
	m.level = m.depth
	return m.depth <= m.watch
}

// number reads on in a number and reports whether it ended before len(b).
func (m *machine) number(b []byte, i int) (int, bool) {
	for ; i < len(b); i++ {
		c := b[i]
		digit := c-'0' <= 9
		switch m.state {
		case numMinus:
			switch {
			case c == '0':
				m.state = numZero
			case digit:
				m.state = numInt
			default:
				m.fault = "a minus without a number"
				return i, false
			}
			continue
		case numInt:
			if digit {
				continue
			}
			fallthrough
		case numZero:
			switch c {
			case '.':
				m.state = numDot
				continue
			case 'e', 'E':
				m.state = numExp
				continue
			}
		case numFrac:
			if digit {
				continue
			}
			if c == 'e' || c == 'E' {
				m.state = numExp
				continue
			}
		case numExpInt:
			if digit {
				continue
			}
		case numDot:
			if digit {
				m.state = numFrac
				continue
			}
			m.fault = "a fraction without digits"
			return i, false
		case numExp, numSign:
			if m.state == numExp && (c == '+' || c == '-') {
				m.state = numSign
				continue
			}
			if digit {
				m.state = numExpInt
				continue
			}
			m.fault = "an exponent without digits"
			return i, false
		}
		return i, true
	}
	return i, false
}

// finish says whether the input may end here. A number at the top ends only
// with the input.
func (m *machine) finish() bool {
	switch m.state {
	case numZero, numInt, numFrac, numExpInt:
		if m.depth == 0 {
			m.closed()
		}
	}
	return m.state == wantNothing
}

func (m *machine) fail(i int, why string) (int, event) {
	m.fault = why
	return i, used
}

func blank(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

func hexDigit(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 5
}

// plainString finds the next quote, backslash or control character, eight
// bytes at a time.
func plainString(b []byte, i int) int {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	for ; i+8 <= len(b); i += 8 {
		p := b[i : i+8 : i+8]
		x := uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56
		quote, slash := x^(low*'"'), x^(low*'\\')
		// A borrow can only reach bytes above a true hit, so the lowest hit is exact.
		hit := ((quote-low)&^quote | (slash-low)&^slash | (x-low*0x20)&^x) & high
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return i
}
