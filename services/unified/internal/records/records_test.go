package records

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func elements(array string) ([]string, error) {
	walk := ElementsOf([]byte(array))
	var out []string
	for {
		v, ok := walk.Next()
		if !ok {
			return out, walk.Err()
		}
		out = append(out, string(v))
	}
}

func TestElements(t *testing.T) {
	for _, test := range []struct {
		name, array string
		want        []string
	}{
		{"empty", `[]`, nil},
		{"blank", " [ ] \n", nil},
		{"mixed", `[1, "a,]", {"b":[2]}, null,true ,[ ]]`, []string{"1", `"a,]"`, `{"b":[2]}`, "null", "true", "[ ]"}},
		{"big number", `[9007199254740993,-1.5e+10]`, []string{"9007199254740993", "-1.5e+10"}},
		{"escaped quotes", `["a\"","\\","\\\""]`, []string{`"a\""`, `"\\"`, `"\\\""`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := elements(test.array)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestElementsRefuses(t *testing.T) {
	for _, array := range []string{
		``, `{}`, `[`, `[1`, `[1,`, `[1,]`, `[1 2]`, `[01]`, `[-]`, `[1.]`, `[1e]`, `["a]`, `["a\"]`, `[{]}]`, `[tru]`, `[nul]`, `[1]x`,
		"[" + strings.Repeat("[", 600) + strings.Repeat("]", 600) + "]",
	} {
		if got, err := elements(array); err == nil {
			t.Errorf("%.40q: no error, got %q", array, got)
		}
	}
}

func TestMembersKeepTheLastOfDuplicates(t *testing.T) {
	object := []byte(`{"a":1,"\u0062":{"c":2}, "a" : 9007199254740993 }`)
	for pointer, want := range map[string]string{"/a": "9007199254740993", "/b/c": "2", "/x": "", "/a/b": "", "": string(object)} {
		p, err := ParsePointer(pointer)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(Find(object, p)); got != want {
			t.Errorf("%s: got %q, want %q", pointer, got, want)
		}
	}
}

func TestPointers(t *testing.T) {
	p, err := ParsePointer("/a~1b/~01/0")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Pointer{"a/b", "~1", "0"}, p); diff != "" {
		t.Error(diff)
	}
	if p.String() != "/a~1b/~01/0" {
		t.Errorf("written as %q", p.String())
	}
	if got := string(Find([]byte(`{"a/b":{"~1":[7]}}`), p)); got != "7" {
		t.Errorf("found %q", got)
	}
	for _, bad := range []string{"a", "/~", "/~2", "/a~"} {
		if _, err := ParsePointer(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{`"plain"`, `"\u00e9\n\"\\\/"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\x"`, "\"\xff\"", `"\u12"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end, ok := skip(b, 0, 0)
		if !ok || KindOf(b) != String {
			return
		}
		text := AppendText(nil, b[:end])
		if !utf8.Valid(text) {
			t.Fatalf("%q gave invalid UTF-8 %q", b, text)
		}
		var want string
		if json.Unmarshal(b[:end], &want) == nil && want != string(text) {
			t.Fatalf("%q: got %q, want %q", b, text, want)
		}
		var back string
		if err := json.Unmarshal(AppendQuoted(nil, text), &back); err != nil || back != string(text) {
			t.Fatalf("quoting %q: %q, %v", text, back, err)
		}
	})
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte(`[{"a":[1,2,{"b":null}]},"x",-0.5]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		walk := ElementsOf(b)
		n := 0
		for {
			if _, ok := walk.Next(); !ok {
				break
			}
			n++
		}
		var want []json.RawMessage
		if err := json.Unmarshal(b, &want); err != nil || want == nil {
			if walk.Err() == nil {
				t.Fatalf("%q was walked, but it is no array: %v", b, err)
			}
			return
		}
		if walk.Err() != nil && !deep(b) {
			t.Fatalf("%q: %v", b, walk.Err())
		}
		if walk.Err() == nil && n != len(want) {
			t.Fatalf("%q: %d elements, want %d", b, n, len(want))
		}
	})
}

// deep says whether a text may nest deeper than is read.
func deep(b []byte) bool { return bytes.Count(b, []byte("["))+bytes.Count(b, []byte("{")) >= maxDepth }

func FuzzValid(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e-3,{"b":null}],"c\u00e9\n":"\ud83d\ude00"}`, ` "12345678\\" `, "\"\xff\"", "\"1234567\x1f\"", `"\x"`, `"\u12g4"`, `[1,]`, `{"a":1,}`, `{"a" 1}`,
		`{1:2}`, `-`, `01`, `1.`, `1e`, `tru`, `{}}`, `{"a":{]}`, `"`, `"1234567\`, strings.Repeat("[", 511) + strings.Repeat("]", 511),
	} {
		f.Add([]byte(s))
	}
	places := NewPlaces()
	for _, p := range []Pointer{{"a"}, {"a", "0"}, {"a", "b", "1"}, {"c"}} {
		places.Slot(p)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := json.Valid(b)
		if want && deep(b) {
			return
		}
		if Valid(b) != want {
			t.Fatalf("%q: valid is %v", b, !want)
		}
		// A finder checks as much, goes into the value or not, and finds what the pointers do.
		finder := places.Finder("d")
		for range 2 {
			n, err := finder.Read(b)
			if got := err == nil && len(bytes.TrimLeft(b[n:], " \t\r\n")) == 0; got != want {
				t.Fatalf("%q: the finder says %v", b, got)
			}
			if !want {
				return
			}
			for slot, p := range []Pointer{{"a"}, {"a", "0"}, {"a", "b", "1"}, {"c"}, {"d"}} {
				if got, found := finder.Found[slot], Find(bytes.TrimSpace(b), p); KindOf(b) == Object && string(got) != string(found) {
					t.Fatalf("%q at %s: %q, want %q", b, p, got, found)
				}
			}
		}
	})
}
