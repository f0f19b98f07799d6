package plan

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// layout is a message as its JSON shows it: every field in its order, filled by a rule or not. Lists are always there, like fields without
// presence; anything else is left out when it has no value. The bytes are those that kit/wire writes for the message.
type layout []fieldOf

// fieldOf is one field of a layout.
type fieldOf struct {
	name    string
	opening opening
	zero    string // what is written without a value; empty for nothing
	own     own
	output  *output
}

// own says which fields sando fills itself.
type own int

const (
	ownNone own = iota
	ownCustomFields
	ownRemoteData
)

func layoutOf(message protoreflect.MessageDescriptor, outputs []*output) layout {
	fields := message.Fields()
	l := make(layout, 0, fields.Len())
	for i := range fields.Len() {
		fd := fields.Get(i)
		m := fieldOf{name: string(fd.Name()), opening: openingOf(string(fd.Name()))}
		switch {
		case fd.IsList():
			m.zero = "[]"
		case !fd.HasPresence() && fd.Kind() == protoreflect.StringKind:
			m.zero = `""`
		}
		for _, o := range outputs {
			if o.field == fd {
				m.output = o
				o.lay()
			}
		}
		if m.output != nil || m.zero != "" || isMessage(fd, rawJSON) {
			l = append(l, m)
		}
	}
	return l
}

// merged is the layout for records that are not cut: neighbours without any value to come are one, and what is never written is gone.
func (l layout) merged() layout {
	out := make(layout, 0, len(l))
	for _, f := range l {
		last := len(out) - 1
		switch {
		case !f.empty():
			out = append(out, f)
		case f.zero == "":
		case last >= 0 && out[last].empty():
			out[last].opening = slices.Concat(out[last].opening, opening(out[last].zero), f.opening)
			out[last].zero = f.zero
		default:
			out = append(out, f)
		}
	}
	return out
}

// empty says whether nothing ever gives the field a value.
func (m *fieldOf) empty() bool { return m.output == nil && m.own == ownNone }

// own marks a field that sando fills itself; nil is no field.
func (l layout) own(o *output, what own) {
	for i := range l {
		if o != nil && l[i].name == string(o.field.Name()) {
			l[i].own = what
		}
	}
}

// lay gives an output and those below it their layouts.
func (o *output) lay() {
	switch {
	case o.form == formList:
		for _, e := range o.children {
			e.lay()
		}
	case (o.form == formMessage || o.form == formElement) && o.rule == nil:
		o.layout = layoutOf(o.field.Message(), o.children)
	}
}

// AppendJSON maps one record and appends the message as JSON.
func (r *Runner) AppendJSON(dst, record []byte) ([]byte, error) {
	if err := r.whole(record); err != nil {
		return dst, err
	}
	return r.messageJSON(dst)
}

// NextJSON does the same with the record at the start of text, and tells how long the record is.
func (r *Runner) NextJSON(dst, text []byte) (_ []byte, n int, err error) {
	if err := r.begin(text); err != nil {
		return dst, 0, err
	}
	dst, err = r.messageJSON(dst)
	return dst, len(r.record), err
}

