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
	frame   *frame
	eaches  []*frame
	scratch scratch
	cell    cell
	buffer  []byte // for JSON within a message
	// customKeys are the keys of the organisation's own fields as JSON, with a colon.
	customKeys [][]byte
	record     []byte
	trace      *tracer
}

// Runner starts a call.
func (p *Plan) Runner(ctx context.Context, call Call) *Runner {
	r := &Runner{ctx: ctx, plan: p, call: call, frame: newFrame(p.source), outputs: p.outputs}
	if call.Keep != nil {
		r.outputs = slices.DeleteFunc(slices.Clone(p.outputs), func(o *output) bool { return !call.keeps(string(o.field.Name())) })
	}
	if len(call.Custom) > 0 {
		r.frame.customs = make(map[string]int, len(call.Custom))
		r.frame.customSlots = make([][]byte, len(call.Custom))
		for i, f := range call.Custom {
			r.frame.customs[f.Key] = i
			r.customKeys = append(r.customKeys, append(records.AppendQuoted(nil, []byte(f.Key)), ':'))
		}
	}
	for _, e := range p.eaches {
		r.eaches = append(r.eaches, newFrame(e.source))
	}
	return r
}

// keeps says whether a mask lets an output field through.
func (c *Call) keeps(name string) bool {
	return c.Keep == nil || name == "id" || name == RemoteData || c.Keep[name]
}

// begin walks a record.
func (r *Runner) begin(record []byte) error {
	if records.KindOf(record) != records.Object {
		return errRecord
	}
	r.record, r.scratch.b = record, r.scratch.b[:0]
	return r.frame.read(record)
}

// errRecord refuses a record that is no JSON object.
var errRecord = &records.SyntaxError{Want: "a record, one valid JSON object"}

// Append maps one record and appends the message in wire format.
func (r *Runner) Append(dst, record []byte) ([]byte, error) {
	if err := r.begin(record); err != nil {
		return dst, err
	}
	var err error
	for _, o := range r.outputs {
		if dst, _, err = r.write(dst, o, r.frame); err != nil {
			return dst, err
		}
	}
	if o := r.plan.customFields; o != nil && r.call.Custom != nil && r.call.keeps(string(o.field.Name())) {
		r.buffer = r.customObject(r.buffer[:0])
		dst = appendRaw(dst, o.tag, r.buffer)
	}
	if o := r.plan.remoteData; o != nil && r.call.RemoteData {
		if !records.Valid(record) {
			return dst, errRecord
		}
		dst = appendRaw(dst, o.tag, record)
	}
	return dst, nil
}

// write appends one output. It is filled when something other than a constant gave it a value.
func (r *Runner) write(dst []byte, o *output, f *frame) (_ []byte, filled bool, err error) {
	switch o.form {
	case formLeaf:
		return r.leaf(dst, o, f)
	case formMessage:
		return r.message(dst, o, f)
	case formList:
		for _, e := range o.children {
			err := r.elements(e, f, func(f *frame) (one bool, err error) {
				dst, one, err = r.one(dst, e, f)
				return one, err
			})
			if err != nil {
				return dst, false, err
			}
		}
		return dst, false, nil
	default:
		return r.object(dst, o, f)
	}
}

// elements visits a numbered element, or one per element of the source's array.
func (r *Runner) elements(e *output, f *frame, visit func(*frame) (filled bool, err error)) error {
	if e.each == nil {
		filled, err := visit(f)
		r.trace.numbered(e, filled)
		return err
	}
	array := f.slots[e.each.slot]
	switch records.KindOf(array) {
	case records.Array:
	case records.Missing, records.Null:
		return nil
	default:
		r.Warnings++
		return nil
	}
	inner := r.eaches[e.each.number]
	walk := records.ElementsOf(array)
	for i := 0; ; i++ {
		v, ok := walk.Next()
		if !ok {
			return walk.Err()
		}
		if err := inner.read(v); err != nil {
			return err
		}
		r.trace.enter(i, e.field)
		filled, err := visit(inner)
		if err != nil {
			return err
		}
		r.trace.leave(filled)
	}
}

// one appends a single element: a message, or a string when the element has a rule itself.
func (r *Runner) one(dst []byte, e *output, f *frame) ([]byte, bool, error) {
	if e.rule != nil {
		return r.leaf(dst, e, f)
	}
	return r.message(dst, e, f)
}

// message appends a nested message, and nothing when only constants would be in it.
func (r *Runner) message(dst []byte, o *output, f *frame) (_ []byte, filled bool, err error) {
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
func (r *Runner) leaf(dst []byte, o *output, f *frame) ([]byte, bool, error) {
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
