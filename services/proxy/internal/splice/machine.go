package splice

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
	shape   *shape // of the objects that nobody watches
}

// scan reads b from i on and returns where it stopped, and why. After a fault
// it returns used with m.fault set.
func (m *machine) scan(b []byte, i int) (int, event) {
	for i < len(b) {
		ev := used
		switch m.state {
		case inString:
			i, ev = m.text(b, i)
		case wantNext:
			i, ev = m.separator(b, i)
		case wantValue, wantFirst:
			i, ev = m.value(b, i)
		case wantName, wantName1:
			i, ev = m.member(b, i)
		case wantColon:
			if b[i] == ':' {
				m.state = wantValue
			} else if !blank(b[i]) {
				m.fault = "a colon is missing"
			}
			i++
		case inLiteral:
			i, ev = m.word(b, i)
		case inEscape, inHex:
			m.escape(b[i])
			i++
		case wantNothing:
			if !blank(b[i]) {
				m.fault = "something follows the value"
			}
			i++
		default:
			i, ev = m.number(b, i)
		}
		if ev != used || m.fault != "" {
			return i, ev
		}
	}
	return i, used
}

// text reads on in a string or a name.
func (m *machine) text(b []byte, i int) (int, event) {
	if i = plainString(b, i); i == len(b) {
		return i, used
	}
	switch c := b[i]; {
	case c == '\\':
		m.state = inEscape
	case c != '"':
		m.fault = "a control character in a string"
	case !m.name:
		return i + 1, m.closed()
	default:
		m.state = wantColon
		if m.depth <= m.watch {
			m.level = m.depth
			return i + 1, nameEnd
		}
	}
	return i + 1, used
}

// escape reads on behind a backslash.
func (m *machine) escape(c byte) {
	if m.state == inHex {
		if !hexDigit(c) {
			m.fault = "a broken unicode escape in a string"
		}
		if m.hex--; m.hex == 0 {
			m.state = inString
		}
		return
	}
	m.state = inString
	switch c {
	case 'u':
		m.state, m.hex = inHex, 4
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	default:
		m.fault = "an unknown escape in a string"
	}
}

// separator reads on behind a value.
func (m *machine) separator(b []byte, i int) (int, event) {
	switch c := b[i]; {
	case c == ',' && m.inObject():
		m.state = wantName
	case c == ',':
		m.state = wantValue
	case c == '}' && m.inObject(), c == ']' && !m.inObject():
		m.depth--
		return i + 1, m.closed()
	case !blank(c):
		m.fault = "a comma or a closing bracket is missing"
	}
	return i + 1, used
}

// value reads on where a value begins.
func (m *machine) value(b []byte, i int) (int, event) {
	c := b[i]
	i++
	switch {
	case blank(c):
		return i, used
	case c == ']' && m.state == wantFirst:
		m.depth--
		return i, m.closed()
	}
	m.level = m.depth
	if m.open(c); m.fault == "" && m.level <= m.watch {
		return i, valueStart
	}
	return i, used
}

// member reads on where a member of an object begins.
func (m *machine) member(b []byte, i int) (int, event) {
	switch c := b[i]; {
	case c == '"':
		if m.depth > m.watch {
			if at := m.members(b, i); at > i {
				return at, used
			}
			m.state, m.name = inString, true
			return i + 1, used
		}
		m.state, m.name, m.level = inString, true, m.depth
		return i + 1, nameStart
	case c == '}' && m.state == wantName1:
		m.depth--
		return i + 1, m.closed()
	case !blank(c):
		m.fault = "a name is missing"
	}
	return i + 1, used
}

// word reads on in true, false or null.
func (m *machine) word(b []byte, i int) (int, event) {
	if b[i] != m.literal[0] {
		m.fault = "an unknown literal"
	}
	if m.literal = m.literal[1:]; m.literal == "" {
		return i + 1, m.closed()
	}
	return i + 1, used
}

// open starts the value whose first byte is c.
func (m *machine) open(c byte) {
	switch c {
	case '"':
		m.state, m.name = inString, false
	case '{':
		m.push(true)
	case '[':
		m.push(false)
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
	}
}

func (m *machine) push(object bool) {
	if m.depth == maxDepth {
		m.fault = "nested too deeply"
		return
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
}

// inObject reports whether the innermost container is an object.
func (m *machine) inObject() bool {
	d := m.depth - 1
	return d >= 0 && m.objects[d/64]&(1<<(d%64)) != 0
}

// closed notes that a value is complete, which may be an event.
func (m *machine) closed() event {
	if m.state = wantNext; m.depth == 0 {
		m.state = wantNothing
	}
	if m.level = m.depth; m.depth <= m.watch {
		return valueEnd
	}
	return used
}

// number reads on in a number. What ends it is left where it is.
func (m *machine) number(b []byte, i int) (int, event) {
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
				return i, used
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
			return i, used
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
			return i, used
		}
		return i, m.closed()
	}
	return i, used
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
