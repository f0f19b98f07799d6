package splice

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var (
	users = &Plan{DataKeys: []string{"users"}, Array: true, NextKey: "nextCursor", TotalKey: "total", IDKey: "id"}
	whole = &Plan{}
	bare  = &Plan{Array: true, IDKey: "id"}
	both  = &Plan{ObjectKeys: []string{"predefinedFields", "customFields"}}
	loose = &Plan{DataKeys: []string{"workflow"}, OrWhole: true}
)

// plans are a plan as it is, and without vector instructions.
func plans(p *Plan) map[string]*Plan {
	plain := *p
	plain.plain = true
	return map[string]*Plan{"vectors": p, "no vectors": &plain}
}

// readers are the ways in which a body may come in pieces.
func readers(body string) map[string]io.Reader {
	return map[string]io.Reader{
		"whole":    strings.NewReader(body),
		"one byte": iotest.OneByteReader(strings.NewReader(body)),
		"halves":   iotest.HalfReader(strings.NewReader(body)),
		"data+EOF": iotest.DataErrReader(strings.NewReader(body)),
	}
}

func TestCopy(t *testing.T) {
	tests := []struct {
		name   string
		plan   *Plan
		window Window
		body   string
		want   string
		page   Page
	}{
		{
			"a page keeps its bytes", users,
			Window{},
			`{"count":2,"users":[ {"id":9007199254740993,"a":1,"a":2} ,{"id":2,"n":"\u00e9\/\"]"}],"total":253,"nextCursor":"WyJ\u0041Il0="}`,
			`[{"id":9007199254740993,"a":1,"a":2} ,{"id":2,"n":"\u00e9\/\"]"}]`,
			Page{Rows: 2, Seen: 2, Found: true, Next: "WyJAIl0=", Total: 253},
		},
		{
			"facts before the data", users,
			Window{},
			`{"nextCursor":null,"total":1e2,"users":[ ]}`, ``,
			Page{Found: true, Total: -1},
		},
		{"null is an empty list", users, Window{}, `{"users":null}`, ``, Page{Found: true, Total: -1}},
		{
			"the first of two names counts", users,
			Window{},
			`{"users":[1],"users":[2,3],"nextCursor":"a","nextCursor":"b"}`, `[1]`,
			Page{Rows: 1, Seen: 1, Found: true, Next: "a", Total: -1},
		},
		{"an escaped name", users, Window{}, `{"u\u0073ers":[1]}`, `[1]`, Page{Rows: 1, Seen: 1, Found: true, Total: -1}},
		{
			"names inside of the data are not ours", users,
			Window{},
			`{"x":{"users":[0]},"users":[{"nextCursor":"no","users":[7]}]}`, `[{"nextCursor":"no","users":[7]}]`,
			Page{Rows: 1, Seen: 1, Found: true, Total: -1},
		},
		{
			"a limit cuts", users,
			Window{Limit: 2},
			`{"users":[{"id":1},{"b":{"id":0},"id":"x","id":3}, {"id":4}],"nextCursor":"n"}`, `[{"id":1},{"b":{"id":0},"id":"x","id":3}]`,
			Page{Rows: 2, Seen: 3, More: true, Last: `"x"`, Found: true, Next: "n", Total: -1},
		},
		{
			"a limit that is not reached", users,
			Window{Limit: 3},
			`{"users":[{"id":1}]}`, `[{"id":1}]`,
			Page{Rows: 1, Seen: 1, Last: "1", Found: true, Total: -1},
		},
		{
			"a limit that is just reached", users,
			Window{Limit: 1},
			`{"users":[ {"id":1} ]}`, `[{"id":1}]`,
			Page{Rows: 1, Seen: 1, Last: "1", Found: true, Total: -1},
		},
		{
			"after an id", users,
			Window{Skip: 2, After: "2", Limit: 2},
			`{"users":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5}]}`, `[{"id":3},{"id":4}]`,
			Page{Rows: 2, Seen: 5, Before: 2, More: true, Last: "4", Found: true, Total: -1},
		},
		{
			"after the last id", users,
			Window{Skip: 2, After: "2", Limit: 2},
			`{"users":[{"id":1},{"id":2}]}`, ``,
			Page{Seen: 2, Before: 2, Found: true, Total: -1},
		},
		{
			"after an id that is gone", users,
			Window{Skip: 2, After: "9"},
			`{"users":[{"id":1},{"id":2}]}`, ``,
			Page{Seen: 2, Before: 2, Total: -1},
		},
		{
			"by position", users,
			Window{Skip: 1, Limit: 1},
			`{"users":[[1],[2],[3]]}`, `[[2]]`,
			Page{Rows: 1, Seen: 3, Before: 1, More: true, Found: true, Total: -1},
		},
		{
			"lines", users,
			Window{Lines: true},
			"{\"users\":[{\n \"id\":\r\n1} , 2,\n\"a\\nb\"],\"nextCursor\":\"c\"}", "{ \"id\":1}\n2\n\"a\\nb\"\n",
			Page{Rows: 3, Seen: 3, Found: true, Next: "c", Total: -1},
		},
		{
			"lines with a limit", users,
			Window{Lines: true, Limit: 1},
			`{"users":[{"id":1},{"id":2}]}`, "{\"id\":1}\n",
			Page{Rows: 1, Seen: 2, More: true, Last: "1", Found: true, Total: -1},
		},
		{"lines of a null", users, Window{Lines: true}, `{"users":null}`, "", Page{Found: true, Total: -1}},
		{"a bare list", bare, Window{Limit: 1}, `[{"id":1},{"id":2}]`, `[{"id":1}]`, Page{Rows: 1, Seen: 2, More: true, Last: "1", Found: true, Total: -1}},
		{"the whole body", whole, Window{}, ` {"id":1, "users":[]} `, `{"id":1, "users":[]}`, Page{Found: true, Total: -1}},
		{"a number is a body", whole, Window{}, `12.5e-3`, `12.5e-3`, Page{Found: true, Total: -1}},
		{
			"two lists make one object", both,
			Window{},
			`{"predefinedFields":[1, 2],"more":true,"customFields":[{"id":1}]}`, `{"predefinedFields":[1, 2],"customFields":[{"id":1}]}`,
			Page{Found: true, Total: -1},
		},
		{"one of two lists", both, Window{}, `{"customFields":[]}`, `{"customFields":[]}`, Page{Found: true, Total: -1}},
		{"a key that may be missing", loose, Window{}, `{"id":7}`, `{"id":7}`, Page{Found: true, Total: -1}},
		{"a key that may be missing, but is there", loose, Window{}, `{"workflow":{"id":7}}`, `{"id":7}`, Page{Found: true, Total: -1}},
		{"a list for a key that may be missing", loose, Window{}, `[1,2]`, `[1,2]`, Page{Found: true, Total: -1}},
	}
	for _, tt := range tests {
		for with, plan := range plans(tt.plan) {
			for how, src := range readers(tt.body) {
				t.Run(tt.name+"/"+with+"/"+how, func(t *testing.T) {
					var got strings.Builder
					page, err := plan.Copy(&got, src, tt.window)
					if err != nil {
						t.Fatalf("Copy: %v", err)
					}
					if got.String() != tt.want {
						t.Errorf("data = %s, want %s", got.String(), tt.want)
					}
					tt.page.List, page.Earlier = tt.plan.Array, [2]uint64{}
					if tt.page.Rows > 0 {
						tt.page.To = tt.page.Before + tt.page.Rows
					}
					if diff := cmp.Diff(tt.page, page); diff != "" {
						t.Errorf("page (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

func TestCopyRefuses(t *testing.T) {
	malformed := new(MalformedError)
	deep := `{"users":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`
	tests := []struct {
		name string
		plan *Plan
		body string
		want error
	}{
		{"an empty body", users, ``, ErrTruncated},
		{"no data key", users, `{"user":[]}`, ErrNoData},
		{"an object for a list", users, `{"users":{}}`, ErrShape},
		{"a list at the top", users, `[]`, ErrShape},
		{"neither of two lists", both, `{"x":1}`, ErrNoData},
		{"a key missing in a large body", loose, `{"x":"` + strings.Repeat("a", wholeLimit) + `"}`, ErrNoData},
		{"cut in a row", users, `{"users":[{"id":1`, ErrTruncated},
		{"cut behind the data", users, `{"users":[1]`, ErrTruncated},
		{"a comma too many", users, `{"users":[1,]}`, malformed},
		{"a comma too few", users, `{"users":[1 2]}`, malformed},
		{"brackets crossed", users, `{"users":[1}]`, malformed},
		{"a raw line break in a string", users, "{\"users\":[\"a\nb\"]}", malformed},
		{"something behind the end", users, `{"users":[]}x`, malformed},
		{"D7: a cursor that is an object", users, `{"users":[],"nextCursor":{}}`, ErrCursor},
		{"D7: a cursor that is a list", users, `{"nextCursor":[1],"users":[]}`, ErrCursor},
		{"D7: a cursor that is true", users, `{"users":[],"nextCursor":true}`, ErrCursor},
		{"D7: a cursor that is false", users, `{"users":[],"nextCursor":false}`, ErrCursor},
		{"D7: a cursor that is a number", users, `{"users":[],"nextCursor":7}`, ErrCursor},
		{"an endless cursor", users, `{"users":[],"nextCursor":"` + strings.Repeat("a", scratchLimit) + `"}`, malformed},
		{"nested too deeply", users, deep, malformed},
		{"HTML", users, `<html>`, malformed},
	}
	for _, tt := range tests {
		for with, plan := range plans(tt.plan) {
			for how, src := range readers(tt.body) {
				t.Run(tt.name+"/"+with+"/"+how, func(t *testing.T) {
					_, err := plan.Copy(io.Discard, src, Window{})
					if tt.want == malformed {
						if !errors.As(err, new(*MalformedError)) {
							t.Fatalf("Copy = %v, want a MalformedError", err)
						}
					} else if !errors.Is(err, tt.want) {
						t.Fatalf("Copy = %v, want %v", err, tt.want)
					}
				})
			}
		}
	}
}

func TestCopyTellsItsTwoSidesApart(t *testing.T) {
	broken := errors.New("reset")
	_, err := users.Copy(io.Discard, io.MultiReader(strings.NewReader(`{"users":[`), iotest.ErrReader(broken)), Window{})
	if !errors.Is(err, broken) || errors.As(err, new(*WriteError)) {
		t.Errorf("a broken source = %v, want it as it is", err)
	}
	_, err = users.Copy(refuser{broken}, strings.NewReader(`{"users":[1]}`), Window{})
	if !errors.Is(err, broken) || !errors.As(err, new(*WriteError)) {
		t.Errorf("a broken receiver = %v, want a WriteError", err)
	}
}

type refuser struct{ err error }

func (r refuser) Write([]byte) (int, error) { return 0, r.err }
