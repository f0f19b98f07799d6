package endpoint

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// appendText writes a JSON string. Bytes that are not UTF-8 become U+FFFD.
//
// Answers of tools are JSON themselves, with a quotation mark every few bytes and hardly anything else to escape, so they are copied eight bytes
// at a time up to the next one. What holds anything else is left to jsontext, which writes the same.
func appendText(b, text []byte) []byte {
	if utf8.Valid(text) {
		if quoted, ok := appendQuotes(b, text); ok {
			return quoted
		}
	}
	// The error says that bytes were replaced.
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

// appendQuotes writes text in which only quotation marks and backslashes need an escape; false when there is something else.
func appendQuotes(b, text []byte) ([]byte, bool) {
	const word = 8
	start := len(b)
	// Every byte may need a second one; the last word may be written over the end.
	b = slices.Grow(b, 2*len(text)+2+word)
	to := b[:cap(b)]
	n := start + copy(to[start:], `"`)
	for len(text) >= word {
		w := binary.LittleEndian.Uint64(text)
		binary.LittleEndian.PutUint64(to[n:], w)
		marks := special(w)
		if marks == 0 {
			n, text = n+word, text[word:]
			continue
		}
		at := bits.TrailingZeros64(marks) / 8
		if text[at] < ' ' {
			return b[:start], false
		}
		n += at
		to[n], to[n+1] = '\\', text[at]
		n, text = n+2, text[at+1:]
	}
	for _, c := range text {
		switch {
		case c < ' ':
			return b[:start], false
		case c == '"' || c == '\\':
			to[n] = '\\'
			n++
		}
		to[n] = c
		n++
	}
	to[n] = '"'
	return to[:n+1], true
}

// special marks the bytes of a word that are control characters, quotation marks or backslashes with their highest bit. The lowest mark is exact; a
// byte above one may be marked by a carry. See "Bit Twiddling Hacks", haszero and hasless.
func special(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	quotes, slashes := w^ones*'"', w^ones*'\\'
	return ((quotes-ones)&^quotes | (slashes-ones)&^slashes | (w-ones*' ')&^w) & highs
}
