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

// customOutput is how one of them is written.
type customOutput struct {
	key     string
	opening opening
	write   func(dst, v []byte) ([]byte, bool)
}

func customOutputs(fields []CustomField) []customOutput {
	outputs := make([]customOutput, len(fields))
	for i, f := range fields {
		outputs[i] = customOutput{key: f.Key, opening: openingOf(f.Key)}
		switch f.Type {
		case "number", "currency":
			outputs[i].write = appendNumber
		case "bool":
			outputs[i].write = appendBool
		}
	}
	return outputs
}

// customObject appends the object of the organisation's own fields: those that have a value, in the order of their definitions. A value that
// does not fit its type is kept as it is.
func (r *Runner) customObject(dst []byte) []byte {
	dst = append(dst, '{')
	for i, v := range r.finder.Members() {
		if records.KindOf(v) <= records.Null {
			continue
		}
		o := &r.customs[i]
		dst = o.opening.append(dst)
		from, fits := len(dst), false
		if o.write != nil {
			if dst, fits = o.write(dst, v); !fits {
				r.Warnings++
			}
		}
		if !fits {
			dst = append(dst, v...)
		}
		if r.trace != nil {
			r.trace.custom(o.key, v, dst[from:])
		}
	}
	return append(dst, '}')
}

// appendNumber takes numbers, and texts that are numbers.
func appendNumber(dst, v []byte) ([]byte, bool) {
	switch records.KindOf(v) {
	case records.Number:
		return append(dst, v...), true
	case records.String:
		if inner := v[1 : len(v)-1]; records.KindOf(inner) == records.Number && records.Valid(inner) {
			return append(dst, inner...), true
		}
	}
	return dst, false
}

// appendBool takes booleans, and texts that are booleans.
func appendBool(dst, v []byte) ([]byte, bool) {
	var b cell
	if b.setBoolean(v, records.KindOf(v)) != good {
		return dst, false
	}
	return strconv.AppendBool(dst, b.boolean), true
}
