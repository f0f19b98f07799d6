package call

import (
	"bytes"
	"slices"
	"strconv"
	"unicode/utf16"
)

// unicodeOnly replaces each escape of half a surrogate pair by that of U+FFFD, which is as long. Such an escape is JSON, but no text: many clients
// refuse the whole answer for it. What has none comes back as it is.
func unicodeOnly(json []byte) []byte {
	const escape = len(`\u0000`)
	owned := false
	for at := 0; ; {
		next := bytes.IndexByte(json[at:], '\\')
		if next < 0 {
			return json
		}
		at += next
		first, ok := surrogate(json[at:])
		if !ok {
			at += len(`\n`)
			continue
		}
		if second, ok := surrogate(json[at+escape:]); ok && utf16.DecodeRune(first, second) != '\uFFFD' {
			at += 2 * escape
			continue
		}
		if !owned {
			json, owned = slices.Clone(json), true
		}
		copy(json[at:], `\ufffd`)
		at += escape
	}
}

// surrogate reads an escape of a surrogate at the beginning of a text.
func surrogate(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil && utf16.IsSurrogate(rune(n))
}
