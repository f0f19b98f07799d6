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
		plan := *users
		plan.plain = piece%2 == 1
		page, err := plan.Copy(&out, src, Window{})
		if !json.Valid(body) {
			if err == nil {
				t.Fatalf("a body that encoding/json refuses passed: %q", body)
			}
			return
		}
		text, _ := Text(body)
		data, ok := firstMember(text, "users")
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

// FuzzWindow holds what is handed out of a list, and what is said of it, against
// the rows that encoding/json reads, in one piece and in many, with vector
// instructions and without.
func FuzzWindow(f *testing.F) {
	f.Add([]byte(`{"users":[{"id":1},{"id":"2","x":[{}]}, {"a":{"id":3},"id":3},4,"five",[6]],"total":6}`), uint8(0), uint8(2), uint8(5), false)
	f.Add([]byte("{\"users\":[{\"id\":1\r\n},\n{\"id\":[2],\"id\":2},{\"id\":3}\n,{\"id\":4},{\"id\":5}]}"), uint8(3), uint8(9), uint8(1), true)
	f.Add(usersBody(12), uint8(7), uint8(4), uint8(70), true)
	f.Fuzz(func(t *testing.T, body []byte, skip, limit, piece uint8, lines bool) {
		text, replaced := Text(body)
		data, ok := firstMember(text, "users")
		var rows []json.RawMessage
		if !ok || !json.Valid(body) || json.Unmarshal(data, &rows) != nil || allowed(body) {
			return
		}
		w := Window{Skip: int(skip), Limit: int(limit), Lines: lines}
		if int(skip) < len(rows) && skip%2 == 1 {
			// The row before the first one wanted, or one that is in another place.
			w.After = idOf(rows[int(skip)-int(limit%2)])
		}
		var want bytes.Buffer
		page := expect(rows, w, &want)
		page.Replaced = replaced
		for _, plain := range []bool{false, true} {
			var out bytes.Buffer
			plan := *users
			plan.plain = plain
			got, err := plan.Copy(&out, &pieces{b: body, n: max(1, int(piece))}, w)
			if err != nil {
				t.Fatalf("Copy(%q): %v", body, err)
			}
			got.Next, got.Total = "", 0
			if got != page {
				t.Fatalf("Copy(%q, %+v) = %+v, want %+v", body, w, got, page)
			}
			rest := out.Bytes()
			if !lines {
				rest = asLines(t, rest)
			}
			if !bytes.Equal(rest, want.Bytes()) {
				t.Fatalf("Copy(%q, %+v): rows %q, want %q", body, w, rest, want.Bytes())
			}
		}
	})
}

// expect writes the rows of a window as lines, and says what a copy has to say.
func expect(rows []json.RawMessage, w Window, out *bytes.Buffer) Page {
	page := Page{List: true, Seen: len(rows), Found: w.After == "" || w.Skip <= len(rows) && idOf(rows[w.Skip-1]) == w.After}
	var marks []uint64
	for i, row := range rows {
		switch {
		case w.Limit > 0 && page.Rows == w.Limit:
			page.More = true
		case i < w.Skip || !page.Found:
			page.Before++
		default:
			page.Rows++
			page.To = i + 1
			out.Write(line(row))
			id := idOf(row)
			if len(id) > idLimit {
				id = ""
			}
			if page.Rows+tail > w.Limit && w.Limit > 0 {
				page.Last = id
			}
			if page.Rows == w.Limit {
				copy(page.Earlier[:], marks)
			}
			if id != "" && page.Rows+tail > w.Limit {
				marks = append([]uint64{Mark(id)}, marks...)
			}
		}
	}
	return page
}

// idOf is a row's first id as it stands there, if it is a scalar.
func idOf(row json.RawMessage) string {
	if id, ok := firstMember(row, "id"); ok && id[0] != '{' && id[0] != '[' {
		return string(id)
	}
	return ""
}

// line is a row without its line breaks, and one behind it.
func line(row []byte) []byte {
	row = bytes.ReplaceAll(bytes.ReplaceAll(row, []byte("\n"), nil), []byte("\r"), nil)
	return append(row, '\n')
}

// asLines turns an array, or nothing, into lines.
func asLines(t *testing.T, array []byte) []byte {
	t.Helper()
	var rows []json.RawMessage
	if len(array) > 0 {
		if err := json.Unmarshal(array, &rows); err != nil {
			t.Fatalf("what was handed out is no list: %v: %q", err, array)
		}
	}
	var out []byte
	for _, row := range rows {
		out = append(out, line(row)...)
	}
	return out
}

// allowed reports whether a body may be refused although it is JSON: it nests
// very deeply, or its cursor or total is no scalar.
func allowed(body []byte) bool {
	if bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth {
		return true
	}
	for _, name := range []string{"nextCursor", "total"} {
		v, ok := firstMember(body, name)
		if ok && name == "nextCursor" && v[0] != '"' && v[0] != 'n' {
			return true
		}
		if ok && (v[0] == '{' || v[0] == '[' || len(v) > scratchLimit) {
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
