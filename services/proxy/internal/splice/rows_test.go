package splice

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestD5Rows is about rows that are told apart by their identity.
func TestD5Rows(t *testing.T) {
	tests := []struct {
		name, body string
		plan       *Plan
		window     Window
		want       string // as lines
		to         int
		last       string
		more       bool
		found      bool
	}{
		{"equal ids go by position", `[{"id":1,"n":1},{"id":1,"n":2},{"id":1,"n":3}]`, bare, Window{Skip: 2, After: "1", Limit: 1}, `{"id":1,"n":3}`, 3, "1", false, true},
		{"a row moved on", `[{"id":9},{"id":1},{"id":2}]`, bare, Window{Skip: 1, After: "1"}, ``, 0, "", false, false},
		{"the list became too short", `[{"id":9}]`, bare, Window{Skip: 3, After: "1"}, ``, 0, "", false, false},
		{"a border repeats", `[{"id":1},{"id":2},{"id":3}]`, bare, Window{Border: "1", Limit: 1, Repeats: true}, `{"id":2}`, 2, "2", true, true},
		{"a border repeats twice", `[{"x":{"id":7},"id":1},{"id":1},{"id":3}]`, bare, Window{Border: "1", Repeats: true}, `{"id":3}`, 3, "3", false, true},
		{"nothing but the border", `[{"id":1}]`, bare, Window{Border: "1", Repeats: true}, ``, 0, "", false, true},
		{"a border does not repeat", `[{"x":[{}],"id":2},{"id":1}]`, bare, Window{Border: "1", Repeats: true}, "{\"x\":[{}],\"id\":2}\n{\"id\":1}", 2, "", false, true},
		{"a first row without an id", `[{"x":1},{"id":1}]`, bare, Window{Border: "1", Repeats: true}, "{\"x\":1}\n{\"id\":1}", 2, "", false, true},
		{"a row that is no object", `[7,{"id":1}]`, bare, Window{Border: "1", Repeats: true}, "7\n{\"id\":1}", 2, "", false, true},
		{"a row over the limit repeats", `[{"id":1},{"id":2},{"id":2}]`, bare, Window{Limit: 2, Repeats: true}, "{\"id\":1}\n{\"id\":2}", 2, "2", false, true},
		{"rows over the limit", `[{"id":1},{"id":2},{"id":2},{"id":3}]`, bare, Window{Limit: 2, Repeats: true}, "{\"id\":1}\n{\"id\":2}", 2, "2", true, true},
		{"a row repeats within", `[{"id":1} , {"id":1},{"id":1},{"id":2}, {"id":2}]`, bare, Window{Repeats: true}, "{\"id\":1}\n{\"id\":2}", 4, "", false, true},
		{"rows of one id that differ", `[{"id":1,"a":1},{"id":1,"a":2}]`, bare, Window{Repeats: true}, "{\"id\":1,\"a\":1}\n{\"id\":1,\"a\":2}", 2, "", false, true},
		{"the last row is named", `[{"id":1},{"id":2}]`, bare, Window{Limit: 9, Track: true}, "{\"id\":1}\n{\"id\":2}", 2, "2", false, true},
		{"without ids", `[{"a":1},{"a":2},{"a":3}]`, &Plan{Array: true}, Window{Skip: 1, After: digest(`{"a":1}`), Limit: 1}, `{"a":2}`, 2, digest(`{"a":2}`), true, true},
		{"without ids, another row", `[{"a":0},{"a":2}]`, &Plan{Array: true}, Window{Skip: 1, After: digest(`{"a":1}`)}, ``, 0, "", false, false},
	}
	for _, tt := range tests {
		for with, plan := range plans(tt.plan) {
			for how, src := range readers(tt.body) {
				for _, lines := range []bool{false, true} {
					if lines && (how == "one byte" || how == "halves") {
						continue // the reader is used up
					}
					t.Run(tt.name+"/"+with+"/"+how, func(t *testing.T) {
						w := tt.window
						if w.Lines = lines; lines {
							src = strings.NewReader(tt.body)
						}
						var out bytes.Buffer
						page, err := plan.Copy(&out, src, w)
						if err != nil {
							t.Fatal(err)
						}
						got := out.Bytes()
						if !lines {
							got = asLines(t, got)
						}
						if strings.TrimSuffix(string(got), "\n") != tt.want {
							t.Errorf("rows %s, want %s", got, tt.want)
						}
						if page.To != tt.to || page.Last != tt.last || page.More != tt.more || page.Found != tt.found {
							t.Errorf("page %+v", page)
						}
					})
				}
			}
		}
	}
}

