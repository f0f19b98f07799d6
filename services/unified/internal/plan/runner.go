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
	record  []byte
	trace   *tracer
}

// Runner starts a call.
func (p *Plan) Runner(ctx context.Context, call Call) *Runner {
	r := &Runner{ctx: ctx, plan: p, call: call, frame: newFrame(p.source), outputs: p.outputs}
	if call.Keep != nil {
		r.outputs = slices.DeleteFunc(slices.Clone(p.outputs), func(o *output) bool { return !call.keeps(o) })
	}
	if len(call.Custom) > 0 {
		r.frame.customs = make(map[string]int, len(call.Custom))
		r.frame.customSlots = make([][]byte, len(call.Custom))
		for i, f := range call.Custom {
			r.frame.customs[f.Key] = i
		}
	}
	for _, e := range p.eaches {
		r.eaches = append(r.eaches, newFrame(e.source))
	}
	return r
}

func (c *Call) keeps(o *output) bool {
	name := string(o.field.Name())
	return c.Keep == nil || name == "id" || c.Keep[name]
}

// Append maps one record and appends the message in wire format.
func (r *Runner) Append(dst, record []byte) ([]byte, error) {
	r.record, r.scratch.b = record, r.scratch.b[:0]
	if err := r.frame.read(record); err != nil {
		return dst, err
	}
	var err error
	for _, o := range r.outputs {
		if dst, _, err = r.write(dst, o, r.frame); err != nil {
			return dst, err
		}
	}
	if o := r.plan.customFields; o != nil && r.call.Custom != nil && r.call.keeps(o) {
		dst = r.customFields(dst, o)
	}
	if o := r.plan.remoteData; o != nil && r.call.RemoteData {
		if !records.Valid(record) {
			return dst, &records.SyntaxError{Want: "a record of valid JSON"}
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
		count := 0
		for _, e := range o.children {
			if dst, count, err = r.element(dst, e, f, count); err != nil {
				return dst, false, err
			}
		}
		return dst, count > 0, nil
	default:
		return r.object(dst, o, f)
	}
}

// element appends a numbered element, or one per element of the source's array, and counts what is in the list.
func (r *Runner) element(dst []byte, e *output, f *frame, count int) (_ []byte, _ int, err error) {
	if e.each == nil {
		dst, filled, err := r.one(dst, e, f)
		if filled {
			count++
		}
		return dst, count, err
	}
	array := f.slots[e.each.slot]
	switch records.KindOf(array) {
	case records.Array:
	case records.Missing, records.Null:
		return dst, count, nil
	default:
		r.Warnings++
		return dst, count, nil
	}
	inner := r.eaches[e.each.number]
	walk := records.ElementsOf(array)
	for i := 0; ; i++ {
		v, ok := walk.Next()
		if !ok {
			return dst, count, walk.Err()
		}
		if err := inner.read(v); err != nil {
			return dst, count, err
		}
		r.trace.enter(i, count)
		var filled bool
		if dst, filled, err = r.one(dst, e, inner); err != nil {
			return dst, count, err
		}
		if filled {
			count++
		}
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
