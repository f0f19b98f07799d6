package splice

// members reads on in an object that nobody watches, as far as its members are
// written the way machines write JSON: without blanks, and with strings,
// integers, literals and brackets for values. It returns where it stopped, with
// the state that belongs there; the same place when the first member is of
// another kind. What it leaves, scan takes.
//
// Rows consist of little else, and this is several times as fast as going back
// to the switch of scan for each token.
func (m *machine) members(b []byte, i int) int {
	for i < len(b) && b[i] == '"' {
		m.name = true
		if i = plainString(b, i+1); i == len(b) || b[i] != '"' {
			m.state = inString
			return i
		}
		if i++; i == len(b) || b[i] != ':' {
			m.state = wantColon
			return i
		}
		if i++; i == len(b) {
			m.state = wantValue
			return i
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
			for i++; i < len(b) && b[i]-'0' <= 9; i++ {
			}
			if i == len(b) || b[i] != ',' {
				m.state = numInt
				return i
			}
		case c == 't' && i+4 <= len(b) && string(b[i:i+4]) == "true", c == 'n' && i+4 <= len(b) && string(b[i:i+4]) == "null":
			i += 4
		case c == 'f' && i+5 <= len(b) && string(b[i:i+5]) == "false":
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
