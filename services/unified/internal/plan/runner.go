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
	c, filled, ok, err := r.value(o.rule, f)
	if err != nil || !ok {
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
	return dst, filled, nil
}

// value finds the value of a rule; not ok when it is absent.
func (r *Runner) value(u *rule, f *frame) (c cell, filled, ok bool, err error) {
	c, from, source, filled, ok, err := r.find(u, f)
	if err != nil {
		return c, false, false, err
	}
	if !ok && u.required {
		return c, false, false, u.fail(firstOf(u, f), "the field is required, but there is no value for it")
	}
	if ok && u.enum != nil && !c.fixed {
		if to, known := u.enum[string(c.text)]; known {
			c.text = to
		} else {
			r.Warnings++
		}
	}
	r.trace.step(r, u, from, source, c, ok)
	return c, filled, ok, nil
}

// find looks at cases, then at the origin of the value. It gives the pointer and the source value too, for explanations.
func (r *Runner) find(u *rule, f *frame) (c cell, from string, source []byte, filled, ok bool, err error) {
	for i := range u.cases {
		if k := &u.cases[i]; k.holds(f.slots[k.slot], &r.scratch) {
			return k.value, k.pointer, f.slots[k.slot], true, !k.value.isNull, nil
		}
	}
	switch {
	case len(u.paths) > 0:
		for _, p := range u.paths {
			v := f.slots[p.slot]
			c, out := u.convert.apply(v, &r.scratch)
			if out == wrong || out == wrongPart {
				r.Warnings++
			}
			if out == good || out == wrongPart {
				return c, p.pointer, v, true, true, nil
			}
		}
	case len(u.join) > 0:
		c.text = r.joined(u, f)
		return c, u.join[0].pointer, f.slots[u.join[0].slot], true, len(c.text) > 0, nil
	case u.constant != nil:
		return *u.constant, "", nil, false, !u.constant.isNull, nil
	case u.parameter != "":
		v, given := r.call.Parameters[u.parameter]
		if !given {
			return c, "", nil, false, false, nil
		}
		c, out := u.convert.apply(records.AppendQuoted(nil, []byte(v)), &r.scratch)
		return c, "", nil, true, out == good, nil
	case u.program != nil:
		c, ok, err = r.evaluate(u)
		return c, "", nil, true, ok, err
	}
	return c, "", nil, false, false, nil
}

// holds compares the source with the case's value.
func (k *caseOf) holds(v []byte, s *scratch) bool {
	kind := records.KindOf(v)
	if kind == records.Missing {
		kind = records.Null
	}
	if kind != k.kind {
		return false
	}
	switch kind {
	case records.Null:
		return true
	case records.String:
		return string(s.plain(v)) == string(k.text)
	default:
		return string(v) == string(k.text)
	}
}

// joined joins the texts that are there by one space.
func (r *Runner) joined(u *rule, f *frame) []byte {
	var parts [][]byte
	for _, p := range u.join {
		v := f.slots[p.slot]
		c, out := u.convert.apply(v, &r.scratch)
		if out == wrong {
			r.Warnings++
		}
		if out == good && len(c.text) > 0 {
			parts = append(parts, c.text)
		}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	from := len(r.scratch.b)
	for i, p := range parts {
		if i > 0 {
			r.scratch.b = append(r.scratch.b, ' ')
		}
		r.scratch.b = append(r.scratch.b, p...)
	}
	return r.scratch.b[from:]
}

func (r *Runner) evaluate(u *rule) (cell, bool, error) {
	out, err := u.program.Map(r.ctx, r.record, r.call.Facts)
	if err != nil {
		if r.ctx.Err() != nil {
			return cell{}, false, r.ctx.Err()
		}
		return cell{}, false, u.fail(r.record, "the expression failed: "+err.Error())
	}
	r.Warnings += out.Warnings
	if out.Absent {
		return cell{}, false, nil
	}
	c := cell{integer: out.Int, boolean: out.Bool, texts: out.Texts, text: out.JSON}
	switch u.convert {
	case toText:
		c.text = []byte(out.Text)
	case toLower:
		c.text = lower([]byte(out.Text))
	case toNot:
		c.boolean = !c.boolean
	case toTime:
		m, ok := moment(out.Time)
		return m, ok == good, nil
	}
	return c, true, nil
}

// firstOf is the value to show when a required field is absent.
func firstOf(u *rule, f *frame) []byte {
	for _, p := range slices.Concat(u.paths, u.join) {
		if v := f.slots[p.slot]; v != nil {
			return v
		}
	}
	return nil
}
