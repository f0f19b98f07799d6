package plan

import (
	"strconv"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// CustomField is one of an organisation's own fields.
type CustomField struct {
	// Key is the member of the source record, and of the output.
	Key string
	// Type is the provider's word for the type, e.g. `singleLine`, `number`, `bool`.
	Type string
}

// customObject appends the object of the organisation's own fields: those that have a value, in the order of their definitions.
func (r *Runner) customObject(dst []byte) []byte {
	dst = append(dst, '{')
	empty := len(dst)
	for i := range r.call.Custom {
		v := r.frame.customSlots[i]
		if records.KindOf(v) <= records.Null {
			continue
		}
		before := len(dst)
		if before > empty {
			dst = append(dst, ',')
		}
		dst = append(dst, r.customKeys[i]...)
		from := len(dst)
		var ok bool
		if dst, ok = r.call.Custom[i].append(dst, v); !ok {
			r.Warnings++
			if !records.Sound(v) {
				dst = dst[:before]
				continue
			}
			dst = append(dst[:from], v...)
		}
		r.trace.custom(r.call.Custom[i].Key, v, dst[from:])
	}
	return append(dst, '}')
}

// append writes a value as the field's type says; not ok when it does not fit the type, and is kept as it is.
func (f CustomField) append(dst, v []byte) ([]byte, bool) {
	kind := records.KindOf(v)
	switch f.Type {
	case "number", "currency":
		if kind != records.String {
			return append(dst, v...), kind == records.Number
		}
		inner := v[1 : len(v)-1]
		if _, err := strconv.ParseFloat(string(inner), 64); err != nil || !records.Valid(inner) {
			return dst, false
		}
		return append(dst, inner...), true
	case "bool":
		var b cell
		if b.setBoolean(v, kind) != good {
			return dst, false
		}
		return strconv.AppendBool(dst, b.boolean), true
	default:
		if !records.Sound(v) {
			return dst, false
		}
		return append(dst, v...), true
	}
}
