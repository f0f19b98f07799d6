package expression

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/sando-dev/sando/services/unified/internal/records"
)

// Facts are what an expression may know about the call, as one JSON object.
type Facts []byte

// NewFacts writes the facts.
func NewFacts(environmentID, accountID string) Facts {
	b := records.AppendQuoted([]byte(`{"environment_id":`), []byte(environmentID))
	b = records.AppendQuoted(append(b, `,"integrated_account_id":`...), []byte(accountID))
	return append(b, '}')
}

// Result is what a mapping expression yields. The member that belongs to the wanted type is set.
type Result struct {
	// Absent says that there is no value: the expression yields null or touched an absent field.
	Absent bool
	// Text, Int, Bool, Time, Texts and JSON are the value.
	Text  string
	Int   int64
	Bool  bool
	Time  time.Time
	Texts []string
	JSON  []byte
	// Warnings counts fields of a wrong type that were touched.
	Warnings int
}

// Map runs a mapping expression on a source record.
func (p *Program) Map(ctx context.Context, record []byte, facts Facts) (Result, error) {
	var r Result
	out, err := p.run(ctx, map[string]any{
		"record":  newObject(record, recordType, &r.Warnings),
		"context": newObject(facts, contextType, &r.Warnings),
	})
	if err != nil {
		return r, err
	}
	if out == nil {
		r.Absent = true
		return r, nil
	}
	err = r.read(out, p.want)
	if size := len(r.Text) + len(r.JSON); err == nil && size > MaxOutput {
		err = tooLarge(size)
	}
	return r, err
}

func tooLarge(size int) error {
	return fmt.Errorf("the result has %d bytes; at most %d are taken", size, MaxOutput)
}

func (r *Result) read(v ref.Val, want Want) error {
	ok := false
	switch want {
	case Text:
		var s types.String
		s, ok = v.(types.String)
		r.Text = string(s)
	case Int:
		var n types.Int
		n, ok = v.(types.Int)
		r.Int = int64(n)
	case Bool:
		var b types.Bool
		b, ok = v.(types.Bool)
		r.Bool = bool(b)
	case Time:
		var t types.Timestamp
		t, ok = v.(types.Timestamp)
		r.Time = t.Time
	case Texts:
		return r.readTexts(v)
	case JSON:
		var err error
		r.JSON, err = appendJSON(nil, v)
		return err
	}
	if !ok {
		return fmt.Errorf("the expression yields %s, but the field takes %s", v.Type().TypeName(), want)
	}
	return nil
}

func (r *Result) readTexts(v ref.Val) error {
	list, ok := v.(traits.Lister)
	if !ok {
		return fmt.Errorf("the expression yields %s, but the field takes %s", v.Type().TypeName(), Texts)
	}
	size := 0
	for it := list.Iterator(); it.HasNext() == types.True; {
		s, ok := it.Next().(types.String)
		if !ok {
			return fmt.Errorf("an element of the list is not a string")
		}
		if size += len(s); size > MaxOutput {
			return tooLarge(size)
		}
		r.Texts = append(r.Texts, string(s))
	}
	return nil
}

// appendJSON writes a value as JSON; integers keep every digit.
func appendJSON(b []byte, v ref.Val) ([]byte, error) {
	if len(b) > MaxOutput {
		return nil, tooLarge(len(b))
	}
	switch v := v.(type) {
	case types.Null:
		return append(b, "null"...), nil
	case types.String:
		return records.AppendQuoted(b, []byte(v)), nil
	case types.Bool:
		return strconv.AppendBool(b, bool(v)), nil
	case types.Int:
		return strconv.AppendInt(b, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(b, uint64(v), 10), nil
	case types.Double:
		return appendDouble(b, float64(v))
	case types.Timestamp:
		return records.AppendQuoted(b, []byte(v.UTC().Format(time.RFC3339Nano))), nil
	case *object:
		if !records.Valid(v.raw) {
			return nil, fmt.Errorf("the source is not valid JSON")
		}
		return append(b, v.raw...), nil
	case traits.Mapper:
		return appendMap(b, v)
	case traits.Lister:
		return appendList(b, v)
	default:
		return nil, fmt.Errorf("%s has no JSON form", v.Type().TypeName())
	}
}

func appendDouble(b []byte, f float64) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("%v has no JSON form", f)
	}
	text, err := json.Marshal(f)
	return append(b, text...), err
}

func appendList(b []byte, list traits.Lister) ([]byte, error) {
	b = append(b, '[')
	for it, first := list.Iterator(), true; it.HasNext() == types.True; first = false {
		if !first {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, it.Next()); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

// appendMap writes the entries in the order of their keys, so that equal maps give equal bytes.
func appendMap(b []byte, m traits.Mapper) ([]byte, error) {
	var keys []string
	for it := m.Iterator(); it.HasNext() == types.True; {
		key, ok := it.Next().(types.String)
		if !ok {
			return nil, fmt.Errorf("a key of the map is not a string")
		}
		keys = append(keys, string(key))
	}
	sort.Strings(keys)
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(records.AppendQuoted(b, []byte(key)), ':')
		var err error
		if b, err = appendJSON(b, m.Get(types.String(key))); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}
