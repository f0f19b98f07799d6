package splice

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestKnownNamesChangeNoVerdict reads every body twice with one shape, behind
// rows that teach it, cut at every place and with every byte spoilt.
func TestKnownNamesChangeNoVerdict(t *testing.T) {
	rows := []string{
		`{"id":1,"firstName":"A","lastName":"B","a name that is too long to know":true,"n":12345678}`,
		`{"id":2,"firstName":"a text of more than sixteen bytes","lastNam":null,"lastName":"\"","n":false}`,
		`{"id":3,"tags":["x",{"id":4,"n":0}],"firstName":"é","lastName":-1.5,"n":123456789}`,
		`{}`,
	}
	body := "[" + strings.Repeat(strings.Join(rows, ",")+",", 2) + rows[0] + "]"
	s := new(shape)
	valid := func(body []byte) bool {
		m := machine{watch: -1, shape: s}
		_, _ = m.scan(body, 0)
		return m.fault == "" && m.finish()
	}
	check := func(body []byte) {
		t.Helper()
		if got, want := valid(body), json.Valid(body); got != want {
			t.Fatalf("valid = %t, want %t: %q", got, want, body)
		}
	}
	check([]byte(body))
	for i := range body {
		check([]byte(body[:i]))
		for _, c := range []byte{'"', '\\', ',', ':', '0', ' ', 'x', '}', 0x1f, 0x80} {
			spoilt := []byte(body)
			spoilt[i] = c
			check(spoilt)
		}
	}
}

// TestShapeForgets reads more names than a shape holds.
func TestShapeForgets(t *testing.T) {
	var b strings.Builder
	for i := range 10 * knownNames {
		fmt.Fprintf(&b, `,"name%d":"a value with some length to it"`, i)
	}
	row := "{" + b.String()[1:] + "}"
	if body := "[" + row + "," + row + "]"; !Valid([]byte(body)) {
		t.Error("a body with many names was refused")
	}
}

func TestPlainString(t *testing.T) {
	for n := range 40 {
		for c := range 256 {
			for _, around := range []string{"a", "\x7f", "!", "\x80", "\xff", "]"} {
				text := strings.Repeat(around, n) + string([]byte{byte(c)}) + strings.Repeat(around, 20)
				want := len(text)
				if c == '"' || c == '\\' || c < 0x20 {
					want = n
				}
				if got := plainString([]byte(text), 0); got != want {
					t.Fatalf("plainString(%q) = %d, want %d", text, got, want)
				}
			}
		}
	}
}

func TestDigits(t *testing.T) {
	for n := range 8 {
		for c := range 256 {
			text := []byte("90123456")
			text[n] = byte(c)
			want := n
			if c >= '0' && c <= '9' {
				want = 8
			}
			if got := digits(word(text)); got != want {
				t.Fatalf("digits(%q) = %d, want %d", text, got, want)
			}
		}
	}
}
