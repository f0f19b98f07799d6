package plan

import (
	"context"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// Call is what a mapping depends on besides the record.
type Call struct {
	// Parameters are the unified parameters of the call, for fields that repeat one.
	Parameters map[string]string
	// Facts are for expressions.
	Facts expression.Facts
	// Custom are the organisation's own fields to collect; nil leaves the output out.
	Custom []CustomField
	// Keep names the top-level output fields to write; nil writes all. The id is always written.
	Keep map[string]bool
	// RemoteData asks for the source record in the output.
	RemoteData bool
}

// Runner maps the records of one call, one after the other. It is not safe for concurrent use.
type Runner struct {
	// Warnings counts texts outside their enum table and values of a wrong type.
	Warnings int

	ctx     context.Context
	plan    *Plan
	call    Call
	outputs []*output
	layout  layout
	finder  *records.Finder
	eaches  []*records.Finder
	customs []customOutput
	cell    cell
	scratch scratch
	joint   []byte // a join
	buffer  []byte // JSON within a message
	record  []byte
	trace   *tracer
}

// Runner starts a call.
func (p *Plan) Runner(ctx context.Context, call Call) *Runner {
	r := &Runner{ctx: ctx, plan: p, call: call, outputs: p.outputs, layout: p.whole, customs: customOutputs(call.Custom)}
	if call.Keep != nil {
		r.outputs = slices.DeleteFunc(slices.Clone(p.outputs), func(o *output) bool { return !call.keeps(string(o.field.Name())) })
		r.layout = slices.DeleteFunc(slices.Clone(p.layout), func(f fieldOf) bool { return !call.keeps(f.name) })
	}
	keys := make([]string, len(call.Custom))
	for i, f := range call.Custom {
		keys[i] = f.Key
	}
	r.finder = p.places.Finder(keys...)
	for _, e := range p.eaches {
		r.eaches = append(r.eaches, e.places.Finder())
	}
	return r
}

// keeps says whether a mask lets an output field through.
func (c *Call) keeps(name string) bool {
	return c.Keep == nil || name == "id" || name == RemoteData || c.Keep[name]
}

// begin reads the record at the start of text.
func (r *Runner) begin(text []byte) error {
	if records.KindOf(text) != records.Object {
		return errRecord
	}
	n, err := r.finder.Read(text)
	r.record, r.scratch.b = text[:n], r.scratch.b[:0]
	return err
}

// whole reads a record that is all of the text.
func (r *Runner) whole(text []byte) error {
	if err := r.begin(text); err != nil {
		return err
	}
	if len(r.record) < len(text) {
		return errRecord
	}
	return nil
}

// errRecord refuses a record that is no JSON object.
var errRecord = &records.SyntaxError{Want: "a record, one valid JSON object"}

// Append maps one record and appends the message in wire format.
func (r *Runner) Append(dst, record []byte) ([]byte, error) {
	if err := r.whole(record); err != nil {
		return dst, err
	}
	var err error
	for _, o := range r.outputs {
		if dst, _, err = r.write(dst, o, r.finder); err != nil {
			return dst, err
		}
	}
	if o := r.plan.customFields; o != nil && r.call.Custom != nil && r.call.keeps(string(o.field.Name())) {
		r.buffer = r.customObject(r.buffer[:0])
		dst = appendRaw(dst, o.tag, r.buffer)
	}
	if o := r.plan.remoteData; o != nil && r.call.RemoteData {
		dst = appendRaw(dst, o.tag, record)
	}
	return dst, nil
}

// write appends one output. It is filled when something other than a constant gave it a value.
func (r *Runner) write(dst []byte, o *output, f *records.Finder) (_ []byte, filled bool, err error) {
	switch o.form {
	case formLeaf:
		return r.leaf(dst, o, f)
	case formMessage:
		return r.message(dst, o, f)
	case formList:
		dst, err = r.elements(dst, o, f, (*Runner).one)
		return dst, false, err
	default:
		return r.object(dst, o, f)
	}
}

// element appends an element of a list, and nothing when it is not filled.
type element func(r *Runner, dst []byte, e *output, f *records.Finder) (_ []byte, filled bool, err error)

// elements appends the elements of a list: the numbered ones, and one per element of the source's arrays.
func (r *Runner) elements(dst []byte, list *output, f *records.Finder, one element) (_ []byte, err error) {
	for _, e := range list.children {
		if e.each != nil {
			dst, err = r.each(dst, e, f.Found[e.each.slot], one)
		} else {
			var filled bool
			dst, filled, err = one(r, dst, e, f)
			r.trace.numbered(e, filled)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// each appends one element per element of the source's array.
func (r *Runner) each(dst []byte, e *output, array []byte, one element) ([]byte, error) {
	switch records.KindOf(array) {
	case records.Array:
	case records.Missing, records.Null:
		return dst, nil
	default:
		r.Warnings++
		return dst, nil
	}
	inner := r.eaches[e.each.number]
	walk := records.ElementsOf(array)
	for i := 0; walk.More(); i++ {
		n, err := inner.Read(walk.Rest())
		if err != nil {
			return dst, err
		}
		walk.Skip(n)
		r.trace.enter(i, e.field)
		var filled bool
		if dst, filled, err = one(r, dst, e, inner); err != nil {
			return dst, err
		}
		r.trace.leave(filled)
	}
	return dst, walk.Err()
}

// one appends a single element: a message, or a string when the element has a rule itself.
func (r *Runner) one(dst []byte, e *output, f *records.Finder) ([]byte, bool, error) {
	if e.rule != nil {
		return r.leaf(dst, e, f)
	}
	return r.message(dst, e, f)
}

// message appends a nested message, and nothing when only constants would be in it.
func (r *Runner) message(dst []byte, o *output, f *records.Finder) (_ []byte, filled bool, err error) {
	before := len(dst)
	dst = append(dst, o.tag...)
	dst, mark := openLength(dst)
	for _, child := range o.children {
		var one bool
		if dst, one, err = r.write(dst, child, f); err != nil {
			return dst, false, err
		}
		filled = filled || one
	}
	if !filled {
		return dst[:before], false, nil
	}
	return closeLength(dst, mark), true, nil
}

// leaf appends a scalar.
func (r *Runner) leaf(dst []byte, o *output, f *records.Finder) ([]byte, bool, error) {
	c := &r.cell
	state, err := r.value(o.rule, f, c)
	if err != nil || state == stateAbsent {
		return dst, false, err
	}
	switch o.rule.convert {
	case toText, toLower:
		dst = append(dst, o.tag...)
		dst = protowire.AppendBytes(dst, c.text)
	case toInt:
		dst = append(dst, o.tag...)
		dst = protowire.AppendVarint(dst, uint64(c.integer))
	case toBool, toNot:
		dst = append(dst, o.tag...)
		dst = protowire.AppendVarint(dst, protowire.EncodeBool(c.boolean))
	case toTime:
		dst = appendTime(dst, o.tag, c)
	case toTexts:
		c.eachText(&r.scratch, func(t []byte) {
			dst = append(dst, o.tag...)
			dst = protowire.AppendBytes(dst, t)
		})
	case toJSON:
		dst = appendRaw(dst, o.tag, c.text)
	}
	return dst, state == stateFilled, nil
}
