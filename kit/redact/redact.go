// Package redact takes secrets out of text that somebody else wrote, such as
// the error of a provider that quotes the key it was called with.
//
// A secret is found in every usual spelling: as it is, in letters of either
// case, broken into lines, with the escapes of JSON and JavaScript,
// percent-encoded, quoted-printable, with HTML entities, in base64 of either
// alphabet and at any alignment, in hex, in UTF-16, and in up to six of these,
// one inside the other. decode.go and runs.go have the spellings.
//
//	secrets := redact.New(apiKey)
//	body = secrets.Bytes(body)  // a whole text; JSON stays JSON
//	head = secrets.Cut(head)    // the beginning of a text
//	name = secrets.Text(name)
//	err = secrets.Error(err)    // for the log
//
// Two rules are for what cannot be told apart. A secret of fewer than 6 bytes
// may be part of any word: a text that holds one is withheld as a whole. Of a
// secret that the end of a text cuts, up to 3 characters may stay.
package redact

import (
	"encoding/json"
	"slices"
	"strings"
)

// Mark stands where a secret stood.
const Mark = "[redacted]"

// Distinct is the length from which on a secret is taken for itself wherever it
// is found.
const Distinct = 6

// leastHead is the length from which on the beginning of a secret is taken for
// one at the end of a text that was cut.
const leastHead = 4

// Secrets are values that must not be shown. The zero value holds none. It is
// safe for concurrent use.
type Secrets struct {
	values []string
	// folded are the values with small letters.
	folded [][]byte
	// least is the length of the shortest value.
	least int
	// plain says that all values are printable ASCII.
	plain bool
	// all says that any text may hold one.
	all bool
}

// All is for secrets that cannot be told: every text is withheld as a whole.
func All() Secrets { return Secrets{all: true} }

// New makes a set of secrets; empty ones do not count.
func New(values ...string) Secrets {
	s := Secrets{plain: true}
	for _, value := range values {
		if value == "" {
			continue
		}
		s.values = append(s.values, value)
		// A form writes a space as a plus.
		if form := strings.ReplaceAll(value, " ", "+"); form != value {
			s.values = append(s.values, form)
		}
	}
	slices.Sort(s.values)
	s.values = slices.Compact(s.values)
	for i, value := range s.values {
		folded := []byte(value)
		for at, c := range folded {
			folded[at] = small(c)
		}
		s.folded = append(s.folded, folded)
		if i == 0 || len(value) < s.least {
			s.least = len(value)
		}
		s.plain = s.plain && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	}
	return s
}

// small is a letter of ASCII as a small one, and any other byte as it is.
func small(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// Bytes gives a whole text without the secrets; the text itself when it has
// none. A text that is JSON stays JSON:
// a number that holds a secret becomes a string, and a document in which one
// reaches from one value to another becomes a single string.
func (s Secrets) Bytes(text []byte) []byte { return s.redact(text, false) }

// Cut is Bytes for the beginning of a text that went on: it also takes away the
// beginning of a secret at the end, in whatever spelling.
func (s Secrets) Cut(text []byte) []byte { return s.redact(text, true) }

// Text is Bytes for a string.
func (s Secrets) Text(text string) string {
	if len(s.values) == 0 && !s.all {
		return text
	}
	return string(s.redact([]byte(text), false))
}

// Error gives an error whose text is without the secrets. errors.Is and
// errors.As find in it what they find in err.
func (s Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := s.Text(text); clean != text {
		return &redacted{text: clean, err: err}
	}
	return err
}

// redacted is an error whose own text must not be shown.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }

func (s Secrets) redact(text []byte, cut bool) []byte {
	if len(s.values) == 0 && !s.all || len(text) == 0 {
		return text
	}
	found, ok := s.find(text, cut)
	document := !cut && (!ok || len(found) > 0) && json.Valid(text)
	switch {
	case ok && len(found) == 0:
		return text
	case !ok && document:
		return []byte(`"` + Mark + `"`)
	case !ok:
		return []byte(Mark)
	case document:
		return inDocument(text, found)
	default:
		return blank(text, found)
	}
}

// A span is a piece of a text.
type span struct{ from, to int }

// merged sorts spans and joins those that overlap or touch.
func merged(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var out []span
	for _, s := range spans {
		if last := len(out) - 1; last >= 0 && s.from <= out[last].to {
			out[last].to = max(out[last].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

// blank puts the mark in the place of each span.
func blank(text []byte, spans []span) []byte {
	out := make([]byte, 0, len(text)+len(spans)*len(Mark))
	at := 0
	for _, s := range spans {
		out = append(out, text[at:s.from]...)
		out = append(out, Mark...)
		at = s.to
	}
	return append(out, text[at:]...)
}
