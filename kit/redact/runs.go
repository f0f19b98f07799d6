package redact

import "slices"

// base64 undoes base64 in all runs of its characters, of both alphabets, from
// the skipped characters of a run on: a run may begin with what is not part of
// the encoded text. A line break does not end a run.
func (s Secrets) base64(skip int) decoder {
	return func(v, decoded *view) bool {
		next := &stretches{out: decoded, plain: s.plain, least: s.least}
		for _, run := range runs(v, &sextets, s.least*4/3) {
			var bits uint32
			have, skipped, last := 0, 0, 0
			for i := run.from; i < run.to; i++ {
				d := sextets[v.text[i]]
				switch {
				case d == within:
					continue
				case skipped < skip:
					skipped++
					continue
				}
				bits, have = bits<<6|uint32(d-1), have+6
				if have >= 8 {
					have -= 8
					next.take(byte(bits>>have), v.from[last], v.to[i])
				}
				last = i
			}
			if run.to < len(v.text) {
				next.end()
			}
		}
		return next.done(v.open)
	}
}

// hex undoes hex in all runs of its digits, which a space, a comma, a colon or a
// dash may stand between two by two, from the skipped digits of a run on. With
// alone, it is each row of digits between such marks that is taken for itself:
// what stands before a mark need not belong to what stands after it. A digit
// that touches a list of pairs at either end makes another list of it, in which
// a secret is not found.
func (s Secrets) hex(skip int, alone bool) decoder {
	return func(v, decoded *view) bool {
		next := &stretches{out: decoded, plain: s.plain, least: s.least}
		for _, run := range runs(v, &digits, s.least*2) {
			if alone && !marked(v.text[run.from:run.to]) {
				continue // as without
			}
			skipped, first := 0, -1
			for i := run.from; i < run.to; i++ {
				d := digits[v.text[i]]
				switch {
				case d == within && first < 0 && !alone:
				case d == within: // between the digits of a pair, or what is taken for itself
					next.end()
					first, skipped = -1, 0
				case skipped < skip:
					skipped++
				case first < 0:
					first = i
				default:
					next.take((digits[v.text[first]]-1)<<4|(d-1), v.from[first], v.to[i])
					first = -1
				}
			}
			if run.to < len(v.text) {
				next.end()
			}
		}
		return next.done(v.open)
	}
}

// marked reports whether something stands between the digits of a run.
func marked(run []byte) bool {
	return slices.ContainsFunc(run, func(c byte) bool { return digits[c] == within })
}

// within marks what may stand within a run and does not count.
const within = 0xFF

// sextets and digits give the value of each character of base64 and hex, plus
// one, and 0 for every other.
var (
	sextets = values("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", "-_", 62, "\r\n") //nolint:gochecknoglobals // a table
	digits  = values("0123456789abcdef", "ABCDEF", 10, " :-,\t\r\n")                                       //nolint:gochecknoglobals // a table
)

func values(alphabet, also string, from byte, ignored string) [256]byte {
	var t [256]byte
	for i := range len(alphabet) {
		t[alphabet[i]] = byte(i + 1)
	}
	for i := range len(also) {
		t[also[i]] = from + byte(i+1)
	}
	for i := range len(ignored) {
		t[ignored[i]] = within
	}
	return t
}

// runs finds what may be one encoding from end to end: so many of its characters
// at least, or fewer where the text was cut.
func runs(v *view, table *[256]byte, least int) []span {
	var found []span
	for i := 0; i < len(v.text); i++ {
		if d := table[v.text[i]]; d == 0 || d == within {
			continue
		}
		run, count := span{from: i}, 0
		for ; i < len(v.text) && table[v.text[i]] != 0; i++ {
			if table[v.text[i]] != within {
				count++
			}
		}
		run.to = i
		if count >= least || v.open && i == len(v.text) {
			found = append(found, run)
		}
	}
	return found
}

// stretches collect decoded bytes and keep those that may hold a secret. What
// was no encoding comes out as noise, which has no long stretch of text.
type stretches struct {
	out   *view
	plain bool
	least int
	// start is where the stretch under way begins.
	start int
}

func (s *stretches) take(c byte, from, to int32) {
	if s.plain && c != 0 && c != '\t' && c != '\n' && c != '\r' && (c < ' ' || c > '~') {
		s.end()
		return
	}
	s.out.add(c, from, to)
}

// end ends a stretch and drops it if it is too short.
func (s *stretches) end() {
	switch n := len(s.out.text) - s.start; {
	case n == 0:
		return
	case n < s.least:
		s.out.text, s.out.from, s.out.to = s.out.text[:s.start], s.out.from[:s.start], s.out.to[:s.start]
	default:
		s.out.add(gap, s.out.to[len(s.out.to)-1], s.out.to[len(s.out.to)-1])
	}
	s.start = len(s.out.text)
}

// done says whether anything was kept. When the text was cut, so was the stretch
// under way and it may be short.
func (s *stretches) done(open bool) bool {
	under := len(s.out.text) - s.start
	if s.out.open = open && under > 0; !s.out.open {
		s.end()
	}
	return len(s.out.text) > 0
}
