package plan

import (
	"slices"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// state says what a rule found.
type state int

const (
	stateAbsent   state = iota
	stateConstant       // a value that does not come from the record
	stateFilled
)

// value finds the value of a rule.
func (r *Runner) value(u *rule, f *records.Finder, c *cell) (state, error) {
	found, err := r.find(u, f, c)
	if err != nil {
		return stateAbsent, err
	}
	if found == stateAbsent && u.required {
		return stateAbsent, u.fail(firstOf(u, f), "the field is required, but there is no value for it")
	}
	if u.enum != nil && found != stateAbsent && !c.fixed {
		if to := u.enum.find(c.text); to != nil {
			c.text, c.quoted = to.text, to.quoted
		} else {
			r.Warnings++
		}
	}
	if r.trace != nil {
		r.trace.step(r, u, c, found)
	}
	return found, nil
}

// find looks at cases, then at the origin of the value.
func (r *Runner) find(u *rule, f *records.Finder, c *cell) (state, error) {
	c.fixed = false
	for i := range u.cases {
		if k := &u.cases[i]; k.holds(f.Found[k.slot], &r.scratch) {
			r.trace.at(k.pointer, f.Found[k.slot])
			*c = k.value
			return stateOf(!c.isNull, stateFilled), nil
		}
	}
	switch {
	case len(u.paths) > 0:
		return r.first(u, f, c), nil
	case u.constant != nil:
		*c = *u.constant
		return stateOf(!c.isNull, stateConstant), nil
	case len(u.join) > 0:
		r.trace.at(u.join[0].pointer, f.Found[u.join[0].slot])
		r.joined(u, f, c)
		return stateOf(len(c.text) > 0, stateFilled), nil
	case u.parameter != "":
		v, given := r.call.Parameters[u.parameter]
		return stateOf(given && u.convert.apply(records.AppendQuoted(nil, []byte(v)), &r.scratch, c) == good, stateFilled), nil
	case u.program != nil:
		ok, err := r.evaluate(u, c)
		return stateOf(ok, stateFilled), err
	default:
		return stateAbsent, nil
	}
}

func stateOf(there bool, s state) state {
	if there {
		return s
	}
	return stateAbsent
}

// first takes the first path that leads to a value of a type that will do.
func (r *Runner) first(u *rule, f *records.Finder, c *cell) state {
	for i := range u.paths {
		v := f.Found[u.paths[i].slot]
		if v == nil {
			continue
		}
		switch u.convert.apply(v, &r.scratch, c) {
		case wrong:
			r.Warnings++
			continue
		case wrongPart:
			r.Warnings++
		case absent:
			continue
		}
		r.trace.at(u.paths[i].pointer, v)
		return stateFilled
	}
	return stateAbsent
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
func (r *Runner) joined(u *rule, f *records.Finder, c *cell) {
	r.joint = append(r.joint[:0], '"')
	quoted := true
	var part cell
	for _, p := range u.join {
		switch u.convert.apply(f.Found[p.slot], &r.scratch, &part) {
		case wrong:
			r.Warnings++
		case good:
			if len(part.text) == 0 {
				continue
			}
			if len(r.joint) > 1 {
				r.joint = append(r.joint, ' ')
			}
			r.joint = append(r.joint, part.text...)
			quoted = quoted && part.quoted != nil
		}
	}
	c.text, c.quoted = r.joint[1:], nil
	if quoted {
		r.joint = append(r.joint, '"')
		c.text, c.quoted = r.joint[1:len(r.joint)-1], r.joint
	}
}

func (r *Runner) evaluate(u *rule, c *cell) (bool, error) {
	out, err := u.program.Map(r.ctx, r.record, r.call.Facts)
	if err != nil {
		if r.ctx.Err() != nil {
			return false, r.ctx.Err()
		}
		return false, u.fail(r.record, "the expression failed: "+err.Error())
	}
	r.Warnings += out.Warnings
	if out.Absent {
		return false, nil
	}
	*c = cell{integer: out.Int, boolean: out.Bool, texts: out.Texts, text: out.JSON}
	switch u.convert {
	case toText:
		c.text = []byte(out.Text)
	case toLower:
		c.text = lower([]byte(out.Text))
	case toNot:
		c.boolean = !c.boolean
	case toTime:
		return c.setMoment(out.Time) == good, nil
	}
	return true, nil
}

// firstOf is the value to show when a required field is absent.
func firstOf(u *rule, f *records.Finder) []byte {
	for _, p := range slices.Concat(u.paths, u.join) {
		if v := f.Found[p.slot]; v != nil {
			return v
		}
	}
	return nil
}