func digest(row string) string {
	var a attention
	a.digesting, a.digest = true, fnvOffset
	a.end([]byte(row), len(row))
	return string(a.id)
}

// TestD5MarksOfAllRows collects them over several buffers, with ids and without.
func TestD5MarksOfAllRows(t *testing.T) {
	row := strings.Repeat("x", 1000)
	for name, plan := range map[string]*Plan{"ids": bare, "digests": {Array: true}} {
		var rows []string
		var want []uint64
		for i := range 700 {
			id := string(rune('0'+i%10)) + row[:i]
			text := `{"id":"` + id + `"}`
			rows = append(rows, text)
			switch {
			case plan.IDKey == "":
				want = append(want, Mark(digest(text)))
			case len(id)+2 > idLimit:
				want = append(want, 0)
			default:
				want = append(want, Mark(`"`+id+`"`))
			}
		}
		var got []uint64
		var out bytes.Buffer
		page, err := plan.Copy(&out, strings.NewReader("["+strings.Join(rows, ",")+"]"), Window{Marks: &got})
		if err != nil || out.Len() > 0 || page.Seen != len(rows) || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %d bytes, %+v; the same marks: %v", name, err, out.Len(), page, slices.Equal(got, want))
		}
	}
}

// TestD2Aggregations keeps what stands beside the data, before it and after it.
func TestD2Aggregations(t *testing.T) {
	plan := &Plan{DataKeys: []string{"users"}, Array: true, AggregationsKey: "aggregations", TotalKey: "total"}
	const buckets = `[ {"key":"a","value":1,"aggregations":[{"key":null}]}, {"users":[]} ]`
	for _, body := range []string{
		`{"aggregations":` + buckets + `,"users":[1],"total":3}`,
		`{"users":[1],"aggregations":` + buckets + `,"total":3}`,
		`{"users":[1],"aggregations":` + buckets + `,"total":3,"aggregations":7}`,
	} {
		for how, src := range readers(body) {
			var out bytes.Buffer
			page, err := plan.Copy(&out, src, Window{})
			if err != nil || page.Aggregations != buckets || page.Total != 3 || out.String() != "[1]" {
				t.Errorf("%s: %v, %+v, %s", how, err, page, out.String())
			}
		}
	}
	for _, value := range []string{"12.5", "null", `"x"`, "{}"} {
		page, err := plan.Copy(&bytes.Buffer{}, strings.NewReader(`{"users":[],"aggregations":`+value+`}`), Window{})
		if err != nil || page.Aggregations != value {
			t.Errorf("%s: %v, %+v", value, err, page)
		}
	}
	large := `{"users":[],"aggregations":"` + strings.Repeat("a", aggregationsLimit) + `"}`
	if _, err := plan.Copy(&bytes.Buffer{}, strings.NewReader(large), Window{}); !errors.Is(err, ErrAggregations) {
		t.Errorf("aggregations of more than 1 MiB: %v", err)
	}
}

// TestD4ArrayOrNot is about data that may be a list.
func TestD4ArrayOrNot(t *testing.T) {
	plan := &Plan{DataKeys: []string{"policies"}, OrWhole: true, ArrayOrNot: true, IDKey: "id"}
	for _, tt := range []struct {
		body, want string
		page       Page
	}{
		{`{"policies":[{"id":1},{"id":2}]}`, `[{"id":1}]`, Page{List: true, Rows: 1, Seen: 2, To: 1, More: true, Last: "1", Found: true, Total: -1}},
		{`[{"id":1},{"id":2}]`, `[{"id":1}]`, Page{List: true, Rows: 1, Seen: 2, To: 1, More: true, Last: "1", Found: true, Total: -1}},
		{`{"policies":{"id":1}}`, `{"id":1}`, Page{Found: true, Total: -1}},
		{`{"id":[1]}`, `{"id":[1]}`, Page{Found: true, Total: -1}},
		{`{"policies":null}`, `null`, Page{Found: true, Total: -1}},
	} {
		for how, src := range readers(tt.body) {
			var out bytes.Buffer
			if page, err := plan.Copy(&out, src, Window{Limit: 1}); err != nil || out.String() != tt.want || page != tt.page {
				t.Errorf("%s/%s: %v, %s, %+v", tt.body, how, err, out.String(), page)
			}
		}
	}
}
