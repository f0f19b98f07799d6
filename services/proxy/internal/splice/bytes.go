package splice

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/bits"
)

func blank(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

func hexDigit(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 5
}

// plainString finds the next quote, backslash or control character. It takes
// two words a step, because most strings end within the first two and where they
// do cannot be foretold: one branch is for both.
func plainString(b []byte, i int) int {
	for ; len(b)-i >= 16; i += 16 {
		two := (*[16]byte)(b[i:])
		first, second := special(word(two[:])), special(word(two[8:]))
		if first|second == 0 {
			continue
		}
		at := 8 + bits.TrailingZeros64(second)/8
		if first != 0 {
			at = bits.TrailingZeros64(first) / 8
		}
		return i + at
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			return i
		}
	}
	return i
}

// word reads eight bytes.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

const (
	lows  = 0x0101010101010101 // the lowest bit of each byte of a word
	highs = 0x8080808080808080 // the highest
)

// special marks the quotes, backslashes and control characters among eight
// bytes by their highest bits. Marks above the lowest may be false, because a
// borrow reaches them, but never the lowest.
func special(x uint64) uint64 {
	// With one bit turned, the quote stands right behind the control characters.
	quote, slash := x^lows*('"'^' '), x^lows*'\\'
	return ((quote - lows*(' '+1)) | (slash - lows)) &^ x & highs
}

// digits counts the decimal digits at the start of a word.
func digits(x uint64) int {
	x ^= lows * '0'
	return bits.TrailingZeros64((x&^highs+lows*(0x80-10)|x)&highs) / 8
}

// unescape decodes the inside of a JSON string that the machine has checked.
func unescape(inside []byte) []byte {
	if bytes.IndexByte(inside, '\\') < 0 {
		return inside
	}
	quoted := append(append([]byte{'"'}, inside...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil
	}
	return []byte(s)
}
