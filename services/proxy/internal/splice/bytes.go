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

// plainString finds the next quote, backslash or control character.
func plainString(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		if hit := special(word(b[i:])); hit != 0 {
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

// word reads eight bytes.
func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// special marks the quotes, backslashes and control characters among eight
// bytes by their highest bits. Marks above the lowest may be false, because a
// borrow reaches them, but never the lowest.
func special(x uint64) uint64 {
	const (
		low  = 0x0101010101010101
		high = 0x8080808080808080
	)
	quote, slash := x^(low*'"'), x^(low*'\\')
	return ((quote-low)&^quote | (slash-low)&^slash | (x-low*0x20)&^x) & high
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
