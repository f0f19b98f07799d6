package log

import (
	"bytes"

	"github.com/sando-dev/sando/kit/redact"
)

// Scrub removes tokens from text: sando_api_... becomes sando_api_[redacted],
// and a signed grant (a JWT) [redacted].
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
	const prefix = "sando_"
	for from := 0; ; {
		i := bytes.Index(line[from:], []byte(prefix))
		if i < 0 {
			return -1, 0, 0
		}
		at = from + i
		kind := at + len(prefix)
		for kind < len(line) && line[kind] >= 'a' && line[kind] <= 'z' {
			kind++
		}
		if kind < len(line) && line[kind] == '_' && kind > at+len(prefix) {
			kind++
			if end = run(line, kind); end-kind >= minSecret {
				return at, kind - at, end
			}
		}
		from = at + len(prefix)
	}
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
		for dots < 2 && end < len(line) && line[end] == '.' {
			end = run(line, end+1)
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
		c := line[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			i++
			continue
		}
		break
	}
	return i
}
