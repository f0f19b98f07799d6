package records

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth bounds the nesting of a value; a deeper one is not read.
const maxDepth = 512

// space steps over blanks.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skip checks the value that starts at i, inside of depth brackets, and finds its end; at a fault it tells where.
func skip(b []byte, i, depth int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	switch c := b[i]; {
	case c == '"':
		return skipString(b, i)
	case c == '{':
		return skipObject(b, i, depth)
	case c == '[':
		return skipArray(b, i, depth)
	case c == '-' || c-'0' <= 9:
		return skipNumber(b, i)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	default:
		return i, false
	}
}

func skipWord(b []byte, i int, word string) (int, bool) {
	end := i + len(word)
	if end > len(b) || string(b[i:end]) != word {
		return i, false
	}
	return end, true
}

// Eight bytes at a time: one in every byte, and the highest bit of every byte.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// marks sets the highest bit of the bytes that end a text or need a look: quotes, backslashes and control characters. Bits above the first
// that is set may be wrong.
func marks(w uint64) uint64 {
	quote, slash := w^ones*'"', w^ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
}

// skipString finds the byte after the closing quote of the string that starts at i.
func skipString(b []byte, i int) (int, bool) {
	for i++; ; {
		if i+8 <= len(b) {
			m := marks(binary.LittleEndian.Uint64(b[i:]))
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		}
		if i >= len(b) {
			return i, false
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, true
		case c == '\\':
			n := escapeLength(b[i:])
			if n == 0 {
				return i, false
			}
			i += n
		case c < ' ':
			return i, false
		default:
			i++
		}
	}
}

// escapeLength is the length of the escape at the start of s; zero when it is none.
func escapeLength(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

func skipArray(b []byte, i, depth int) (int, bool) {
	if depth == maxDepth {
		return i, false
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1, true
	}
	for {
		var ok, more bool
		if i, ok = skip(b, i, depth+1); !ok {
			return i, false
		}
		if i, more, ok = separator(b, i, ']'); !more {
			return i, ok
		}
	}
}

func skipObject(b []byte, i, depth int) (int, bool) {
	if depth == maxDepth {
		return i, false
	}
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, true
	}
	for {
		var ok, more bool
		if i, ok = skipKey(b, i); !ok {
			return i, false
		}
		if i, ok = skip(b, i, depth+1); !ok {
			return i, false
		}
		if i, more, ok = separator(b, i, '}'); !more {
			return i, ok
		}
	}
}

// separator steps over what follows an entry: a comma, with more to come, or the closing bracket.
func separator(b []byte, i int, closing byte) (_ int, more, ok bool) {
	i = space(b, i)
	switch {
	case i >= len(b):
		return i, false, false
	case b[i] == ',':
		return space(b, i+1), true, true
	default:
		return i + 1, false, b[i] == closing
	}
}

// skipKey steps over a member's key and the colon, up to its value.
func skipKey(b []byte, i int) (int, bool) {
	if i >= len(b) || b[i] != '"' {
		return i, false
	}
	i, ok := skipString(b, i)
	if !ok {
		return i, false
	}
	i = space(b, i)
	if i >= len(b) || b[i] != ':' {
		return i, false
	}
	return space(b, i+1), true
}

// skipNumber follows the grammar of RFC 8259.
func skipNumber(b []byte, i int) (int, bool) {
	if b[i] == '-' {
		i++
	}
	whole := digits(b, i)
	if whole == i || b[i] == '0' && whole > i+1 {
		return i, false
	}
	i = whole
	if i < len(b) && b[i] == '.' {
		frac := digits(b, i+1)
		if frac == i+1 {
			return i, false
		}
		i = frac
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exp := digits(b, i)
		if exp == i {
			return i, false
		}
		i = exp
	}
	return i, true
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