// messageJSON appends what the record at hand makes. What a mask leaves out is not there at all, lists included.
func (r *Runner) messageJSON(dst []byte) ([]byte, error) {
	dst = append(dst, '{')
	for i := range r.layout {
		var err error
		if dst, _, err = r.json(dst, &r.layout[i], r.finder); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// opening is the name of a member as JSON, after a comma and before a colon.
type opening []byte

func openingOf(name string) opening {
	return append(records.AppendQuoted([]byte{','}, []byte(name)), ':')
}

// append opens a member in an object that was opened; the first one needs no comma.
func (o opening) append(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return append(dst, o[1:]...)
	}
	return append(dst, o...)
}

func (m *fieldOf) appendZero(dst []byte) []byte {
	if m.zero == "" {
		return dst
	}
	return append(m.opening.append(dst), m.zero...)
}

// json appends a member. It is filled when something other than a constant gave it a value.
func (r *Runner) json(dst []byte, m *fieldOf, f *records.Finder) (_ []byte, filled bool, err error) {
	o := m.output
	if o == nil {
		return r.special(dst, m)
	}
	switch o.form {
	case formLeaf:
		if o.rule.fixed != nil {
			return append(m.opening.append(dst), o.rule.fixed...), false, nil
		}
		if moved, ok := o.rule.move(m.opening.append(dst), f); ok {
			return moved, true, nil
		}
		c := &r.cell
		found, err := r.value(o.rule, f, c)
		if err != nil {
			return dst, false, err
		}
		if found == stateAbsent {
			return m.appendZero(dst), false, nil
		}
		return appendJSON(m.opening.append(dst), o.rule.convert, c, &r.scratch), found == stateFilled, nil
	case formMessage:
		before := len(dst)
		if dst, filled, err = r.jsonObject(m.opening.append(dst), o.layout, f); err != nil || !filled {
			return dst[:before], false, err
		}
		return dst, true, nil
	case formList:
		dst, err = r.elements(append(m.opening.append(dst), '['), o, f, (*Runner).oneJSON)
		return append(dst, ']'), false, err
	default:
		json, any, filled, err := r.members(o, f)
		if err != nil || !any {
			return dst, false, err
		}
		return append(m.opening.append(dst), json...), filled, nil
	}
}

// move appends a value that needs no more than a copy, because the source writes it as we would; not ok where there is more to it.
func (u *rule) move(dst []byte, f *records.Finder) (_ []byte, ok bool) {
	if u.moved < 0 {
		return dst, false
	}
	v := f.Found[u.moved]
	switch kind := records.KindOf(v); {
	case kind == records.String && u.convert == toText && records.Plain(v[1:len(v)-1]), kind == records.Bool && u.convert == toBool:
		return append(dst, v...), true
	case kind == records.Number && u.convert == toText:
		return append(append(append(dst, '"'), v...), '"'), true
	case kind == records.Number && u.convert == toInt && short(v):
		return append(dst, v...), true
	default:
		return dst, false
	}
}

// short says whether a number is an integer of 32 bits at a glance: at most nine digits, and no sign.
func short(number []byte) bool {
	for _, c := range number {
		if c-'0' > 9 {
			return false
		}
	}
	return len(number) <= 9
}

// special appends what sando fills itself.
func (r *Runner) special(dst []byte, m *fieldOf) ([]byte, bool, error) {
	switch {
	case m.own == ownCustomFields && r.call.Custom != nil:
		return r.customObject(m.opening.append(dst)), true, nil
	case m.own == ownRemoteData && r.call.RemoteData:
		return append(m.opening.append(dst), r.record...), true, nil
	default:
		return m.appendZero(dst), false, nil
	}
}

func (r *Runner) jsonObject(dst []byte, l layout, f *records.Finder) (_ []byte, filled bool, err error) {
	dst = append(dst, '{')
	for i := range l {
		var one bool
		if dst, one, err = r.json(dst, &l[i], f); err != nil {
			return dst, false, err
		}
		filled = filled || one
	}
	return append(dst, '}'), filled, nil
}

// oneJSON appends an element of a list.
func (r *Runner) oneJSON(dst []byte, e *output, f *records.Finder) (_ []byte, filled bool, err error) {
	before := len(dst)
	if dst[before-1] != '[' {
		dst = append(dst, ',')
	}
	if e.rule == nil {
		dst, filled, err = r.jsonObject(dst, e.layout, f)
	} else {
		var found state
		if found, err = r.value(e.rule, f, &r.cell); found != stateAbsent {
			dst, filled = appendJSON(dst, e.rule.convert, &r.cell, &r.scratch), true
		}
	}
	if err != nil || !filled {
		return dst[:before], false, err
	}
	return dst, true, nil
}

// appendJSON appends a converted value as JSON.
func appendJSON(dst []byte, convert conversion, c *cell, s *scratch) []byte {
	switch convert {
	case toText, toLower:
		if c.quoted != nil {
			return append(dst, c.quoted...)
		}
		return records.AppendQuoted(dst, c.text)
	case toInt:
		return strconv.AppendInt(dst, c.integer, 10)
	case toBool, toNot:
		return strconv.AppendBool(dst, c.boolean)
	case toTime:
		return c.appendTime(dst)
	case toTexts:
		dst = append(dst, '[')
		first := true
		c.eachText(s, func(t []byte) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = records.AppendQuoted(dst, t)
		})
		return append(dst, ']')
	default:
		return append(dst, c.text...)
	}
}
