package records

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// Plain says whether a text is printable ASCII without quotes and backslashes: in JSON it stands for itself.
func Plain(text []byte) bool {
	i := 0
	for ; i+8 <= len(text); i += 8 {
		if w := binary.LittleEndian.Uint64(text[i:]); marks(w)|w&highs != 0 {
			return false
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// ValidText gives JSON as UTF-8: each byte that is none becomes U+FFFD, as readers of JSON have it. It is the same slice where there is none
// to replace.
func ValidText(json []byte) []byte {
	if utf8.Valid(json) {
		return json
	}
	out := make([]byte, 0, len(json)+len(json)/8)
	for i := 0; i < len(json); {
		r, n := utf8.DecodeRune(json[i:])
		out = utf8.AppendRune(out, r)
		i += n
	}
	return out
}

// AppendText appends the text of a JSON string. Broken escapes and bytes that are not UTF-8 become U+FFFD.
func AppendText(dst, str []byte) []byte {
	s := str[1 : len(str)-1]
	if bytes.IndexByte(s, '\\') < 0 && utf8.Valid(s) {
		return append(dst, s...)
	}
	for i := 0; i < len(s); {
		if s[i] == '\\' {
			var n int
			dst, n = appendEscape(dst, s[i:])
			i += n
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		dst = utf8.AppendRune(dst, r)
		i += n
	}
	return dst
}

// appendEscape appends what the escape at the start of s stands for and tells how long the escape is.
func appendEscape(dst, s []byte) ([]byte, int) {
	if len(s) < 2 {
		return utf8.AppendRune(dst, utf8.RuneError), 1
	}
	switch s[1] {
	case '"', '\\', '/':
		return append(dst, s[1]), 2
	case 'b':
		return append(dst, '\b'), 2
	case 'f':
		return append(dst, '\f'), 2
	case 'n':
		return append(dst, '\n'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'u':
		return appendUnicode(dst, s)
	default:
		return utf8.AppendRune(dst, utf8.RuneError), 2
	}
}

func appendUnicode(dst, s []byte) ([]byte, int) {
	r, ok := hex4(s)
	if !ok {
		return utf8.AppendRune(dst, utf8.RuneError), 2
	}
	if !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), 6
	}
	if low, ok := hex4(s[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return utf8.AppendRune(dst, pair), 12
		}
	}
	return utf8.AppendRune(dst, utf8.RuneError), 6
}

// hex4 reads an escape `\uXXXX`.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// AppendQuoted appends a text as a JSON string, with as few escapes as there can be (RFC 8785).
func AppendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	if Plain(text) {
		return append(append(dst, text...), '"')
	}
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				dst = utf8.AppendRune(append(dst, text[from:i]...), r)
				from = i + 1
			}
			i += n
			continue
		}
		dst = appendEscaped(append(dst, text[from:i]...), c)
		i++
		from = i
	}
	dst = append(dst, text[from:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	default:
		return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
