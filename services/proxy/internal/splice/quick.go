package splice

// room is what members looks ahead without asking: a name it knows, and a value
// of one word behind it.
const room = knownSize + 8

// members reads on in an object that nobody watches, as far as its members are
// written the way machines write JSON: without blanks, and with strings,
// integers, literals and brackets for values. It returns where it stopped, with
// the state that belongs there; the same place when the first member is of
// another kind, or when less than room is left. What it leaves, scan takes.
//
// Rows consist of little else, and this is several times as fast as going back
// to the switch of scan for each token.
func (m *machine) members(b []byte, i int) int {
	s := m.shape
	for len(b)-i >= room && b[i] == '"' {
		k := s.expected()
		if ahead := (*[knownSize]byte)(b[i:]); k.size > 0 && k.head(ahead)|k.tail(ahead) == 0 {
			i += int(k.size)
			s.next = k.next
			s.last = k
		} else {
			n := name(b[i:])
			if n == 0 {
				return i
			}
			s.learn(b[i : i+n])
			if i += n; len(b)-i < room {
				m.state = wantValue
				return i
			}
		}
		switch c := b[i]; {
		case c == '"':
			m.name = false
			if i = plainString(b, i+1); i == len(b) || b[i] != '"' {
				m.state = inString
				return i
			}
			i++
		case c-'1' < 9:
			if i += digits(word(b[i:])); i == len(b) || b[i] != ',' {
				m.state = numInt
				return i
			}
		case c == 't' && string(b[i:i+4]) == "true", c == 'n' && string(b[i:i+4]) == "null":
			i += 4
		case c == 'f' && string(b[i:i+5]) == "false":
			i += 5
		default:
			m.state = wantValue
			return i
		}
		if i == len(b) || b[i] != ',' {
			m.state = wantNext
			return i
		}
		i++
		m.state = wantName
	}
	return i
}

// name measures a name with its quotes and its colon; 0 when it is not written
// plainly.
func name(b []byte) int {
	i := plainString(b, 1)
	if i+1 >= len(b) || b[i] != '"' || b[i+1] != ':' {
		return 0
	}
	return i + 2
}
