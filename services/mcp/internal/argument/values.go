// Package argument reads the flat arguments of a tool call, holds them to the catalog, and puts each where the call wants it.
package argument

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/sando-dev/sando/catalog"
	catalogv1 "github.com/sando-dev/sando/gen/sando/catalog/v1"
	"github.com/sando-dev/sando/kit/nearest"
	"github.com/sando-dev/sando/kit/rpcerr"
)

// Values are the checked arguments of one call, each as the exact JSON that the caller gave, so that no number is rounded.
type Values struct {
	operation *catalogv1.Operation
	given     []value
}

// value is one argument.
type value struct {
	name string
	// place is where it goes: one of catalog's In constants.
	place string
	// schema is nil for further fields, which only the provider's customer knows.
	schema *catalogv1.Schema
	raw    jsontext.Value
}

// A Reader reads the arguments of one operation. It is made once and may be used concurrently.
type Reader struct {
	operation *catalogv1.Operation
	known     []catalog.Argument
}

// NewReader makes a reader for the arguments of an operation and the tool's own fields.
func NewReader(op *catalogv1.Operation, own ...*catalogv1.Field) *Reader {
	known := catalog.Arguments(op)
	for _, f := range own {
		known = append(known, catalog.Argument{Name: f.GetName(), In: catalog.InSando, Field: f})
	}
	return &Reader{operation: op, known: known}
}

// Read parses and checks arguments; nothing and null are no arguments. The error is VALIDATION_FAILED and names every fault with what would be right.
func (r *Reader) Read(raw []byte) (*Values, error) {
	members, err := object(raw)
	if err != nil {
		return nil, rpcerr.Invalid("arguments", err.Error())
	}
	op, known := r.operation, r.known
	v := &Values{operation: op, given: make([]value, 0, len(members))}
	var faults []rpcerr.Violation
	fault := func(field, text string) { faults = append(faults, rpcerr.Violation{Field: field, Description: text}) }
	for _, a := range known {
		raw, ok := members.take(a.Name)
		if null := raw.Kind() == 'n'; null && !a.Field.GetNullable() {
			ok = false // many clients send null for what they leave out
		}
		if !ok {
			if a.Field.GetRequired() {
				fault(a.Name, "is required"+expecting(a.Field))
			}
			continue
		}
		raw = whole(a.Field.GetSchema(), raw)
		if raw.Kind() != 'n' {
			for _, text := range check(a.Field.GetSchema(), raw) {
				fault(a.Name, text)
			}
		}
		v.given = append(v.given, value{name: a.Name, place: a.In, schema: a.Field.GetSchema(), raw: raw})
	}
	further := furtherPlace(op)
	for _, m := range members {
		if m.taken {
			continue
		}
		if further == "" {
			fault(m.name, "is not an argument of this tool"+meant(m.name, known))
			continue
		}
		v.given = append(v.given, value{name: m.name, place: further, raw: m.raw})
	}
	if len(faults) > 0 {
		return nil, refused(faults)
	}
	return v, nil
}

// furtherPlace is where fields go that the catalog does not name; empty when the operation takes none.
func furtherPlace(op *catalogv1.Operation) string {
	switch {
	case op.GetRequest().GetBody().GetAdditionalFields():
		return catalog.InBody
	case op.GetRequest().GetAdditionalParameters():
		return catalog.InQuery
	}
	return ""
}

func refused(faults []rpcerr.Violation) *rpcerr.Error {
	e := rpcerr.New(rpcerr.ValidationFailed, faults[0].Field+": "+faults[0].Description)
	e.Violations = faults
	return e.WithFix("Correct the arguments named in details.violations and call again.")
}

func expecting(f *catalogv1.Field) string {
	if f.GetDescription() == "" {
		return ""
	}
	return ": " + f.GetDescription()
}

func meant(name string, known []catalog.Argument) string {
	names := make([]string, len(known))
	for n, a := range known {
		names[n] = a.Name
	}
	if near := nearest.Of(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// members are the members of a JSON object in their order.
type members []member

type member struct {
	name  string
	raw   jsontext.Value
	taken bool
}

func (m members) take(name string) (jsontext.Value, bool) {
	for n := range m {
		if m[n].name == name {
			m[n].taken = true
			return m[n].raw, true
		}
	}
	return nil, false
}

// object splits a JSON object. A name given twice is refused: which one counts would be a guess.
func object(raw []byte) (members, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	tok, err := dec.ReadToken()
	if err != nil || tok.Kind() != '{' {
		return nil, fmt.Errorf("must be a JSON object")
	}
	var out members
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, unreadable(err)
		}
		m := member{name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, unreadable(err)
		}
		m.raw = value.Clone()
		out = append(out, m)
	}
	return out, nil
}

// unreadable says what is wrong with an object, in words for whoever sent it.
func unreadable(err error) error {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		if at, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
			return fmt.Errorf("has %q more than once", at.JSONPointer.LastToken())
		}
	}
	return errors.New("is not valid JSON")
}
