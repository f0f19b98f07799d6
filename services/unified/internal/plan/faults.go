package plan

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sando-dev/sando/services/unified/internal/expression"
)

// Fault is one thing wrong with a field table, or with an override of one.
type Fault struct {
	// Layer is where the fault came in.
	Layer string
	// Place is the row and the part of it, e.g. `fields.first_name.expression`.
	Place string
	// Text says what is wrong, Fix what to do; Fix may be empty.
	Text, Fix string
}

// FaultOf is a fault at a place, with the fix that an expression's error brings along.
func FaultOf(layer, place string, err error) Fault {
	f := Fault{Layer: layer, Place: place, Text: err.Error()}
	if e, ok := errors.AsType[*expression.Error](err); ok {
		f.Fix = e.Fix
	}
	return f
}

// Faults is everything wrong with a field table.
type Faults []Fault

func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, fault := range f {
		texts[i] = fmt.Sprintf("%s (%s): %s", fault.Place, fault.Layer, fault.Text)
	}
	return strings.Join(texts, "; ")
}

// maxShown bounds the source value that an error shows.
const maxShown = 256

// Error is a record that could not be mapped.
type Error struct {
	// Layer, Field and Expression are the row that failed; Expression is its expression, path or constant as written.
	Layer, Field, Expression string
	// Source is the value that the row read, cut after 256 bytes; empty when there was none.
	Source string
	// Text says what went wrong.
	Text string
}

func (e *Error) Error() string {
	return fmt.Sprintf("field %s (%s): %s", e.Field, e.Layer, e.Text)
}

func (r *rule) fail(source []byte, text string) *Error {
	shown := source
	if len(shown) > maxShown {
		shown = shown[:maxShown]
	}
	return &Error{Layer: r.layer, Field: r.name, Expression: r.written, Source: strings.ToValidUTF8(string(shown), "\uFFFD"), Text: text}
}
