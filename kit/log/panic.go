package log

import (
	"fmt"
	"runtime"
)

// Panic is what may be written down of a recovered value: the text of the
// runtime's own errors, and of anything else only its type. What code panics
// with may quote what it had in hand; the stack says where to look.
func Panic(v any) string {
	if c, ok := v.(Concealed); ok {
		return string(c)
	}
	if err, ok := v.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", v)
}

// Concealed is what Panic says of a value, to panic with again in its place:
// a library that writes values down, as a span does that ends in a panic, must
// not see the first one.
type Concealed string
