package splice

import (
	"bytes"
	"encoding/json"
	"math/bits"
)

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
