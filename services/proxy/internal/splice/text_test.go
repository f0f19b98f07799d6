package splice

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestD7TextIsUTF8 puts what is not UTF-8 into names, ids, keys and values, in
// one piece and in many: each byte becomes one U+FFFD, as encoding/json does it.
func TestD7TextIsUTF8(t *testing.T) {
	for name, text := range map[string]string{
		"a byte that is none":      "a\xffb",
		"several":                  "\xff\xfe\xc0\xc1\xf5",
		"overlong":                 "\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf",
		"a surrogate":              "\xed\xa0\x80",
		"a pair of surrogates":     "\xed\xa0\xbd\xed\xb8\x80",
		"over the last code point": "\xf4\x90\x80\x80",
		"cut off":                  "x\xe2\x82",
		"cut off, four bytes":      "\xf0\x9f\x98",
		"cut off in the middle":    "\xf0\x9f\x98y\xe2\x82\xac",
		"a stray continuation":     "\x80\xbf",
		"well-formed":              "grün € 😀",
		"many":                     strings.Repeat("\xff", 2000),
	} {
		body := `{"users":[{"id":"` + text + `","k` + text + `":"` + text + `"},{"id":2}],"nextCursor":"` + text + `"}`
		for with, plan := range plans(users) {
			for how, src := range readers(body) {
				t.Run(name+"/"+with+"/"+how, func(t *testing.T) {
					var out bytes.Buffer
					page, err := plan.Copy(&out, src, Window{Limit: 1})
					if err != nil {
						t.Fatal(err)
					}
					if !utf8.Valid(out.Bytes()) {
						t.Fatalf("%q is not UTF-8", out.Bytes())
					}
					var got, want struct {
						Users []map[string]string
						Next  string `json:"nextCursor"`
					}
					if err := json.Unmarshal([]byte(strings.Replace(body, `,{"id":2}`, "", 1)), &want); err != nil {
						t.Fatal(err)
					}
					if err := json.Unmarshal(out.Bytes(), &got.Users); err != nil {
						t.Fatal(err)
					}
					if page.Next != want.Next || got.Users[0]["id"] != want.Users[0]["id"] || got.Users[0]["k"+want.Next] != want.Next {
						t.Errorf("got %q and cursor %q, want %q", got.Users, page.Next, want.Users)
					}
					if n := invalidBytes(body); page.Replaced != n {
						t.Errorf("%d bytes counted, want %d", page.Replaced, n)
					}
				})
			}
		}
	}
}

// invalidBytes counts what is no part of a sequence.
func invalidBytes(s string) int {
	n := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			n++
		}
		i += size
	}
	return n
}

// TestD7TextOverTheBuffer has broken text lie across the end of the buffer, and
// grow beyond it.
func TestD7TextOverTheBuffer(t *testing.T) {
	for _, broken := range []string{"\xff", "\xe2\x82", "\xf0\x9f\x98", "€", "😀"} {
		for at := bufferSize + blockSize - 30; at < bufferSize+blockSize+4; at++ {
			head := `{"users":["`
			text := strings.Repeat("a", at-len(head)) + strings.Repeat(broken, 40)
			body := head + text + `"]}`
			want, replaced := Text([]byte(text))
			var out bytes.Buffer
			page, err := users.Copy(&out, strings.NewReader(body), Window{})
			if err != nil || out.String() != `["`+string(want)+`"]` || page.Replaced != replaced {
				t.Fatalf("%q at %d: %v, %d replaced, want %d; the same: %v", broken, at, err, page.Replaced, replaced, out.String() == `["`+string(want)+`"]`)
			}
		}
	}
	everything := `{"users":["` + strings.Repeat("\xff", 2*bufferSize) + `"]}`
	var out bytes.Buffer
	page, err := users.Copy(&out, strings.NewReader(everything), Window{})
	if err != nil || page.Replaced != 2*bufferSize || out.Len() != 6*bufferSize+4 {
		t.Fatalf("%v, %d replaced, %d bytes", err, page.Replaced, out.Len())
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "a\xff", "\xe2\x82", "€\xe2\x82", "\xed\xa0\x80", strings.Repeat("é", 40) + "\xf0\x9f"} {
		f.Add(s, uint8(3))
	}
	f.Fuzz(func(t *testing.T, s string, piece uint8) {
		var want strings.Builder
		for _, r := range s {
			want.WriteRune(r) // U+FFFD for each byte that is invalid
		}
		got, replaced := Text([]byte(s))
		if string(got) != want.String() || replaced != invalidBytes(s) {
			t.Fatalf("Text(%q) = %q, %d, want %q", s, got, replaced, want.String())
		}
		if s = strings.Map(plain, s); !json.Valid([]byte(`"` + s + `"`)) {
			return
		}
		got, replaced = Text([]byte(s))
		var out bytes.Buffer
		page, err := users.Copy(&out, &pieces{b: []byte(`{"users":["` + s + `"]}`), n: max(1, int(piece))}, Window{})
		if err != nil || out.String() != `["`+string(got)+`"]` || page.Replaced != replaced {
			t.Fatalf("Copy(%q) = %q, %v", s, out.String(), err)
		}
	})
}

// plain keeps what needs no escape. strings.Map would replace invalid bytes, so
// text that has both is left to the first half of the test.
func plain(r rune) rune {
	if r < ' ' || r == '"' || r == '\\' {
		return '.'
	}
	return r
}

// BenchmarkText measures pages that are not plain ASCII.
func BenchmarkText(b *testing.B) {
	clean := usersBody(1000)
	for name, body := range map[string][]byte{
		"accents": bytes.ReplaceAll(clean, []byte("Given"), []byte("Zoë")),
		"dense":   bytes.ReplaceAll(clean, []byte("plain remark that says nothing much"), []byte("これは何も言わない普通の備考欄です")),
		"broken":  bytes.ReplaceAll(clean, []byte("Given"), []byte("Zo\xeb")),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			src := bytes.NewReader(body)
			for b.Loop() {
				src.Reset(body)
				if _, err := users.Copy(io.Discard, src, Window{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
