package splice

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"testing/iotest"
)

// FuzzCopy holds the scanner against encoding/json: what that refuses must be
// refused, and what it reads must come out as the same bytes.
func FuzzCopy(f *testing.F) {
	for _, body := range []string{
		`{"users":[{"id":1},{"id":2}],"nextCursor":"a","total":2}`,
		`{"users":[1,-0.5e+7,true,null,"\ud83d\ude00"],"x":{"users":[]}}`,
		`{"users":null,"users":[]}`, `[]`, `{"a":[{"b":[[]]}]`, `{"users":[01]}`, `{"users":["\x"]}`, `{"nextCursor":1}`,
		`{"users":[{"id":12345678,"a":"","role":true,"b":[],"name":"a name of more than sixteen bytes"},{"id":1,"role":null,"c":{"id":-1},"name":"x\\"}],"total":1}`,
	} {
		f.Add([]byte(body), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, piece uint8) {
		src := io.Reader(bytes.NewReader(body))
		if piece > 0 {
			src = &pieces{b: body, n: int(piece)}
		} else {
			src = iotest.DataErrReader(src)
		}
		var out bytes.Buffer
		page, err := users.Copy(&out, src, Window{})
		if !json.Valid(body) {
			if err == nil {
				t.Fatalf("a body that encoding/json refuses passed: %q", body)
			}
			return
		}
		data, ok := firstMember(body, "users")
		var rows []json.RawMessage
		if !ok || json.Unmarshal(data, &rows) != nil {
			if err == nil {
				t.Fatalf("a body without a list passed: %q", body)
			}
			return
		}
		if err != nil {
			if allowed(body) {
				return
			}
			t.Fatalf("Copy(%q): %v", body, err)
		}
		if len(rows) == 0 {
			data = nil
		} else {
			data = append([]byte("["), bytes.TrimLeft(data[1:], " \t\r\n")...)
		}
		if !bytes.Equal(out.Bytes(), data) || page.Rows != len(rows) {
			t.Fatalf("Copy(%q) = %q with %d rows, want %q with %d", body, out.Bytes(), page.Rows, data, len(rows))
		}
	})
}

// allowed reports whether a body may be refused although it is JSON: it nests
// very deeply, or its cursor or total is no scalar.
func allowed(body []byte) bool {
	if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth {
		return true
	}
	for _, name := range []string{"nextCursor", "total"} {
		if v, ok := firstMember(body, name); ok && (v[0] == '{' || v[0] == '[' || len(v) > scratchLimit) {
			return true
		}
	}
	return false
}

// firstMember finds a top-level member the slow way.
func firstMember(body []byte, name string) (json.RawMessage, bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var v json.RawMessage
		if dec.Decode(&v) != nil {
			return nil, false
		}
		if key == name {
			return v, true
		}
	}
	return nil, false
}

// pieces is a reader that brings n bytes at a time.
type pieces struct {
	b []byte
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.b[:min(p.n, len(p.b))])
	p.b = p.b[n:]
	return n, nil
}
