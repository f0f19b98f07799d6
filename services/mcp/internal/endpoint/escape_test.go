package endpoint

import (
	"bytes"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// FuzzText holds our writing of strings to that of jsontext.
func FuzzText(f *testing.F) {
	for _, seed := range []string{
		"", "a", `"`, `\`, "1234567", "12345678", "123456789", `{"id":1,"name":"Zoë \"Z\""}`, "line\nend", "\x00\x1f\x20\x7f", "\xff", "\u2028<&>",
		strings.Repeat(`"`, 40), strings.Repeat("long and plain ", 20), `!""!` + "!!!!!\x1f", "1234567\x1f", "\x80\x81",
	} {
		f.Add([]byte("before"), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, before, text []byte) {
		// An error says that bytes were replaced.
		want, _ := jsontext.AppendQuote(bytes.Clone(before), text)
		if got := appendText(bytes.Clone(before), text); !bytes.Equal(got, want) {
			t.Errorf("%q after %q: %s, want %s", text, before, got, want)
		}
	})
}

// BenchmarkText writes an answer of 10 kB as text.
func BenchmarkText(b *testing.B) {
	answer := answerOf(10_000)
	buffer := make([]byte, 0, 4*len(answer))
	b.Run("product", func(b *testing.B) {
		b.SetBytes(int64(len(answer)))
		for b.Loop() {
			appendText(buffer, answer)
		}
	})
	b.Run("jsontext", func(b *testing.B) {
		b.SetBytes(int64(len(answer)))
		for b.Loop() {
			_, _ = jsontext.AppendQuote(buffer, answer)
		}
	})
}
