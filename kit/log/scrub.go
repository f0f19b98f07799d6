package log

import (
	"bytes"

	"github.com/sando-dev/sando/kit/redact"
)

// Scrub removes tokens from text: sando_api_... becomes sando_api_[redacted],
// and a signed grant (a JWT) [redacted], also as a URL or JSON writes them.
func Scrub(text string) string { return string(appendScrubbed(nil, []byte(text))) }

// appendScrubbed appends line to dst without the tokens in it.
func appendScrubbed(dst, line []byte) []byte {
	for {
		at, keep, end := nextToken(line)
		if at < 0 {
			return append(dst, line...)
		}
		dst = append(dst, line[:at+keep]...)
		dst = append(dst, redact.Mark...)
		line = line[end:]
	}
}

// nextToken finds the first token: where it starts, how much of its head may
// stay, and where it ends. It returns -1 when there is none.
func nextToken(line []byte) (at, keep, end int) {
	ours, keep, oursEnd := nextOurs(line)
	jwt, jwtEnd := nextJWT(line)
	if jwt >= 0 && (ours < 0 || jwt < ours) {
		return jwt, 0, jwtEnd
	}
	return ours, keep, oursEnd
}

// nextOurs finds sando_<kind>_<secret>.
func nextOurs(line []byte) (at, keep, end int) {
	const name = "sando"
	for from := 0; ; {
		i := bytes.Index(line[from:], []byte(name))
		if i < 0 {
			return -1, 0, 0
		}
		at = from + i
		from = at + len(name)
		kind := from + mark(line[from:], '_')
		if kind == from {
			continue
		}
		sep := kind
		for sep < len(line) && line[sep] >= 'a' && line[sep] <= 'z' {
			sep++
		}
		secret := sep + mark(line[sep:], '_')
		if sep == kind || secret == sep {
			continue
		}
		if end = run(line, secret); end-secret >= minSecret {
			return at, secret - at, end
		}
	}
}

// mark is the length of a punctuation mark at the head of a text: 1 as it is, more
// as URLs and JSON may write it, %5F or \u005f, with the percent sign and the
// backslash written so again, and 0 where there is another character.
func mark(text []byte, c byte) int {
	if len(text) == 0 {
		return 0
	}
	if text[0] == c {
		return 1
	}
	i, digits := 0, []byte{"0123456789abcdef"[c>>4], "0123456789abcdef"[c&15]}
	switch text[0] {
	case '%':
		i = 1
		for bytes.HasPrefix(text[i:], []byte("25")) {
			i += 2
		}
	case '\\':
		for i < len(text) && text[i] == '\\' {
			i++
		}
		if !bytes.HasPrefix(text[i:], []byte("u00")) {
			return 0
		}
		i += len("u00")
	default:
		return 0
	}
	if end := i + len(digits); end <= len(text) && bytes.EqualFold(text[i:end], digits) {
		return end
	}
	return 0
}

// minSecret keeps words such as sando_api_calls out of the net.
const minSecret = 12

// nextJWT finds three base64url parts, the first starting as {"... does.
func nextJWT(line []byte) (at, end int) {
	for from := 0; ; {
		i := bytes.Index(line[from:], []byte("eyJ"))
		if i < 0 {
			return -1, 0
		}
		at = from + i
		end = run(line, at)
		dots := 0
		for dots < 2 {
			dot := mark(line[end:], '.')
			if dot == 0 {
				break
			}
			end = run(line, end+dot)
			dots++
		}
		if dots == 2 && end-at > 40 {
			return at, end
		}
		from = at + len("eyJ")
	}
}

// run gives the end of the letters, digits, dashes and underscores from i on.
func run(line []byte, i int) int {
	for i < len(line) {
		switch c := line[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
			i++
		case c == '%', c == '\\':
			n := max(mark(line[i:], '-'), mark(line[i:], '_'))
			if n == 0 {
				return i
			}
			i += n
		default:
			return i
		}
	}
	return i
}
