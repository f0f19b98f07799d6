package splice

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// verdicts says what the scanner makes of a body, with vector instructions and
// without.
func verdicts(body []byte) (vector, plain bool) {
	valid := func(plain bool) bool {
		s := new(scanner)
		s.reset(nobody{}, 0)
		s.plain = plain
		_, err := s.scan(body, true)
		return err == nil && s.complete()
	}
	return valid(false), valid(true)
}

func checkVerdicts(t *testing.T, body []byte) {
	t.Helper()
	want := json.Valid(body)
	if vector, plain := verdicts(body); vector != want || plain != want {
		t.Fatalf("valid = %t, and %t without vectors, want %t: %q", vector, plain, want, body)
	}
}

// TestEveryByteCounts cuts a body at every place, and spoils every byte, with the
// borders of blocks in many places.
func TestEveryByteCounts(t *testing.T) {
	rows := strings.Join([]string{
		`{"id":1,"firstName":"A","lastName":"B","more":true,"n":12345678}`,
		`{"id":2,"firstName":"a text of more than sixteen bytes","last":null,"lastName":"\"","n":false}`,
		`{"id":3,"tags":["x",{"id":4,"n":0}],"firstName":"é","a":-1.5,"n":123456789,"e":[],"o":{}}`,
		"{\r\n\t\"id\" : 4 , \"list\" : [ 1 , \"two\" , { } , [ ] ]\n}",
		`{}`, `"\u00e9\\"`,
	}, ",")
	for shift := 0; shift < blockSize; shift += 13 {
		body := `["` + strings.Repeat("x", shift) + `",` + rows + "]"
		checkVerdicts(t, []byte(body))
		for i := range body {
			checkVerdicts(t, []byte(body[:i]))
			for _, c := range []byte{'"', '\\', ',', ':', '0', ' ', 'x', '}', '[', '\n', 0x1f, 0x80} {
				spoilt := []byte(body)
				spoilt[i] = c
				checkVerdicts(t, spoilt)
			}
		}
	}
}

// TestScalars reads scalars, good and bad, over all borders of blocks.
func TestScalars(t *testing.T) {
	scalars := []string{
		"0", "-0", "1", "00", "01", "-01", "12", "1234567", "12345678", "123456789", strings.Repeat("9", 200), "1.", "1.5", "1.5.5", ".5", "-", "-1", "--1", "1-2", "+1",
		"1e5", "1E+5", "1e-5", "1e", "1e+", "1e5.5", "0e0", "0.0", "0x1", "1a", "true", "tru", "truee", "True", "false", "fals", "falsey", "null", "nul", "nulll", "nan", "é", "\x80", "\\", "'a'", "1 2", "1\n2",
	}
	for _, scalar := range scalars {
		for shift := range 2*blockSize + 2 {
			text := strings.Repeat("x", shift)
			checkVerdicts(t, []byte(`["`+text+`",`+scalar+`]`))
			checkVerdicts(t, []byte(`{"`+text+`":`+scalar+`,"b":1}`))
			checkVerdicts(t, []byte(strings.Repeat(" ", shift)+scalar))
		}
	}
}

// TestFaultsNameTheirByte finds one fault of each kind, far and near.
func TestFaultsNameTheirByte(t *testing.T) {
	for body, want := range map[string]int64{
		`x]`: 1, `,1]`: 1, `1,,2]`: 3, `1 2]`: 3, `"\x"]`: 3, `"\u00g0"]`: 6, "\"a\x01\"]": 3, `1}`: 2, `[]]]`: 4, `{"a" "b"}]`: 6, `{"a","b":1}]`: 5, `{"a":1,}]`: 8, `"a":1]`: 4, `tru]`: 1,
	} {
		for _, before := range []int{0, 100, 10_000} {
			text := `["` + strings.Repeat("x", before) + `",`
			_, err := bare.Copy(io.Discard, &pieces{b: []byte(text + body), n: 1000}, Window{})
			malformed := new(MalformedError)
			if !errors.As(err, &malformed) || malformed.Offset != want+int64(len(text)) {
				t.Errorf("%s behind %d bytes: %v, want a fault at byte %d", body, len(text), err, want+int64(len(text)))
			}
		}
	}
}

// TestDepth opens as many containers as are allowed, and one more.
func TestDepth(t *testing.T) {
	nest := func(depth int) []byte {
		return []byte(strings.Repeat(`[{"a":`, depth/2) + "[]" + strings.Repeat("}]", depth/2))
	}
	for _, depth := range []int{62, 64, 66, 126, 128, 130, maxDepth - 2} {
		if vector, plain := verdicts(nest(depth)); !vector || !plain {
			t.Errorf("%d levels: %t, and %t without vectors", depth+1, vector, plain)
		}
		crossed := nest(depth)
		crossed[len(crossed)-1] = '}'
		if vector, plain := verdicts(crossed); vector || plain {
			t.Errorf("%d levels with the last bracket wrong passed", depth+1)
		}
	}
	if vector, plain := verdicts(nest(maxDepth)); vector || plain {
		t.Error("a body with too many levels passed")
	}
}
