package splice

import (
	"slices"
	"unicode/utf8"
)

// replacement is U+FFFD in UTF-8.
const replacement = "\uFFFD"

// A mender makes text UTF-8 while it comes in pieces. Every byte that belongs to
// no valid sequence becomes one U+FFFD, which is what encoding/json and all of Go
// do with it; so it is the same text on every surface.
type mender struct {
	// rest is what was read but did not fit any more once it was mended, or what
	// may be the head of a sequence whose end is still to come.
	rest []byte
	// spare is the memory of rest, which is needed for broken text only.
	spare    []byte
	replaced int // bytes
}

func (m *mender) reset() { m.rest, m.replaced = nil, 0 }

// check looks at buf[from:n], which was read last, and mends it. It returns how
// much of buf is good, and how much is used: up to three bytes in between may be
// the head of a sequence.
func (m *mender) check(buf []byte, from, n int) (good, used int) {
	good = from + validUpTo(buf[from:n])
	if good == n || !utf8.FullRune(buf[good:n]) {
		return good, n
	}
	m.keep(buf[good:n])
	return m.mend(buf, good)
}

// mend moves the rest to buf[n:], as far as it fits.
func (m *mender) mend(buf []byte, n int) (good, used int) {
	for len(m.rest) > 0 {
		whole := validUpTo(m.rest)
		moved := copy(buf[n:], m.rest[:whole])
		n, m.rest = n+moved, m.rest[moved:]
		switch {
		case moved < whole || len(m.rest) == 0:
			return n, n
		case !utf8.FullRune(m.rest):
			if len(buf)-n < len(m.rest) {
				return n, n
			}
			used = n + copy(buf[n:], m.rest)
			m.rest = nil
			return n, used
		case len(buf)-n < len(replacement):
			return n, n
		}
		n, m.rest = n+copy(buf[n:], replacement), m.rest[1:]
		m.replaced++
	}
	return n, n
}

// keep makes a copy the rest.
func (m *mender) keep(b []byte) {
	m.spare = append(m.spare[:0], b...)
	m.rest = m.spare
}

// validUpTo is the number of bytes that are whole sequences of UTF-8, from the
// first on.
func validUpTo(b []byte) int {
	i := 0
	for {
		i += plainUpTo(b[i:])
		for i < len(b) && b[i] >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size <= 1 {
				return i
			}
			i += size
		}
		if i == len(b) {
			return i
		}
	}
}

// plainUpTo is the number of bytes of ASCII, from the first on.
func plainUpTo(b []byte) int {
	rest := b
	for len(rest) >= blockSize {
		w := (*[blockSize]byte)(rest)
		if (word(w[0:])|word(w[8:])|word(w[16:])|word(w[24:])|word(w[32:])|word(w[40:])|word(w[48:])|word(w[56:]))&highs != 0 {
			break
		}
		rest = rest[blockSize:]
	}
	for len(rest) >= 8 && word(rest)&highs == 0 {
		rest = rest[8:]
	}
	for len(rest) > 0 && rest[0] < utf8.RuneSelf {
		rest = rest[1:]
	}
	return len(b) - len(rest)
}

// Text makes a text that is at hand UTF-8, as the data of answers is made, and
// says how many bytes were replaced. Text that is well comes back as it is.
func Text(b []byte) (text []byte, replaced int) {
	good := validUpTo(b)
	if good == len(b) {
		return b, 0
	}
	out := slices.Clone(b[:good])
	for b = b[good:]; len(b) > 0; b = b[good:] {
		out = append(out, replacement...)
		replaced++
		b = b[1:]
		good = validUpTo(b)
		out = append(out, b[:good]...)
	}
	return out, replaced
}
