package wire

import (
	"encoding/json"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAppend(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	for want, v := range map[string]any{
		`null`: nil, `true`: true, `9007199254740993`: int64(9007199254740993), `-5`: -5, `1.5`: 1.5, `3`: 3.0, `12.50`: json.Number("12.50"),
		`"2026-01-02T02:04:05.678Z"`: at, `{"b":1,"a":[]}`: Obj("b", 1, "gone", Absent{}, "a", []string{}), `{"a":1,"a":null}`: Obj("a", 1, "a", nil),
		`[1,2]`: []int64{1, 2}, `[{"x":{}}]`: []Object{Obj("x", Object{})}, `["a",null]`: []any{"a", nil}, `{"raw":1}`: json.RawMessage(`{"raw":1}`),
	} {
		if got := string(Append(nil, v)); got != want {
			t.Errorf("%#v gives %s, want %s", v, got, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown type is written")
		}
	}()
	Append(nil, struct{}{})
}

func TestGet(t *testing.T) {
	if v, ok := Obj("a", 1, "b", 2).Get("b"); !ok || v != 2 {
		t.Errorf("b is %v, %v", v, ok)
	}
	if _, ok := Obj("a", 1).Get("b"); ok {
		t.Error("b is found")
	}
}

// FuzzAppendString holds the writer against encoding/json: what it writes must read back as the same text.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "O'Brien & <b>", "\"\\\n\r\t\x00\x1f", "Größe 小龙 \u2028", "\xff broken \xc3", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		raw := AppendString(nil, s)
		var back string
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		if utf8.ValidString(s) && back != s {
			t.Errorf("%q reads back as %q", s, back)
		}
		if !utf8.Valid(raw) {
			t.Errorf("%q is not UTF-8", raw)
		}
	})
}
