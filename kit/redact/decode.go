package redact

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// gap stands in a view between pieces that do not belong together. It is in no
// text of UTF-8, and so in no secret.
const gap = 0xFF

// A decoder undoes one encoding wherever a view has it, and puts what comes of
// it into an empty view. It reports false when that is nowhere.
type decoder func(v, next *view) bool

func (s Secrets) decoders() []decoder {
	d := []decoder{escapes('\\', backslash), escapes('%', percent), escapes('=', quoted), entities, wide, unfolded, spaces, s.hex(0, false), s.hex(1, false), s.hex(0, true), s.hex(1, true)}
	for skip := range 4 {
		d = append(d, s.base64(skip))
	}
	return d
}

// An escape reads the escape at the head of text: what it stands for and its
// length. The length is 0 when there is none, and cutOff when there may be one
// that goes on behind the end.
type escape func(text []byte) (char []byte, length int)

const cutOff = -1

// escapes undoes escapes that begin with a character.
func escapes(lead byte, read escape) decoder {
	return func(v, next *view) bool {
		at := bytes.IndexByte(v.text, lead)
		if at < 0 {
			return false
		}
		changed, done := false, 0
		for at >= 0 {
			at += done
			char, length := read(v.text[at:])
			if length == cutOff && v.open {
				next.copied(v, done, at)
				next.halved = true
				return true
			}
			if length > 0 {
				next.copied(v, done, at)
				for _, c := range char {
					next.add(c, v.from[at], v.to[at+length-1])
				}
				done, changed = at+length, true
			} else {
				next.copied(v, done, at+1)
				done = at + 1
			}
			at = bytes.IndexByte(v.text[done:], lead)
		}
		next.copied(v, done, len(v.text))
		return changed
	}
}

// backslash reads the escapes of JSON, and those of JavaScript and C beside
// them: \/ \n \u0041 \u{41} \U00000041 \x41 \101.
func backslash(text []byte) ([]byte, int) {
	if len(text) < 2 {
		return nil, cutOff
	}
	switch c := text[1]; {
	case c == 'u' && len(text) > 2 && text[2] == '{':
		return codePoint(text, 3, 16, 6, '}')
	case c == 'U' && bytes.HasPrefix(text[2:], []byte("0000")):
		return codePoint(text, 2, 16, 8, 0)
	case c == 'u' || c == 'U':
		return utf16Escape(text)
	case c == 'x' || c == 'X':
		return fixed(text, 2, 2, 16)
	case c >= '0' && c <= '3':
		return fixed(text, 1, 3, 8)
	case strings.IndexByte("bfnrt", c) >= 0:
		return []byte{"\b\f\n\r\t"[strings.IndexByte("bfnrt", c)]}, 2
	case c > ' ' && c < '0', c > '9' && c < 'A', c > 'Z' && c < 'a', c > 'z' && c <= '~':
		return text[1:2], 2
	}
	return nil, 0
}

// utf16Escape reads \uXXXX, a pair of them for what is outside of the basic
// plane.
func utf16Escape(text []byte) ([]byte, int) {
	r, length := number(text, 2, 4, 16)
	if length <= 0 {
		return nil, length
	}
	if utf16.IsSurrogate(rune(r)) && len(text) > 7 && text[6] == '\\' && text[7] == 'u' {
		if low, more := number(text[6:], 2, 4, 16); more > 0 {
			return utf8.AppendRune(nil, utf16.DecodeRune(rune(r), rune(low))), length + more
		}
	}
	return utf8.AppendRune(nil, rune(r)), length
}

// percent reads %41, and the %u0041 of old scripts.
func percent(text []byte) ([]byte, int) {
	if len(text) > 1 && (text[1] == 'u' || text[1] == 'U') {
		return codePoint(text, 2, 16, 4, 0)
	}
	return fixed(text, 1, 2, 16)
}

// quoted reads the =41 of quoted-printable, and its break of a line.
func quoted(text []byte) ([]byte, int) {
	switch {
	case bytes.HasPrefix(text, []byte("=\n")):
		return nil, 2
	case bytes.HasPrefix(text, []byte("=\r\n")):
		return nil, 3
	case string(text) == "=\r":
		return nil, cutOff
	}
	return fixed(text, 1, 2, 16)
}

// fixed reads one byte of so many digits behind a head.
func fixed(text []byte, head, count, base int) ([]byte, int) {
	n, length := number(text, head, count, base)
	if length <= 0 {
		return nil, length
	}
	return []byte{byte(n)}, length
}

// codePoint reads a character of at most so many digits behind a head, exactly
// as many when no end is named.
func codePoint(text []byte, head, base, most int, end byte) ([]byte, int) {
	count := most
	if end != 0 {
		count = bytes.IndexByte(text[head:min(len(text), head+most+1)], end)
		if count < 0 {
			if len(text) <= head+most {
				return nil, cutOff
			}
			return nil, 0
		}
	}
	n, length := number(text, head, count, base)
	if length <= 0 {
		return nil, length
	}
	if end != 0 {
		length++
	}
	return utf8.AppendRune(nil, rune(n)), length
}

// number reads so many digits behind a head.
func number(text []byte, head, count, base int) (n, length int) {
	for i := head; i < head+count; i++ {
		if i >= len(text) {
			return 0, cutOff
		}
		d := int(digits[text[i]]) - 1
		if d < 0 || d >= base {
			return 0, 0
		}
		n = n*base + d
	}
	if count == 0 {
		return 0, 0
	}
	return n, head + count
}

// longestEntity is longer than the name of any entity.
const longestEntity = 40

// entities undoes the entities of HTML, named and numeric, with or without the
// semicolon where HTML allows that.
func entities(v, next *view) bool {
	return escapes('&', func(text []byte) ([]byte, int) {
		end := 1
		for end < len(text) && end < longestEntity && (text[end] == '#' || isAlphanumeric(text[end])) {
			end++
		}
		if end == len(text) && v.open {
			return nil, cutOff
		}
		if end < len(text) && text[end] == ';' {
			end++
		}
		return entity(string(text[:end]))
	})(v, next)
}

// entity reads the entity that a text begins with.
func entity(text string) ([]byte, int) {
	decoded := html.UnescapeString(text)
	if decoded == text {
		return nil, 0
	}
	// What does not belong to the entity stands behind the character as it was.
	rest := 0
	for rest < len(decoded)-1 && decoded[len(decoded)-1-rest] == text[len(text)-1-rest] {
		rest++
	}
	return []byte(decoded[:len(decoded)-rest]), len(text) - rest
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// wide undoes UTF-16 as far as it holds ASCII, of either order.
func wide(v, next *view) bool {
	if bytes.IndexByte(v.text, 0) < 0 {
		return false
	}
	for i, c := range v.text {
		if c != 0 {
			next.add(c, v.from[i], v.to[i])
		}
	}
	return true
}

// unfolded joins lines, without the blanks that the next one begins with.
func unfolded(v, next *view) bool {
	if !bytes.ContainsAny(v.text, "\r\n") {
		return false
	}
	head := false
	for i, c := range v.text {
		switch {
		case c == '\r', c == '\n':
			head = true
		case head && (c == ' ' || c == '\t'):
		default:
			next.add(c, v.from[i], v.to[i])
			head = false
		}
	}
	return true
}

// spaces undoes the plus that a query has for a space.
func spaces(v, next *view) bool {
	if bytes.IndexByte(v.text, '%') < 0 || bytes.IndexByte(v.text, '+') < 0 {
		return false
	}
	next.copied(v, 0, len(v.text))
	for i, c := range next.text {
		if c == '+' {
			next.text[i] = ' '
		}
	}
	return true
}
