// Package records reads raw JSON without decoding it: it walks the elements of an array and the members of an object as slices of the
// source bytes, so that a number keeps every digit and nothing is copied until an output field needs it.
//
// The walk checks what it steps on: brackets pair up, strings end, literals and numbers are well formed where a value is looked at. The
// inside of a value that nobody asks for is only skipped; [Valid] checks a value in full. Of duplicate keys the last one counts, as in
// decoders.
package records

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Kind is the JSON type of a value.
type Kind byte

// The kinds. Missing is the kind of no value at all.
const (
	Missing Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String names the kind as JSON Schema does.
func (k Kind) String() string {
	return [...]string{"missing", "null", "boolean", "number", "string", "array", "object"}[k]
}

// KindOf tells the kind of a value by its first byte.
func KindOf(value []byte) Kind {
	if len(value) == 0 {
		return Missing
	}
	switch value[0] {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	default:
		return Number
	}
}

// Valid reports whether the bytes are exactly one JSON value.
func Valid(value []byte) bool { return json.Valid(value) }

// Sound reports whether a value that a walk gave is JSON throughout. A walk has looked at everything but the insides of arrays, objects and
// strings, so a plain text costs little.
func Sound(value []byte) bool {
	switch KindOf(value) {
	case Null, Bool, Number:
		return true
	case String:
		for _, c := range value[1 : len(value)-1] {
			if c < ' ' || c == '\\' {
				return json.Valid(value)
			}
		}
		return true
	default:
		return json.Valid(value)
	}
}

// SyntaxError says where the source stops being JSON.
type SyntaxError struct {
	// Offset counts bytes from the start of the value being walked.
	Offset int
	// Want is what should stand there.
	Want string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("not valid JSON at byte %d: want %s", e.Offset, e.Want)
}

// Elements walks an array.
type Elements struct {
	walk
}

// ElementsOf starts a walk over the elements of an array.
func ElementsOf(array []byte) Elements { return Elements{start(array, '[')} }

// Next gives the next element; false at the end or at a fault, which Err tells.
func (e *Elements) Next() ([]byte, bool) {
	if !e.more(']') {
		return nil, false
	}
	return e.value()
}

// Members walks an object.
type Members struct {
	walk
}

// MembersOf starts a walk over the members of an object.
func MembersOf(object []byte) Members { return Members{start(object, '{')} }

// Next gives the next member, its key without quotes and escapes.
func (m *Members) Next() (key, value []byte, ok bool) {
	if !m.more('}') {
		return nil, nil, false
	}
	key, ok = m.key()
	if !ok {
		return nil, nil, false
	}
	value, ok = m.value()
	return key, value, ok
}

// NextLike is Next for a caller who can guess the key: a right guess saves looking for its end. A guess holds neither a backslash nor a
// quote; an empty one is none.
func (m *Members) NextLike(guess []byte) (key, value []byte, ok bool) {
	if !m.more('}') {
		return nil, nil, false
	}
	if key, ok = m.guessed(guess); !ok {
		if key, ok = m.key(); !ok {
			return nil, nil, false
		}
	}
	value, ok = m.value()
	return key, value, ok
}

func (m *Members) guessed(guess []byte) ([]byte, bool) {
	n := len(guess)
	if n == 0 || m.at+n+3 > len(m.b) || m.b[m.at] != '"' || m.b[m.at+n+1] != '"' || m.b[m.at+n+2] != ':' {
		return nil, false
	}
	if string(m.b[m.at+1:m.at+n+1]) != string(guess) {
		return nil, false
	}
	m.at = space(m.b, m.at+n+3)
	return guess, true
}

// walk is a position inside an array or an object.
type walk struct {
	b     []byte
	at    int
	begun bool
	done  bool
	err   error
}

func start(b []byte, open byte) walk {
	w := walk{b: b, at: space(b, 0)}
	if w.at >= len(b) || b[w.at] != open {
		w.fail("`" + string(open) + "`")
		return w
	}
	w.at++
	return w
}

// Err tells why the walk ended early; nil at a proper end.
func (w *walk) Err() error { return w.err }

func (w *walk) fail(want string) {
	if w.err == nil {
		w.err = &SyntaxError{Offset: w.at, Want: want}
	}
}

// more steps over the separator and reports whether there is another entry.
func (w *walk) more(closing byte) bool {
	if w.err != nil || w.done {
		return false
	}
	w.at = space(w.b, w.at)
	if w.at >= len(w.b) {
		w.fail("`" + string(closing) + "`")
		return false
	}
	c := w.b[w.at]
	switch {
	case c == closing:
		w.end()
		return false
	case !w.begun:
		w.begun = true
	case c != ',':
		w.fail("a comma")
		return false
	default:
		w.at = space(w.b, w.at+1)
	}
	return true
}

// end steps over the closing bracket; only blanks may follow.
func (w *walk) end() {
	w.at = space(w.b, w.at+1)
	if w.at < len(w.b) {
		w.fail("the end")
	}
	w.done = true
}

func (w *walk) key() ([]byte, bool) {
	if w.at >= len(w.b) || w.b[w.at] != '"' {
		w.fail("a key")
		return nil, false
	}
	end, ok := skipString(w.b, w.at)
	if !ok {
		w.fail("a closing quote")
		return nil, false
	}
	key := w.b[w.at+1 : end-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		key = AppendText(nil, w.b[w.at:end])
	}
	w.at = space(w.b, end)
	if w.at >= len(w.b) || w.b[w.at] != ':' {
		w.fail("a colon")
		return nil, false
	}
	w.at = space(w.b, w.at+1)
	return key, true
}

func (w *walk) value() ([]byte, bool) {
	end, ok := skip(w.b, w.at)
	if !ok {
		w.fail("a value")
		return nil, false
	}
	v := w.b[w.at:end]
	w.at = end
	return v, true
}
