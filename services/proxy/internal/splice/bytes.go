package splice

import (
	"bytes"
	"encoding/json"
)

func hexDigit(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' <= 5
}

// simpleEscape says whether a byte behind a backslash makes an escape by itself.
func simpleEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	default:
		return false
	}
}

// unescape decodes the inside of a JSON string that the scanner has passed.
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
