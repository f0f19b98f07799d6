package plan

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// layout is a message as its JSON shows it: every field in its order, filled by a rule or not. Lists are always there, like fields without
// presence; anything else is left out when it has no value. The bytes are those that kit/wire writes for the message.
type layout []fieldOf

// fieldOf is one field of a layout.
type fieldOf struct {
	name   string
	quoted []byte // the name as JSON, with a colon
	list   bool
	zero   string // what is written without a value; empty for nothing
	own    own
	output *output
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
		m := fieldOf{name: string(fd.Name()), list: fd.IsList()}
		m.quoted = append(records.AppendQuoted(nil, []byte(m.name)), ':')
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
	if err := r.begin(record); err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	for i := range r.plan.layout {
		m := &r.plan.layout[i]
		if r.call.Keep != nil && !r.call.keeps(m.name) {
			dst = m.appendZero(dst)
			continue
		}
		var err error
		if dst, _, err = r.json(dst, m, r.frame); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// open appends the name of a member, after a comma where one is needed.
func (m *fieldOf) open(dst []byte) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(dst, m.quoted...)
}

func (m *fieldOf) appendZero(dst []byte) []byte {
	if m.zero == "" {
		return dst
	}
	return append(m.open(dst), m.zero...)
}

// json appends a member. It is filled when something other than a constant gave it a value.
func (r *Runner) json(dst []byte, m *fieldOf, f *frame) (_ []byte, filled bool, err error) {
	o := m.output
	if o == nil {
		return r.special(dst, m)
	}
	switch o.form {
	case formLeaf:
		c := &r.cell
		found, err := r.value(o.rule, f, c)
		if err != nil {
			return dst, false, err
		}
		if found == stateAbsent {
			return m.appendZero(dst), false, nil
		}
		return appendJSON(m.open(dst), o.rule.convert, c, &r.scratch), found == stateFilled, nil
	case formMessage:
		before := len(dst)
		if dst, filled, err = r.jsonObject(m.open(dst), o.layout, f); err != nil || !filled {
			return dst[:before], false, err
		}
		return dst, true, nil
	case formList:
		return r.jsonList(m.open(dst), o, f)
	default:
		json, any, filled, err := r.members(o, f)
		if err != nil || !any {
			return dst, false, err
		}
		return append(m.open(dst), json...), filled, nil
	}
}

// special appends what sando fills itself.
func (r *Runner) special(dst []byte, m *fieldOf) ([]byte, bool, error) {
	switch {
	case m.own == ownCustomFields && r.call.Custom != nil:
		return r.customObject(m.open(dst)), true, nil
	case m.own == ownRemoteData && r.call.RemoteData:
		if !records.Valid(r.record) {
			return dst, false, errRecord
		}
		return append(m.open(dst), r.record...), true, nil
	default:
		return m.appendZero(dst), false, nil
	}
}

func (r *Runner) jsonObject(dst []byte, l layout, f *frame) (_ []byte, filled bool, err error) {
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

func (r *Runner) jsonList(dst []byte, list *output, f *frame) (_ []byte, filled bool, err error) {
	dst = append(dst, '[')
	empty := len(dst)
	for _, e := range list.children {
		err := r.elements(e, f, func(f *frame) (bool, error) {
			before := len(dst)
			if before > empty {
				dst = append(dst, ',')
			}
			var one bool
			var err error
			if dst, one, err = r.jsonElement(dst, e, f); err != nil || !one {
				dst = dst[:before]
			}
			return one, err
		})
		if err != nil {
			return dst, false, err
		}
	}
	return append(dst, ']'), len(dst) > empty, nil
}

func (r *Runner) jsonElement(dst []byte, e *output, f *frame) ([]byte, bool, error) {
	if e.rule == nil {
		return r.jsonObject(dst, e.layout, f)
	}
	c := &r.cell
	found, err := r.value(e.rule, f, c)
	if err != nil || found == stateAbsent {
		return dst, false, err
	}
	return appendJSON(dst, e.rule.convert, c, &r.scratch), true, nil
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
