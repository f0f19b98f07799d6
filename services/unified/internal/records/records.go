// Package records reads raw JSON without decoding it: it walks the elements of an array and the members of an object as slices of the
// source bytes, so that a number keeps every digit and nothing is copied until an output field needs it.
//
// A walk checks everything that it steps over, as RFC 8259 has it: a value that it gave is JSON throughout and may be copied as it is. Only
// UTF-8 is not looked at; [AppendText] sees to that. Of duplicate keys the last one counts, as in decoders.
package records

import (
	"bytes"
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

// Valid reports whether the bytes are exactly one JSON value, nested no deeper than is read.
func Valid(value []byte) bool {
	end, ok := skip(value, space(value, 0), 0)
	return ok && space(value, end) == len(value)
}

// SyntaxError says where the source stops being JSON.
type SyntaxError struct {
	// Offset counts bytes from the start of the value being walked.
	Offset int
	// Want is what should stand there, if that can be said.
	Want string
}

func (e *SyntaxError) Error() string {
	if e.Want == "" {
		return fmt.Sprintf("not valid JSON at byte %d", e.Offset)
	}
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
	if !e.More() {
		return nil, false
	}
	return e.value()
}

// More steps up to the next element; false at the end or at a fault, which Err tells.
func (e *Elements) More() bool { return e.more(']') }

// Rest is the text from the element at hand on, for a reader that finds the end of it by itself and then calls Skip.
func (e *Elements) Rest() []byte { return e.b[e.at:] }

// Skip steps over the element at hand, of n bytes.
func (e *Elements) Skip(n int) { e.at += n }

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
	end, ok := skipKey(w.b, w.at)
	if !ok {
		w.at = end
		w.fail("a key and a colon")
		return nil, false
	}
	key := w.b[w.at : bytes.LastIndexByte(w.b[:end], '"')+1]
	w.at = end
	if inner := key[1 : len(key)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	return AppendText(nil, key), true
}

func (w *walk) value() ([]byte, bool) {
	end, ok := skip(w.b, w.at, 1)
	if !ok {
		w.at = end
		w.fail("a value")
		return nil, false
	}
	v := w.b[w.at:end]
	w.at = end
	return v, true
}
