package plan

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/sando-dev/sando/services/unified/internal/expression"
	"github.com/sando-dev/sando/services/unified/internal/records"
)

// conversion makes a cell of a JSON value.
type conversion int

const (
	toText conversion = iota
	toLower
	toInt
	toBool
	toNot
	toTime
	toTexts
	toJSON
)

// conversions are the names in field tables.
var conversions = map[string]conversion{
	"string": toText, "lower": toLower, "int": toInt, "bool": toBool, "not": toNot, "time": toTime, "csv": toTexts, "json": toJSON,
}

func (c conversion) String() string {
	return [...]string{"a string", "a string", "an integer", "a boolean", "a boolean", "a time", "a list of strings", "a JSON value"}[c]
}

// want is the type that an expression must yield for the conversion.
func (c conversion) want() expression.Want {
	return [...]expression.Want{
		expression.Text, expression.Text, expression.Int, expression.Bool, expression.Bool, expression.Time, expression.Texts, expression.JSON,
	}[c]
}

// cell is a converted value. Which member counts is up to the conversion.
type cell struct {
	text    []byte // text; JSON; of a list, the JSON array or string; of a time, how the source writes it, when that is how we would
	quoted  []byte // text as JSON, when the source has it in the form that we would write
	texts   []string
	integer int64 // or seconds since 1970
	nanos   int32
	boolean bool
	fixed   bool // a constant, which enum tables do not touch
	isNull  bool // of a constant: the field is left out
}

// outcome says how a conversion went.
type outcome int

const (
	good outcome = iota
	absent
	wrong
	wrongPart // good, but for elements of a list
)

// scratch holds texts that had escapes, until the record is written.
type scratch struct {
	b []byte
}

// apply converts a value into c.
func (to conversion) apply(v []byte, s *scratch, c *cell) outcome {
	kind := records.KindOf(v)
	if kind <= records.Null {
		return absent
	}
	switch to {
	case toText:
		return c.setText(v, kind, s)
	case toLower:
		out := c.setText(v, kind, s)
		c.text, c.quoted = lower(c.text), nil
		return out
	case toInt:
		return c.setInteger(v, kind)
	case toBool, toNot:
		out := c.setBoolean(v, kind)
		c.boolean = c.boolean != (to == toNot)
		return out
	case toTime:
		return c.setTime(v, kind)
	case toTexts:
		return c.setList(v, kind)
	default:
		c.text = v
		return good
	}
}

func (c *cell) setText(v []byte, kind records.Kind, s *scratch) outcome {
	c.quoted = nil
	switch kind {
	case records.Number, records.Bool:
		c.text = v
	case records.String:
		inner := v[1 : len(v)-1]
		if records.Plain(inner) || bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
			c.text, c.quoted = inner, v
		} else {
			c.text = s.plain(v)
		}
	default:
		return wrong
	}
	return good
}

// plain gives the text of a JSON string, without a copy when there is nothing to undo.
func (s *scratch) plain(v []byte) []byte {
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	from := len(s.b)
	s.b = records.AppendText(s.b, v)
	return s.b[from:]
}

func lower(t []byte) []byte {
	for _, c := range t {
		if c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return bytes.ToLower(t)
		}
	}
	return t
}

func (c *cell) setInteger(v []byte, kind records.Kind) outcome {
	if kind == records.String {
		v = v[1 : len(v)-1]
	} else if kind != records.Number {
		return wrong
	}
	if n, err := strconv.ParseInt(string(v), 10, 32); err == nil {
		c.integer = n
		return good
	}
	if kind == records.Number {
		// 4.0 and 1e3 are integers too.
		if f, err := strconv.ParseFloat(string(v), 64); err == nil && f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32 {
			c.integer = int64(f)
			return good
		}
	}
	return wrong
}

func (c *cell) setBoolean(v []byte, kind records.Kind) outcome {
	if kind == records.String {
		v = v[1 : len(v)-1]
	} else if kind != records.Bool {
		return wrong
	}
	switch string(v) {
	case "true":
		c.boolean = true
	case "false":
		c.boolean = false
	default:
		return wrong
	}
	return good
}

// setList checks that the elements can be texts; they are read when they are written.
func (c *cell) setList(v []byte, kind records.Kind) outcome {
	c.text, c.texts = v, nil
	switch kind {
	case records.String:
		return good
	case records.Array:
		out := good
		walk := records.ElementsOf(v)
		for {
			e, ok := walk.Next()
			if !ok {
				break
			}
			if k := records.KindOf(e); k == records.Array || k == records.Object {
				out = wrongPart
			}
		}
		if walk.Err() != nil {
			return wrong
		}
		return out
	default:
		return wrong
	}
}

// eachText yields the texts of a list.
func (c *cell) eachText(s *scratch, yield func([]byte)) {
	switch records.KindOf(c.text) {
	case records.String:
		for part := range bytes.SplitSeq(s.plain(c.text), []byte{','}) {
			if part = bytes.TrimSpace(part); len(part) > 0 {
				yield(part)
			}
		}
	case records.Array:
		var one cell
		for walk := records.ElementsOf(c.text); ; {
			e, ok := walk.Next()
			if !ok {
				break
			}
			if one.setText(e, records.KindOf(e), s) == good && records.KindOf(e) != records.Null {
				yield(one.text)
			}
		}
	}
	for _, t := range c.texts {
		yield([]byte(t))
	}
}
