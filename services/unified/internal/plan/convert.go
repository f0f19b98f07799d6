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
	text    []byte // text, or JSON
	list    []byte // JSON array of texts, or a text to be cut at commas
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

// apply converts a value.
func (c conversion) apply(v []byte, s *scratch) (cell, outcome) {
	kind := records.KindOf(v)
	if kind <= records.Null {
		return cell{}, absent
	}
	switch c {
	case toText:
		return text(v, kind, s)
	case toLower:
		t, out := text(v, kind, s)
		t.text = lower(t.text)
		return t, out
	case toInt:
		return integer(v, kind)
	case toBool, toNot:
		b, out := boolean(v, kind)
		b.boolean = b.boolean != (c == toNot)
		return b, out
	case toTime:
		return instant(v, kind)
	case toTexts:
		return list(v, kind)
	default:
		if !records.Valid(v) {
			return cell{}, wrong
		}
		return cell{text: v}, good
	}
}

func text(v []byte, kind records.Kind, s *scratch) (cell, outcome) {
	switch kind {
	case records.Number, records.Bool:
		return cell{text: v}, good
	case records.String:
		return cell{text: s.plain(v)}, good
	default:
		return cell{}, wrong
	}
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

func integer(v []byte, kind records.Kind) (cell, outcome) {
	if kind == records.String {
		v = v[1 : len(v)-1]
	} else if kind != records.Number {
		return cell{}, wrong
	}
	n, err := strconv.ParseInt(string(v), 10, 32)
	if err == nil {
		return cell{integer: n}, good
	}
	if kind == records.Number {
		// 4.0 and 1e3 are integers too.
		if f, err := strconv.ParseFloat(string(v), 64); err == nil && f == math.Trunc(f) && math.Abs(f) <= math.MaxInt32 {
			return cell{integer: int64(f)}, good
		}
	}
	return cell{}, wrong
}

func boolean(v []byte, kind records.Kind) (cell, outcome) {
	if kind == records.String {
		v = v[1 : len(v)-1]
	} else if kind != records.Bool {
		return cell{}, wrong
	}
	switch string(v) {
	case "true":
		return cell{boolean: true}, good
	case "false":
		return cell{}, good
	default:
		return cell{}, wrong
	}
}

// list checks that the elements can be texts; they are read when they are written.
func list(v []byte, kind records.Kind) (cell, outcome) {
	switch kind {
	case records.String:
		return cell{list: v}, good
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
			return cell{}, wrong
		}
		return cell{list: v}, out
	default:
		return cell{}, wrong
	}
}

// eachText yields the texts of a list cell.
func (c *cell) eachText(s *scratch, yield func([]byte)) {
	switch records.KindOf(c.list) {
	case records.String:
		for part := range bytes.SplitSeq(s.plain(c.list), []byte{','}) {
			if part = bytes.TrimSpace(part); len(part) > 0 {
				yield(part)
			}
		}
	case records.Array:
		for walk := records.ElementsOf(c.list); ; {
			e, ok := walk.Next()
			if !ok {
				break
			}
			if t, out := text(e, records.KindOf(e), s); out == good {
				yield(t.text)
			}
		}
	}
	for _, t := range c.texts {
		yield([]byte(t))
	}
}
