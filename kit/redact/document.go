package redact

import "encoding/json"

// inDocument puts the mark in the place of spans of a JSON document: inside of
// a string it leaves the quotes and no half of an escape, and any other scalar
// becomes a string. Where a span reaches beyond one value, nothing of the
// document is left.
func inDocument(text []byte, spans []span) []byte {
	withheld := []byte(`"` + Mark + `"`)
	out := make([]byte, 0, len(text)+len(spans)*(len(Mark)+2))
	at := 0
	for len(spans) > 0 {
		token := tokenAt(text, at, spans[0].from)
		out = append(out, text[at:token.from]...)
		var inside []span
		for len(spans) > 0 && spans[0].from < token.to {
			if spans[0].to > token.to {
				return withheld
			}
			inside = append(inside, spans[0])
			spans = spans[1:]
		}
		piece := text[token.from:token.to]
		switch {
		case len(inside) == 0: // the span is of no token
			return withheld
		case piece[0] == '"':
			for i := range inside {
				inside[i] = span{inside[i].from - token.from, inside[i].to - token.from}
			}
			whole(piece, inside)
			if inside[0].from < 1 || inside[len(inside)-1].to > len(piece)-1 {
				return withheld
			}
			out = append(out, blank(piece, merged(inside))...)
		default:
			out = append(out, withheld...)
		}
		at = token.to
	}
	out = append(out, text[at:]...)
	if !json.Valid(out) {
		return withheld
	}
	return out
}

// tokenAt finds the string or other scalar of a valid document that covers a
// byte, or the first behind it, going on from the end of another token.
func tokenAt(text []byte, from, at int) span {
	for from < len(text) {
		to := from + 1
		switch c := text[from]; {
		case c == '"':
			for text[to] != '"' {
				to += unit(text[to:])
			}
			to++
		case scalar(c):
			for to < len(text) && scalar(text[to]) {
				to++
			}
		default:
			from++
			continue
		}
		if to > at {
			return span{from, to}
		}
		from = to
	}
	return span{len(text), len(text)}
}

func scalar(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == 'E' || c == '-' || c == '+' || c == '.'
}

// unit is the length of one character or escape of a JSON string.
func unit(text []byte) int {
	switch {
	case text[0] != '\\':
		return 1
	case text[1] == 'u':
		return 6
	default:
		return 2
	}
}

// whole widens sorted spans of a JSON string so that they halve no escape.
func whole(piece []byte, spans []span) {
	for at := 1; at < len(piece)-1; {
		next := at + unit(piece[at:])
		for len(spans) > 0 && spans[0].to <= at {
			spans = spans[1:]
		}
		for i := 0; i < len(spans) && spans[i].from < next; i++ {
			if at < spans[i].from {
				spans[i].from = at
			}
			if spans[i].to > at && spans[i].to < next {
				spans[i].to = next
			}
		}
		at = next
	}
}
