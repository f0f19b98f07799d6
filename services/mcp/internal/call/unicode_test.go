package call

import (
	"encoding/json"
	"testing"
)

// TestD7LoneSurrogates reads text that has escapes of half a pair as encoding/json does, which makes each U+FFFD.
func TestD7LoneSurrogates(t *testing.T) {
	for in, want := range map[string]string{
		`"a\ud800b"`:                   `"a\ufffdb"`,
		`"\uD83D\uDE00"`:               `"\uD83D\uDE00"`,
		`"\uDE00\uD83D"`:               `"\ufffd\ufffd"`,
		`"\uD83D\uD83D\uDE00\udc00"`:   `"\ufffd\uD83D\uDE00\ufffd"`,
		`"\\ud800 \\\ud800"`:           `"\\ud800 \\\ufffd"`,
		`"\uD83D\n\uDE00"`:             `"\ufffd\n\ufffd"`,
		`"\uD83Dx"`:                    `"\ufffdx"`,
		`{"k\udfff":["\u00e9\n\"",1]}`: `{"k\ufffd":["\u00e9\n\"",1]}`,
		`"plain"`:                      `"plain"`,
		`"\ud8`:                        `"\ud8`,
		`"\ud800`:                      `"\ufffd`,
	} {
		given := []byte(in)
		got := unicodeOnly(given)
		if string(got) != want || string(given) != in {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
		var a, b any
		if json.Unmarshal([]byte(in), &a) == nil {
			if err := json.Unmarshal(got, &b); err != nil || !same(a, b) {
				t.Errorf("%s: %v, %v and %v differ", in, err, a, b)
			}
		}
	}
}

func same(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}
